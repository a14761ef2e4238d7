"""Where the piece embeddings start: ``start.npy``, float32 [pieces, dims], from the descriptions of words."""

import argparse
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer


class Start:
    """Where embeddings start: the mean description of the words that a piece is part of.

    Each language's own description is turned at random in its own way, so that languages do not collide.
    """

    def __init__(self, pieces: int, dims: int) -> None:
        self.total, self.seen = np.zeros((pieces, dims), np.float32), np.zeros(pieces, np.float32)

    def add(self, language: str, columns: dict[str, NDArray], own: NDArray, shared: NDArray) -> None:
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
    start = Start(len(AutoTokenizer.from_pretrained(args.work / "tokenizer")), args.dims)
    for file in sorted((args.work / "tokens").glob("*/*.npz")):
        classes = np.load(args.work / "classes" / file.name)
        columns = dict(np.load(file))
        start.add(file.stem, columns, classes["own_description"], classes["shared_description"])
    np.save(args.work / "tokens" / "start.npy", start.vectors())


if __name__ == "__main__":
    main()
