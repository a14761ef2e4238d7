"""Kills of the commands that write: the run resumes and leaves the bytes of an undisturbed one."""

from functools import partial

from campaign import Campaign
from kills import Killing
from works import killing

DEFAULT = {
    "extract": 6,
    "probe": 6,
    "alignability": 3,
    "meta-train": 2,
    "evaluate": 6,
    "icl": 3,
    "ask": 2,
    "intervene": 2,
    "tune": 1,
    "demo": 0,
    "fetch": 6,
}


CAMPAIGNS = [
    Campaign(
        f"kill-{name}",
        f"`{name}` killed at a random moment or before a step on the disk, and run again",
        partial(killing, name),
        Killing.case,
        default=default,
        full=60 if name == "demo" else 80,
    )
    for name, default in DEFAULT.items()
]
