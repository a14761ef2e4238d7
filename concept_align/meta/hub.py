"""Saved aligners on the Hugging Face hub: what a folder holds, downloaded and uploaded."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from re import fullmatch
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import LearningError, UsageError
from ..integrity import SUMS
from .card import CARD, LICENCE
from .reference import ENTROPY
from .reference import NAME as REFERENCE
from .train import HISTORY

# What decides or describes an aligner's answers: SHA256SUMS lists those of them that are there.
SUMMED = (
    "config.json",
    "model.safetensors",
    "summary.json",
    "run.toml",
    "provenance.json",
    REFERENCE,
    ENTROPY,
)
# What a run of meta-training writes; the card and the licence, which their owner may edit, go with it.
RUN = (*SUMMED, HISTORY, SUMS)
FILES = (*RUN, CARD, LICENCE)
_NAME = r"[\w-]+(\.[\w-]+)*"  # of an owner or a repository: no "..", so no path


def locate(aligner: str | Path, *, revision: str | None = None, offline: bool = False) -> Path:
    """The folder of an aligner: ``aligner`` itself, or a snapshot of the hub's repository of that id.

    Text ``owner/name`` that is no folder is an id; ``revision`` is a commit, tag or branch of it. Raises
    UsageError for a revision of a folder, LearningError for what is neither a folder nor on the hub.
    """
    folder = Path(aligner).expanduser()
    # exists() of os.path knows names that no file can have.
    there = os.path.exists(folder)  # noqa: PTH110
    if isinstance(aligner, Path) or there or not fullmatch(f"{_NAME}/{_NAME}", aligner):
        if revision is not None:
            raise UsageError("a folder has no revisions", option="revision", remedy="leave it out")
        return folder
    from huggingface_hub import snapshot_download

    remedy = "check the folder or hub id and its revision; log in (hf auth login) where it is private"
    with _explained("no aligner here: not a folder, nor had from the hub", aligner, remedy):
        files = list(FILES)
        return Path(
            snapshot_download(aligner, revision=revision, local_files_only=offline, allow_patterns=files)
        )


def named_folder(folder: Path) -> Path:
    """``folder``; of a hub's snapshot (``models--owner--name/snapshots/COMMIT``), one called ``name``."""
    repository = folder.parent.parent
    snapshot = folder.parent.name == "snapshots"
    return repository.with_name(repository.name.rpartition("--")[2]) if snapshot else folder


class HubUpload(ABC):
    """What can be uploaded to the hub, as huggingface_hub's own mixin does it.

    That mixin itself deletes a folder's config.json first and writes a card of its own.
    """

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Write all that is to be uploaded into ``folder``."""

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str = "Upload of an aligner",
        private: bool | None = None,
        token: str | bool | None = None,
        branch: str | None = None,
        create_pr: bool = False,
    ) -> str:
        """Upload the aligner with its card, licence and provenance; the address of the commit.

        The repository ``repo_id`` (``owner/name``) is made where there is none, ``private`` or as its owner's
        are. ``token`` is that of ``hf auth login`` unless given. Among the files is run.toml, which names the
        store as it was given for training. Raises LearningError where the hub refuses or is out of reach.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        remedy = "log in (hf auth login) as an owner of it, while online"
        with TemporaryDirectory() as place:
            self._write(Path(place))
            with _explained("the aligner was not uploaded", repo_id, remedy):
                made = api.upload_folder(
                    repo_id=api.create_repo(repo_id, private=private, exist_ok=True).repo_id,
                    folder_path=place,
                    commit_message=commit_message,
                    revision=branch,
                    create_pr=create_pr,
                )
        return str(made.commit_url)


@contextmanager
def _explained(message: str, where: str, remedy: str) -> Iterator[None]:
    """Errors of the hub's library become LearningErrors that begin with ``message``."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    # Its first base is the error of the HTTP library, which differs between versions.
    faults: tuple[Any, ...] = (OSError, ValueError, HfHubHTTPError.__bases__[0])
    try:
        yield
    except LocalEntryNotFoundError as error:  # what it says is of its own options
        what = f"{message}: it was not downloaded before, and the hub is not asked or out of reach"
        raise LearningError(what, where=where, remedy=remedy) from error
    except faults as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        detail = " ".join(lines[:2])[:300] or type(error).__name__
        raise LearningError(f"{message}: {detail}", where=where, remedy=remedy) from error
