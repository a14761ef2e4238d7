"""Word classes from counts alone: what the models learn to predict beside the words themselves.

Each language has an inventory of its own, found without labels: a word is described by the classes of the
words directly left and right of it and by its ending, the descriptions are clustered, and the clusters are
the classes of the next round (in the spirit of Clark 2003); the commonest words are classes by themselves.
``translations.py`` adds the inventory that all languages share.

Beside them a description in one space for all languages: the translated paragraphs in which a word occurs
(Levy et al. 2017), and the mean description of its left and right neighbours, standardised by language. Both
descriptions start the piece embeddings.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mixture import TREEBANKS, Text, read_texts
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.utils.extmath import randomized_svd
from words import words

CONTEXTS = 400  # commonest words of a language: the neighbours of the first round
ALONE = 100  # of them, classes by themselves
ROUNDS = 4
MIN_COUNT = 1
COMMON = 4  # occurrences from which on a word helps to find the classes; others are given one
LANGUAGES = 11  # a paragraph tells something in more languages than this
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Language:
    """The words of one language: their forms, counts, and lines as indices (-1: a rare word)."""

    code: str
    forms: list[str]
    counts: NDArray[np.int64]
    lines: list[NDArray[np.int32]]
    paragraphs: list[str]  # of each line: "SOURCE KEY", or ""
    prose: NDArray[np.int64]  # lines that show how sentences go: treebank text, and a third of the rest


def count(code: str, texts: list[Text], segmenters: Path) -> Language:
    """Read the texts of a language into indices of words that occur at least ``MIN_COUNT`` times."""
    rows: list[list[str]] = []
    paragraphs: list[str] = []
    prose: list[int] = []
    for text in texts:
        first = len(rows)
        prose += range(first, first + len(text.lines), 1 if text.source == TREEBANKS else 3)
        for key, line in zip(text.keys, text.lines, strict=True):
            rows.append([form for _, _, form in words(line, code, segmenters)])
            paragraphs.append(f"{text.source.split('-latin')[0]} {key}" if key else "")
    counts = Counter(form for row in rows for form in row)
    forms = [form for form, seen in counts.most_common() if seen >= MIN_COUNT]
    index = {form: place for place, form in enumerate(forms)}
    lines = [np.array([index.get(form, -1) for form in row], np.int32) for row in rows]
    return Language(
        code, forms, np.array([counts[form] for form in forms]), lines, paragraphs, np.array(prose)
    )


def neighbours(
    language: Language, lines: list[NDArray[np.int32]]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """[forms, forms + 2] counts of the words to the left and to the right; then rare words, then edges."""
    size = len(language.forms)
    flat = np.concatenate([np.concatenate([[size + 1], line, [size + 1]]) for line in lines])
    flat = np.where(flat < 0, size, flat)
    sides = []
    for one, other in ((flat[1:], flat[:-1]), (flat[:-1], flat[1:])):
        own = one < size
        ones = np.ones(int(own.sum()), np.float32)
        sides.append(sparse.csr_matrix((ones, (one[own], other[own])), shape=(size, size + 2)))
    return sides[0], sides[1]


def information(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Positive pointwise mutual information of a matrix of counts."""
    entries = counts.tocoo()
    rows, columns = (np.asarray(counts.sum(axis)).ravel() for axis in (1, 0))
    value = np.log(entries.data * rows.sum() / (rows[entries.row] * columns[entries.col]))
    return sparse.csr_matrix((np.maximum(value, 0), (entries.row, entries.col)), shape=counts.shape)


def endings(forms: list[str]) -> sparse.csr_matrix:
    """[forms, endings] 1 where a form of four letters or more ends so, for the last one to three letters."""
    index: dict[str, int] = {}
    entries = [
        (row, index.setdefault(form[-length:], len(index)))
        for row, form in enumerate(forms)
        if len(form) > 3
        for length in (1, 2, 3)
    ]
    rows, columns = np.array(entries or [(0, 0)]).T
    return sparse.csr_matrix(
        (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(forms), max(1, len(index)))
    )


def unit(x: Floats) -> Floats:
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-6)


