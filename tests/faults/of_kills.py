"""Kills of the commands that write: the run resumes and leaves the bytes of an undisturbed one."""

from pathlib import Path

from campaign import Campaign
from fake_model import FakeModel
from fake_treebank import write
from kills import Killing

from concept_align.extraction.run import extract_files
from concept_align.store import Store


def extraction(folder: Path) -> Killing:
    """States of three files and statistics of one, of a model that takes its time."""
    files = [
        write(folder, "en", "train", [5, 3, 9, 1, 7, 4] * 10),
        write(folder, "en", "dev", [4, 2, 8] * 5),
        write(folder, "de", "train", [6, 3] * 10),
    ]

    def work(out: Path) -> None:
        if (out / "store.json").exists():
            damaged = [one for one in Store.open(out).verify() if "damaged:" in one.what]
            assert not damaged, f"looks whole and is not: {damaged}"
        model = FakeModel(seconds_a_sentence=0.002)
        extract_files(model, files, out, layers=[0, 1, 3])
        extract_files(model, files[1:2], out, layers=[0], sink="statistics", tasks=["upos"])

    return Killing(work, folder / "work")


def campaign(name: str, prepare, *, default: int = 8) -> Campaign:
    return Campaign(
        f"kill-{name}",
        f"`{name}` killed at a random moment or before a step on the disk, and run again",
        prepare,
        lambda killing, folder, rng: killing.case(folder, rng),
        default=default,
        full=80,
    )


CAMPAIGNS = [campaign("extract", extraction)]
