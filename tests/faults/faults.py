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

| campaign | tried | refused | recovered | unchanged | failed |
|---|--:|--:|--:|--:|--:|
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of a campaign's name")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the table; printed alone without")
    options = parser.parse_args()
    rows, failures = [], []
    for campaign in of.campaigns():
        if options.only and options.only not in campaign.name:
            continue
        cases = range(max(1, round(campaign.full * options.share)))
        tally = of.run(campaign, cases, seed=options.seed)
        rows.append(f"| {campaign.what} | " + " | ".join(tally.row()) + " |")
        print(rows[-1], f"{tally.seconds:.0f} s", flush=True)
        failures += [f"{campaign.name}: {one}" for one in tally.failures]
    print("\n".join(failures), file=sys.stderr)
    if options.out:
        options.out.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
