"""Archives and manifests that are damaged, or made to do harm: a fetch takes them, or says why not."""

import gzip
import io
import json
import lzma
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign import Campaign, Outcome, flipped
from kills import contents

from concept_align.hashing import sha256_file
from concept_align.treebanks.fetch import fetch_treebanks
from concept_align.treebanks.manifest import read_manifest, verify

TOP = "ud-treebanks-v9.9"
WORDS = b"1\ta\ta\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
FILES = {
    "UD_A-X/a_x-ud-test.conllu": WORDS * 3,
    "UD_A-X/a_x-ud-train.conllu": WORDS * 500,
    "UD_A-X/LICENSE.txt": b"free",
    "UD_B-Y/b_y-ud-test.conllu": WORDS,
    "UD_B-Y/not-to-release/notes.txt": b"notes",
}
PACKS: list[Callable[[bytes], bytes]] = [lambda data: gzip.compress(data, mtime=0), lzma.compress, bytes]
BAD_NAMES = [
    "/abs/UD_A-X/evil", "../UD_A-X/evil", "UD_A-X/../../evil", "C:/UD_A-X/evil", "UD_A-X\\..\\evil", "UD_A-X",
    "UD_A-X/" + "d/" * 1000 + "f", "UD_A-X/" + "n" * 3000, "UD_A-X/\udcff\udcfe", "UD_\udcff-X/f",
    "UD_A\x1b[2J-X/f", "UD_A-X/a\nb", "UD_A-X/a_x-ud-test.conllu", "UD_a-x/f", "UD_.-X/..", ".unpacking-1/f",
    "MANIFEST.json", "UD_", "", "UD_Foreign-Z/mine.txt", "UD_B-Y/b_y-ud-test.conllu/f",
]  # fmt: skip
PAX = [
    {"path": "UD_A-X/../../evil"}, {"path": "UD_A-X/\x00\x1b"}, {"path": ""}, {"path": "UD_A-X/" + "é" * 200},
    {"size": "-1"}, {"size": "1" * 40}, {"size": "x"}, {"mtime": "nan"}, {"mtime": "1e999"},
    {"linkpath": "/etc"}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, {"GNU.sparse.map": "1,-5,x"},
    {"GNU.sparse.size": "9" * 30}, {"hdrcharset": "BINARY"}, {"uname": "\x1b[31m"},
]  # fmt: skip


def tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as out:
        for info, content in members:
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, content: bytes = b"x", **facts: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info, content


def good() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [member(f"{TOP}/{name}", content) for name, content in FILES.items()]


