"""The classes all languages share: English's own, carried to other languages by translation.

In lines that translate each other, words are aligned (Model 1 of Brown et al. 1993, both ways, with a
preference for like places in the line; no dictionary, no labels). A word of another language then has a
share of each English class: that of the words it is aligned with, and, where it is rare, of those that the
words of its own class are aligned with. The largest share is its shared class: a cluster gathers words of
many languages that translate English words which stand in like places.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mixture import TREEBANKS
from numpy.typing import NDArray
from scipy import sparse

PIVOT = "en"
LONGEST = 15  # words of a line: short lines leave little to confuse
MOST = 15_000  # lines of a source
ROUNDS = 5
NEARNESS = 3.0  # how much like places are preferred
FAINT = 0.05  # alignments less likely than this are dropped
KAPPA = 5.0  # how many aligned words weigh as much as the word's own class
Ints = NDArray[np.int64]


class Lines(NamedTuple):
    """One source in one language: lines of words as rows of ``classes/LANGUAGE.npz``."""

    form: Ints
    word: Ints
    offsets: Ints
    at: dict[int, int]  # line of a key

    @classmethod
    def read(cls, file: Path) -> "Lines":
        held = np.load(file)
        at = {int(key): line for line, key in enumerate(held["keys"]) if key >= 0}
        return cls(held["form"].astype(np.int64), held["word"], held["offsets"], at)

    def words(self, key: int) -> Ints:
        line = self.at[key]
        here = slice(self.offsets[line], self.offsets[line + 1])
        word = self.word[here]
        first = np.concatenate([[True], word[1:] != word[:-1]]) if len(word) else np.zeros(0, bool)
        return self.form[here][first]


def translated(ours: list[Lines], theirs: list[Lines], seed: int) -> tuple[list[Ints], list[Ints]]:
    """Lines that translate each other, source by source, of two to ``LONGEST`` words and like lengths."""
    generator = np.random.default_rng(seed)
    left: list[Ints] = []
    right: list[Ints] = []
    for one, other in zip(ours, theirs, strict=True):
        keys = np.array(sorted(one.at.keys() & other.at.keys()), np.int64)
        taken = 0
        for key in generator.permutation(keys).tolist():
            a, b = one.words(key), other.words(key)
            sizes = sorted((len(a), len(b)))
            if sizes[0] < 2 or sizes[1] > LONGEST or sizes[1] > 3 * sizes[0]:
                continue
            left.append(a)
            right.append(b)
            taken += 1
            if taken == MOST:
                break
    return left, right


def align(left: list[Ints], right: list[Ints], shape: tuple[int, int]) -> sparse.csr_matrix:
    """[left forms, right forms] expected number of times two words are aligned, both ways at once."""
    long, wide = (np.array([len(line) for line in lines]) for lines in (left, right))
    cells = long * wide
    pair = np.repeat(np.arange(len(left)), cells)
    inside = np.arange(int(cells.sum())) - (np.cumsum(cells) - cells)[pair]
    row, column = inside // wide[pair], inside % wide[pair]
    i, j = (np.cumsum(long) - long)[pair] + row, (np.cumsum(wide) - wide)[pair] + column
    apart = np.abs((row + 0.5) / long[pair] - (column + 0.5) / wide[pair])
    prior = np.exp(-NEARNESS * apart)
    a, b = np.concatenate(left)[i], np.concatenate(right)[j]
    known = (a >= 0) & (b >= 0)
    a, b, i, j, prior = a[known], b[known], i[known], j[known], prior[known]
    types, of = np.unique(a * shape[1] + b, return_inverse=True)
    either = np.ones(len(of))
    for given, place in ((types % shape[1], i), (types // shape[1], j)):
        chance = np.ones(len(types))
        for _ in range(ROUNDS):
            share = chance[of] * prior
            share /= np.bincount(place, share)[place] + 1e-6
            expected = np.bincount(of, share, minlength=len(types))
            # The constant keeps rare words from explaining everything.
            chance = expected / (np.bincount(given, expected)[given] + 0.3)
        either *= share
    found = sparse.coo_matrix((either, (a, b)), shape=shape).tocsr()
    found.data[found.data < FAINT] = 0
    found.eliminate_zeros()
    return found


def _members(classes: Ints) -> sparse.csr_matrix:
    """[words, classes] 1 where a word is of a class."""
    ones = np.ones(len(classes))
    return sparse.csr_matrix((ones, (np.arange(len(classes)), classes)))


def carried(aligned: sparse.csr_matrix, own: Ints, pivot: Ints) -> Ints:
    """[words] the shared class of each word."""
    shares = np.asarray((aligned @ _members(pivot)).todense())
    # Damped, so that the commonest word of a class does not speak for all of it.
    damped = shares / np.sqrt(shares.sum(1, keepdims=True) + 1)
    by_class = np.asarray(_members(own).T @ damped)
    usual = by_class.sum(0) / by_class.sum()
    by_class = (by_class + 1e-3 * usual) / (by_class.sum(1, keepdims=True) + 1e-3)
    return (shares + KAPPA * by_class[own]).argmax(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = args.work / "classes"
    counts = json.loads((folder / "classes.json").read_text())
    pivot = np.load(folder / f"{PIVOT}.npz")["own"]
    files = sorted((args.work / "tokens").glob(f"*/{PIVOT}.npz"))
    english = {file.parent: Lines.read(file) for file in files if file.parent.name != TREEBANKS}
    for code in counts["languages"]:
        own = np.load(folder / f"{code}.npz")["own"]
        shared = pivot
        if code != PIVOT:
            # A language's second script has sources of its own, which translate the same English.
            found = [
                (Lines.read(file), theirs)
                for source, theirs in english.items()
                for file in sorted(source.parent.glob(f"{source.name}*/{code}.npz"))
            ]
            left, right = translated([ours for ours, _ in found], [theirs for _, theirs in found], args.seed)
            shared = carried(align(left, right, (len(own), len(pivot))), own, pivot)
            print(f"{code}: {len(left):,} lines", flush=True)
        np.save(folder / f"{code}.shared.npy", shared)
    counts["shared"] = int(pivot.max()) + 1
    (folder / "classes.json").write_text(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
