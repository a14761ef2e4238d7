"""The slow path for broken sentences: name them, or take them out of their block."""

import re
from collections.abc import Iterable

_SENT_ID = re.compile(rb"#\s*sent_id\s*=\s*(.*?)\s*$")


def _around(lines: list[bytearray], line: int) -> tuple[int, int]:
    """First line and the line behind the last of the sentence that ``line`` belongs to."""
    first = last = line
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last < len(lines) and lines[last].strip():
        last += 1
    return first, last


def sent_id_at(data: bytearray, line: int) -> str | None:
    """The sent_id of the sentence around ``line`` (from 0), where it has one."""
    lines = data.split(b"\n")
    first, last = _around(lines, line)
    for text in lines[first:last]:
        if match := _SENT_ID.match(text):
            return match[1].decode(errors="replace")
    return None


def without(data: bytearray, broken: Iterable[int]) -> tuple[bytearray, list[int]]:
    """(``data`` with the sentences around the lines ``broken`` blanked, the first line of each).

    Blank lines take their place, so that all other lines keep their numbers.
    """
    lines = data.split(b"\n")
    firsts: list[int] = []
    for line in sorted(set(broken)):
        if not lines[line].strip():
            continue  # its sentence went with an earlier line
        first, last = _around(lines, line)
        lines[first:last] = [bytearray()] * (last - first)
        firsts.append(first)
    return bytearray(b"\n").join(lines), firsts
