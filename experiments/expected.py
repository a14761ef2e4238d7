"""Compare an experiment's tables with the headline numbers beside it, so that a rerun can fail.

    python experiments/expected.py experiments/43-languages [--tables WHERE_A_RERUN_WROTE]

``expected.json`` lists them: the table and the rows a number is taken from (the mean of ``rows`` rows of
``column``), what it was, how far a rerun may be from it (``within``), and how the README states it.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd


def value_of(entry: Mapping[str, Any], tables: Path) -> float:
    """The number of one entry, computed from the tables of a folder; ValueError if the rows are not there."""
    frame = pd.read_csv(tables / entry["table"])
    for column, wanted in entry["where"].items():
        frame = frame[frame[column].isin(wanted if isinstance(wanted, list) else [wanted])]
    if len(frame) != entry.get("rows", 1):
        raise ValueError(
            f"{entry['what']}: {len(frame)} rows of {entry['table']}, not {entry.get('rows', 1)}"
        )
    return float(frame[entry["column"]].mean())


def compare(folder: Path, tables: Path) -> list[tuple[str, float, float, float]]:
    """What, expected, found and allowed difference of every headline number."""
    entries = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return [(entry["what"], entry["expected"], value_of(entry, tables), entry["within"]) for entry in entries]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--tables", type=Path, help="folder of a rerun's tables; default: the experiment's own"
    )
    chosen = parser.parse_args(arguments)
    missed = 0
    for what, expected, found, within in compare(chosen.folder, chosen.tables or chosen.folder):
        fits = math.isclose(found, expected, rel_tol=0, abs_tol=within)
        missed += not fits
        print(f"{'ok  ' if fits else 'MISS'} {found:8.4f}  expected {expected:.4f} ± {within}  {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