def header_changed(data: bytes, rng: random.Random) -> bytes:
    """A field of one header overwritten, with a checksum that fits."""
    starts = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
    at = rng.choice(starts)
    header = bytearray(data[at : at + 512])
    begin, size = rng.choice([(0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (345, 155)])
    fills = [
        b"\xff" * size, b"\x80" + b"\xff" * (size - 1), b"\0" * size, b"7" * size, rng.randbytes(size),
        b"\x80" + b"\0" * (size - 2) + b"\x01",
    ]  # fmt: skip
    header[begin : begin + size] = rng.choice(fills)[:size].ljust(size, b"\0")
    if begin == 156:
        header[156] = rng.randrange(256)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return data[:at] + bytes(header) + data[at + 512 :]


def harmful(rng: random.Random) -> bytes:
    """The good members and one that has no place in a release, somewhere among them."""
    members = good()
    match rng.randrange(5):
        case 0:
            bad = [member(rng.choice(BAD_NAMES))]
        case 1:
            kind = rng.choice(
                [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"S", b"Z"]
            )
            target = rng.choice(["/etc/passwd", "..", "a_x-ud-test.conllu", f"{TOP}/UD_A-X/LICENSE.txt"])
            bad = [
                member(f"{TOP}/UD_A-X/second", b"", type=kind, linkname=target),
                member(f"{TOP}/UD_A-X/second/f"),
            ]
        case 2:
            bad = [member(f"{TOP}/UD_A-X/pax", pax_headers=rng.choice(PAX))]
        case 3:
            bad = [
                member(f"{TOP}/UD_A-X/{'s/' * rng.randrange(40)}{n}/f") for n in range(rng.choice([1, 50]))
            ]
        case _:
            bad = [member(f"{TOP}/UD_C-Z/zeros", bytes(1 << 16)), member(f"{TOP}/{rng.choice(BAD_NAMES)}")]
    place = rng.randrange(len(members) + 1)
    return tar([*members[:place], *bad, *members[place:]])


@dataclass(frozen=True)
class Prepared:
    plain: bytes  # the good archive, as tar
    listed: bytes  # a manifest that lists UD_A-X, put there by an earlier fetch
    earlier: Path  # the folder of that


def prepare(folder: Path) -> Prepared:
    plain = tar(good())
    earlier = folder / "earlier"
    earlier.mkdir(parents=True)
    (earlier / f"{TOP}.tgz").write_bytes(gzip.compress(plain))
    fetch_treebanks(
        earlier, ["UD_A-X"], release="9.9", url="http://127.0.0.1:9", unverified=True, offline=True
    )
    (earlier / f"{TOP}.tgz").unlink()
    return Prepared(plain, (earlier / "MANIFEST.json").read_bytes(), earlier)


def case(prepared: Prepared, folder: Path, rng: random.Random) -> Outcome:
    out = folder / "out"
    listed = rng.random() < 0.4
    shutil.copytree(prepared.earlier, out) if listed else out.mkdir()
    foreign = {"notes.txt": b"mine", "UD_Foreign-Z/mine.txt": b"mine", "../beside.txt": b"mine"}
    if rng.random() < 0.3:
        foreign["UD_A-X/mine.txt"] = b"mine"
    for name, content in foreign.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(content)
    pack, exact = rng.choice(PACKS), False
    match rng.randrange(6):
        case 0:
            data, exact = flipped(pack(prepared.plain), rng), pack is not PACKS[2]
        case 1:
            data = pack(flipped(prepared.plain, rng))
        case 2:
            data = pack(header_changed(prepared.plain, rng))
        case 3:
            data = pack(harmful(rng))
        case 4:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as zipped:
                for name, content in FILES.items():
                    zipped.writestr(f"{TOP}/{name}", content)
            data = flipped(buffer.getvalue(), rng)
        case _:
            data, exact = pack(prepared.plain), True
            (out / "MANIFEST.json").write_bytes(manifest(prepared.listed, rng))
    (out / "ud-treebanks-v9.9.tgz").write_bytes(data)
    names = rng.choice([None, ["UD_A-X", "UD_B-Y"], ["UD_B-Y"]])
    settings: dict[str, Any] = {
        "release": "9.9",
        "url": "http://127.0.0.1:9/x",
        "unverified": True,
        "offline": True,
    }
    before = contents(folder)
    try:
        report = fetch_treebanks(out, names, force=rng.random() < 0.5, **settings)
    except Exception:
        assert contents(folder) == before, "refused, and something was changed"
        raise
    after = contents(folder)
    for name in foreign:
        path = Path("out") / name if ".." not in name else Path("beside.txt")
        assert after[path] == b"mine", f"{name} was changed"
    there = {path for path in after if path.parts[:1] == ("out",)} - before.keys()
    written = {*report.written}
    assert all(path.parts[1] in written or path.name == "MANIFEST.json" for path in there), sorted(there)
    assert after.keys() - before.keys() == there
    for treebank in written:
        known = (read_manifest(out) or {})["treebanks"][treebank]
        found = {name: sha256_file(out / treebank / name) for name in known["files"]}
        assert {name: facts["sha256"] for name, facts in known["files"].items()} == found
        assert "unpacking" not in known
        if exact:
            have = {str(p.relative_to("out")): after[p] for p in after if p.parts[1:2] == (treebank,)}
            assert have == {
                name: content for name, content in FILES.items() if name.startswith(f"{treebank}/")
            }
    verify([])
    return "unchanged"


def manifest(data: bytes, rng: random.Random) -> bytes:
    """A manifest with bytes changed, or a value of another kind somewhere."""
    if rng.random() < 0.5:
        return flipped(data, rng)
    whole = json.loads(data)
    where, odd = whole, rng.choice([None, 3, -1, "x", [], {}, [1], {"x": 1}, "../..", True, 1e308])
    while True:
        key = rng.choice(list(where))
        if isinstance(where[key], dict) and where[key] and rng.random() < 0.7:
            where = where[key]
            continue
        where[key] = odd
        return json.dumps(whole).encode()


CAMPAIGNS = [
    Campaign(
        "archives",
        "an archive or manifest damaged, or made to do harm, and `treebanks fetch` told to unpack it",
        prepare,
        case,
        full=3000,
    )
]
