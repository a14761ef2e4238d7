"""Files that are aligned line by line, one a language: line n of each says the same (OPUS, Moses)."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import UsageError
from ..parallel import Parallel
from .rows import code_of, lines_of


def named(pair_langs: Sequence[str], count: int, spec: str) -> tuple[str, ...]:
    """The languages of ``count`` files or fields that do not name theirs. UsageError where they are not."""
    codes = tuple(code_of(name, spec, option="pair_langs") for name in pair_langs)
    if len(codes) != count or len(set(codes)) != count:
        what = f"{spec} is in {count} languages that it does not name; {len(set(codes))} are given"
        raise UsageError(what, option="pair_langs", remedy="name them in order: en,de")
    return codes


def read(paths: Sequence[Path], languages: Sequence[str]) -> Parallel:
    """The files ``paths`` in these languages, by the number of the line; an empty line is a missing text."""
    source = ",".join(map(str, paths))
    return Parallel.of(aligned(paths, languages), source=source)


def aligned(paths: Sequence[Path], languages: Sequence[str], prefix: str = "") -> dict[str, dict[str, str]]:
    """Texts by language and line from 1, after ``prefix``. UsageError where files differ in their lines."""
    every = [lines_of(path) for path in paths]
    for path, lines in zip(paths, every, strict=True):
        if len(lines) != len(every[0]):
            what = f"{len(lines):,} lines, where {paths[0]} has {len(every[0]):,}"
            remedy = "give files in which line n of each says the same"
            raise UsageError(what, where=str(path), remedy=remedy)
    return {
        language: {f"{prefix}{number}": line for number, line in enumerate(lines, 1)}
        for language, lines in zip(languages, every, strict=True)
    }
