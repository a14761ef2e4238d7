"""Text as the trainer reads it: pieces, the word each belongs to, and that word's classes.

One ``.npz`` for each source and language: ``pieces`` uint16 [n], ``word`` int32 [n] counted from 0 in each
line, ``form`` int32 [n] its row in ``classes/LANGUAGE.npz`` (-1: a rare word), ``offsets`` int64
[lines + 1], ``keys`` int64 [lines] (-1: none; equal keys of one source are translations). And
``start.npy``, float32 [pieces, dims], where the embeddings start.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np
from mixture import Text, read_texts
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from words import words

Columns = dict[str, NDArray]


def encode(text: Text, tokenizer: PreTrainedTokenizerBase, forms: dict[str, int]) -> Columns:
    """The columns of one text; ``forms`` gives each known word its row."""
    batch = tokenizer(text.lines, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    pieces, word, form, offsets = [], [], [], [0]
    for line, ids, spans in zip(text.lines, batch["input_ids"], batch["offset_mapping"], strict=True):
        found = list(words(line, text.language)) or [(0, len(line), "")]
        at = 0
        for piece, (begin, end) in zip(ids, spans, strict=True):
            begin += line[begin] == " " and begin < end - 1  # a piece's span opens with the space before it
            while at < len(found) - 1 and found[at][1] <= begin:
                at += 1
            pieces.append(piece)
            word.append(at)
            form.append(forms.get(found[at][2], -1))
        offsets.append(len(pieces))
    keys = [zlib.crc32(key.encode()) if key else -1 for key in text.keys]
    return {
        "pieces": np.array(pieces, np.uint16),
        "word": np.array(word, np.int32),
        "form": np.array(form, np.int32),
        "offsets": np.array(offsets, np.int64),
        "keys": np.array(keys, np.int64),
    }


class Start:
    """Where embeddings start: the mean description of the words that a piece is part of.

    Each language's own description is turned at random in its own way, so that languages do not collide.
    """

    def __init__(self, pieces: int, dims: int) -> None:
        self.total, self.seen = np.zeros((pieces, dims), np.float32), np.zeros(pieces, np.float32)

    def add(self, language: str, columns: Columns, own: NDArray, shared: NDArray) -> None:
        dims = self.total.shape[1]
        turn = np.random.default_rng(zlib.crc32(language.encode())).normal(size=(own.shape[1], dims // 2))
        fixed = np.random.default_rng(0).normal(size=(shared.shape[1], dims - dims // 2))
        described = np.concatenate([own @ turn, shared @ fixed], axis=1).astype(np.float32)
        pairs = np.stack([columns["pieces"].astype(np.int64), columns["form"]])[:, columns["form"] >= 0]
        once, often = np.unique(pairs[0] * len(own) + pairs[1], return_counts=True)
        often = np.sqrt(often).astype(np.float32)
        np.add.at(self.total, once // len(own), described[once % len(own)] * often[:, None])
        np.add.at(self.seen, once // len(own), often)

    def vectors(self) -> NDArray:
        """float32 [pieces, dims], of mean 0 and variance 1; noise for pieces that no known word has."""
        known = self.seen > 0
        mean = self.total / np.maximum(self.seen, 1)[:, None]
        mean -= mean[known].mean(0)
        mean /= np.sqrt(np.square(mean[known]).mean(0)) + 1e-6
        mean[~known] = np.random.default_rng(0).normal(size=(int((~known).sum()), mean.shape[1]))
        return mean.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument("--dims", type=int, default=256, help="of the embeddings")
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.work / "tokenizer")
    start = Start(len(tokenizer), args.dims)
    for text in read_texts(args.work / "text"):
        classes = np.load(args.work / "classes" / f"{text.language}.npz")
        forms = {form: row for row, form in enumerate(classes["forms"].tolist())}
        columns = encode(text, tokenizer, forms)
        start.add(text.language, columns, classes["own_description"], classes["shared_description"])
        file = args.work / "tokens" / text.source / f"{text.language}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **columns)
        print(f"{text.source} {text.language}: {len(columns['pieces']):,} pieces", flush=True)
    np.save(args.work / "tokens" / "start.npy", start.vectors())


if __name__ == "__main__":
    main()
