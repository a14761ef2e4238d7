"""Kills of the commands that write: the run resumes and leaves the bytes of an undisturbed one."""

import hashlib
import io
import os
import random
import tarfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from campaign import Campaign
from fake_model import FakeModel
from fake_treebank import write
from kills import Killing

from concept_align.extraction.run import extract_files
from concept_align.store import Store
from concept_align.treebanks.fetch import fetch_treebanks


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


class _Archives(BaseHTTPRequestHandler):
    """Two releases of two treebanks, sent in small parts, from where they are asked for."""

    parts = 12

    @staticmethod
    def release(version: str) -> bytes:
        rng, buffer = random.Random(version), io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as out:
            for name in ("UD_A-X/a_x-ud-train.conllu", "UD_A-X/LICENSE.txt", "UD_B-Y/b_y-ud-test.conllu"):
                info = tarfile.TarInfo(f"ud-treebanks-v{version}/{name}")
                info.size = 20_000
                out.addfile(info, io.BytesIO(rng.randbytes(info.size)))
        return buffer.getvalue()

    def do_GET(self) -> None:
        body = self.release(self.path[1:])
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if begin else 200)
        self.send_header("ETag", f'"{self.path}"')
        self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        size = len(body) // self.parts
        try:
            for at in range(begin, len(body), size):
                self.wfile.write(body[at : at + size])
                time.sleep(0.001)
        except OSError:  # whoever asked was killed
            pass

    def log_message(self, *_: object) -> None:
        pass


class _Server(HTTPServer):
    def service_actions(self) -> None:
        if os.getppid() != self.parent:
            os._exit(0)

    def handle_error(self, *_: object) -> None:
        pass


def fetching(folder: Path) -> Killing:
    """A release fetched and one treebank of it replaced by that of another, from a server in a process of its
    own."""
    server = _Server(("127.0.0.1", 0), _Archives)
    server.parent = os.getpid()
    if os.fork() == 0:
        server.serve_forever(poll_interval=0.2)
    url = f"http://127.0.0.1:{server.server_port}/"
    server.socket.close()
    os.environ["no_proxy"] = "127.0.0.1"
    sums = {version: hashlib.sha256(_Archives.release(version)).hexdigest() for version in ("9.8", "9.9")}

    def work(out: Path) -> None:
        for version, names, force in (("9.8", ["UD_A-X", "UD_B-Y"], False), ("9.9", ["UD_A-X"], True)):
            settings = {"release": version, "url": url + version, "sha256": sums[version], "force": force}
            fetch_treebanks(out, names, **settings)

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


CAMPAIGNS = [campaign("extract", extraction), campaign("treebanks fetch", fetching, default=6)]
