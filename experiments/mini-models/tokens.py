"""Text as the trainer reads it: pieces, the word each belongs to, and that word's classes.

One ``.npz`` for each source and language: ``pieces`` uint16 [n], ``word`` int32 [n] counted from 0 in each
line, ``form`` int32 [n] its row in ``classes/LANGUAGE.npz`` (-1: a rare word), ``offsets`` int64
[lines + 1], ``keys`` int64 [lines] (-1: none; equal keys of one source are translations).
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


def encode(
    text: Text, tokenizer: PreTrainedTokenizerBase, forms: dict[str, int], segmenters: Path
) -> Columns:
    """The columns of one text; ``forms`` gives each known word its row."""
    batch = tokenizer(text.lines, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    pieces, word, form, offsets = [], [], [], [0]
    for line, ids, spans in zip(text.lines, batch["input_ids"], batch["offset_mapping"], strict=True):
        found = list(words(line, text.language, segmenters)) or [(0, len(line), "")]
        at = 0
        for piece, (opening, end) in zip(ids, spans, strict=True):
            begin = opening + (line[opening] == " " and opening < end - 1)  # past the space before a word
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.work / "tokenizer")
    for text in read_texts(args.work / "text"):
        classes = np.load(args.work / "classes" / f"{text.language}.npz")
        forms = {form: row for row, form in enumerate(classes["forms"].tolist())}
        columns = encode(text, tokenizer, forms, args.work / "segmenters")
        file = args.work / "tokens" / text.source / f"{text.language}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **columns)
        print(f"{text.source} {text.language}: {len(columns['pieces']):,} pieces", flush=True)


if __name__ == "__main__":
    main()
