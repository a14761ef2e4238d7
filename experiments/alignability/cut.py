"""The first sentences of every treebank's train part, as a release of its own: enough for prototypes."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from concept_align.treebanks.discover import find_treebanks


def sentences(file: Path) -> Iterator[str]:
    """The blocks of a CoNLL-U file, each with the blank line that ends it."""
    block: list[str] = []
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            block.append(line)
            if not line.strip():
                yield "".join(block)
                block = []


def cut(treebanks: Path, out: Path, most: int) -> int:
    """Write ``most`` sentences of each train file to ``out``; how many files there are."""
    files = [file for file in find_treebanks(treebanks) if file.split == "train"]
    for file in files:
        to = out / file.treebank / Path(file.path).name
        to.parent.mkdir(parents=True, exist_ok=True)
        kept = [block for _, block in zip(range(most), sentences(Path(file.path)), strict=False)]
        to.write_text("".join(kept), encoding="utf-8")
    return len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--treebanks", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=400)
    args = parser.parse_args()
    print(f"{cut(args.treebanks, args.out, args.sentences)} treebanks in {args.out}")


if __name__ == "__main__":
    main()
