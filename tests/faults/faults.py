"""Run every campaign of faults in full and write the table of README.md: ``make faults``."""

import argparse
import sys
from pathlib import Path

import campaign as of

HEAD = """# Faults: what was tried, and how it ended

Each campaign damages something at random, with a seed, and uses it as a user would. **Refused**: one error
that names the place and the remedy. **Recovered**: done again, with the bytes or numbers of an undamaged run.
**Unchanged**: the damage changes nothing that is used. **Failed** is everything else: a traceback, a hang,
another result without a word. Written by `make faults`; the test suite runs a part of each campaign.

Rows are of several runs, some with a share of the full number of cases, which the first column of numbers
tells (`faults.py --only NAME --share PART --out FILE` renews the rows of that name alone).

| campaign | tried | refused | recovered | unchanged | failed |
|---|--:|--:|--:|--:|--:|
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of a campaign's name")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the table; rows of other campaigns stay")
    options = parser.parse_args()
    rows, failures = _rows(options.out), []
    for campaign in of.campaigns():
        if options.only and options.only not in campaign.name:
            continue
        cases = range(max(1, round(campaign.full * options.share)))
        tally = of.run(campaign, cases, seed=options.seed)
        rows[campaign.what] = f"| {campaign.what} | " + " | ".join(tally.row()) + " |"
        print(rows[campaign.what], f"{tally.seconds:.0f} s", flush=True)
        failures += [f"{campaign.name}: {one}" for one in tally.failures]
        if options.out:
            known = [rows[one.what] for one in of.campaigns() if one.what in rows]
            options.out.write_text(HEAD + "\n".join(known) + "\n", encoding="utf-8")
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


def _rows(path: Path | None) -> dict[str, str]:
    """The rows of an earlier table: campaigns that are not run again keep theirs."""
    lines = path.read_text("utf-8").splitlines() if path and path.is_file() else []
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}


if __name__ == "__main__":
    sys.exit(main())