def own_classes(language: Language, classes: int, dims: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """[forms] a class of its own inventory for each word, and [forms, 2 dims] what it was found by."""
    sides = neighbours(language, [language.lines[line] for line in language.prose])
    size = len(language.forms)
    seen = np.asarray(sides[0].sum(1)).ravel()
    weight = np.sqrt(seen + 0.1)
    common = seen >= COMMON if (seen >= COMMON).sum() > 40 else seen >= 0
    alone = np.argsort(-seen, kind="stable")[: min(ALONE, int(common.sum()) // 10)]
    first = np.argsort(-seen, kind="stable")[: min(CONTEXTS, size)]
    shape = information(endings(language.forms).multiply(np.log1p(language.counts)[:, None]).tocsr())
    shape = _reduced(shape, dims, np.ones(size), seed)
    context = np.full(size + 2, len(first), np.int64)
    context[first] = np.arange(len(first))
    context[size:] = len(first) + 1, len(first) + 2
    for _ in range(ROUNDS):
        sums = sparse.csr_matrix((np.ones(size + 2, np.float32), (np.arange(size + 2), context)))
        near = []
        for side in sides:
            found = np.asarray((side @ sums).todense(), np.float32)
            overall = (found.sum(0) + 1e-3) / (found.sum() + 1e-3 * found.shape[1])
            # Square roots of probabilities: differences between them weigh common neighbours right.
            near.append(
                np.sqrt((found + 10 * overall) / (found.sum(1, keepdims=True) + 10)) - np.sqrt(overall)
            )
        described = _reduced(np.concatenate(near, axis=1), dims, weight, seed)
        scale = np.sqrt(np.average(np.square(described).sum(1), weights=weight))
        usual = np.sqrt(np.square(described[common]).sum(1).mean())
        described = np.concatenate([described, 0.5 * usual * unit(shape)], axis=1) / scale
        means = KMeans(min(classes, max(2, int(common.sum()) // 20)), n_init=2, random_state=seed)
        labels = (
            means.fit(described[common], sample_weight=weight[common]).predict(described).astype(np.int64)
        )
        labels[alone] = labels.max() + 1 + np.arange(len(alone))
        context = np.append(labels, [labels.max() + 1, labels.max() + 2])
    return labels, described


def _reduced(x: Floats | sparse.csr_matrix, dims: int, weights: NDArray, seed: int) -> Floats:
    """[rows, dims] of ``x`` along its main directions, rows weighted."""
    weighted = x.multiply(weights[:, None]).tocsr() if sparse.issparse(x) else x * weights[:, None]
    _, _, directions = randomized_svd(weighted, min(dims, min(x.shape) - 1), n_iter=3, random_state=seed)
    out = np.zeros((x.shape[0], dims), np.float32)
    out[:, : len(directions)] = x @ directions.T
    return out


def shared_description(languages: list[Language], dims: int, seed: int) -> list[Floats]:
    """[forms, 3 dims] of each language, in one space: paragraphs, left neighbours, right neighbours."""
    seen: dict[str, set[str]] = {}
    for language in languages:
        for paragraph in filter(None, language.paragraphs):
            seen.setdefault(paragraph, set()).add(language.code)
    index = {p: i for i, p in enumerate(sorted(p for p, codes in seen.items() if len(codes) > LANGUAGES))}
    blocks = []
    for language in languages:
        at = [index.get(p, -1) for p in language.paragraphs]
        pairs = [
            np.stack([line, np.full_like(line, i)])
            for line, i in zip(language.lines, at, strict=True)
            if i >= 0
        ]
        rows, columns = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int32)
        rows, columns = rows[rows >= 0], columns[rows >= 0]
        block = sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(language.forms), len(index))
        )
        block.data[:] = 1
        blocks.append(block)
    stacked = sparse.vstack(blocks).tocsr()
    weight = np.log(stacked.shape[0] / (1 + np.asarray((stacked > 0).sum(0)).ravel()))
    stacked = stacked.multiply(weight).tocsr()
    norms = np.sqrt(np.asarray(stacked.multiply(stacked).sum(1)).ravel()) + 1e-6
    stacked = sparse.diags(1 / norms) @ stacked
    u, s, _ = randomized_svd(stacked, dims, n_iter=2, random_state=seed)
    held = (u * s).astype(np.float32)
    out, start = [], 0
    for language, block in zip(languages, blocks, strict=True):
        mine = held[start : start + len(language.forms)]
        start += len(language.forms)
        known = np.asarray(block.sum(1)).ravel() >= 3
        mine = np.where(known[:, None], unit(_centred(mine, language.counts * known)), 0)
        mine = np.concatenate([mine, np.zeros((2, dims), np.float32)])
        parts = [mine[:-2]]
        for side in neighbours(language, language.lines):
            total = np.asarray(side.sum(1)).ravel()
            edge = np.asarray(side[:, -1].todense()).ravel() / total
            near = np.column_stack([(side @ mine) / total[:, None], edge])
            parts.append(unit(_centred(near, language.counts)))
        out.append(np.concatenate([0.7 * parts[0], parts[1], parts[2]], axis=1).astype(np.float32))
    return out


def _centred(x: Floats, weights: NDArray) -> Floats:
    """Mean 0 and variance 1 in each dimension: no dimension may tell the language."""
    if not weights.any():
        return x
    mean = np.average(x, axis=0, weights=weights)
    return (x - mean) / (np.sqrt(np.average(np.square(x - mean), axis=0, weights=weights)) + 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument(
        "--own",
        type=int,
        default=96,
        help="classes of each language's own inventory, beside the commonest words",
    )
    parser.add_argument("--dims", type=int, default=48, help="of a description")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    texts: dict[str, list[Text]] = {}
    for text in read_texts(args.work / "text"):
        texts.setdefault(text.language, []).append(text)
    languages = [count(code, held, args.work / "segmenters") for code, held in sorted(texts.items())]
    shared = shared_description(languages, args.dims, args.seed)
    folder = args.work / "classes"
    folder.mkdir(parents=True, exist_ok=True)
    most = 0
    for language, described in zip(languages, shared, strict=True):
        labels, own = own_classes(language, args.own, args.dims, args.seed)
        np.savez(
            folder / f"{language.code}.npz",
            forms=np.array(language.forms),
            counts=language.counts,
            own=labels,
            own_description=own,
            shared_description=described,
        )
        most = max(most, int(labels.max()) + 1)
        print(f"{language.code}: {len(language.forms)} words, {labels.max() + 1} classes", flush=True)
    counts = {"languages": [language.code for language in languages], "own": most}
    (folder / "classes.json").write_text(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
