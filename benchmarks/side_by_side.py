"""Interleaved timing of several ways of doing the same work in one process.

The ways take turns, A B C A B C, so that drift of the machine's speed meets all of them; medians are
compared, as ratios. Every script of this folder prints tables for people on stderr and one JSON object of
named figures as its last line on stdout.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

# Deciles of sentence length in words: UD English-EWT 2.10, the first 500 sentences of the dev split.
EWT_DECILES = (1, 2.9, 4.8, 7, 9, 12, 16, 20, 25, 33, 75)


def interleaved(
    ways: Mapping[str, Callable[[], Any]],
    rounds: int,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each way over ``rounds`` turns, after ``warmup`` turns that do not count.

    ``clock``: ``time.process_time`` on a machine that has other work.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warmup + rounds):
        for name, way in ways.items():
            gc.collect()
            begin = clock()
            way()
            elapsed = clock() - begin
            if turn >= warmup:
                seconds[name].append(elapsed)
    return {name: statistics.median(values) for name, values in seconds.items()}


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options every benchmark takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small inputs, few rounds: a minute at most")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    return parser


def report(title: str, rows: Mapping[str, str], figures: Mapping[str, Any], *, only_json: bool) -> None:
    """The table for people, then the figures as one line of JSON on stdout."""
    if not only_json:
        width = max((len(name) for name in rows), default=0)
        print(title, file=sys.stderr)
        for name, text in rows.items():
            print(f"  {name:<{width}}  {text}", file=sys.stderr)
    print(json.dumps({key: round(v, 4) if isinstance(v, float) else v for key, v in figures.items()}))
