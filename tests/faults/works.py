"""What each command that writes does, small enough to be done hundreds of times.

``WORKS[command](folder)`` prepares in ``folder`` what the command needs and gives ``work(out, *options)``:
the command run once into ``out``, through the command line wherever that takes no model.
"""

import hashlib
import io
import os
import random
import tarfile
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import torch
from fake_model import FakeModel
from fake_scorer import make_plan, make_session
from fake_treebank import write
from kills import Killing
from planted import Planted, write_store
from tiny_tuning import tiny_run
from tiny_tuning import words as tiny_words

from concept_align.atomic import save_table
from concept_align.cli.commands import app
from concept_align.correspondence.config import AlignabilityConfig
from concept_align.correspondence.plan import AlignabilityPlan
from concept_align.correspondence.study import LAYOUT, alignability_study
from concept_align.demo.run import demo
from concept_align.demo.settings import DemoConfig
from concept_align.extraction.run import extract_files
from concept_align.icl.study import run as run_study
from concept_align.outputs import output_folder
from concept_align.report.icl import write_icl
from concept_align.store import Store
from concept_align.treebanks.fetch import fetch_treebanks

Work = Callable[..., None]
LANGUAGES = ("en", "de", "fr", "et", "he")
LEARNED = ["--layers", "1", "--train-langs", "en,de,fr", "--validation-langs", "et", "--target-langs", "he"]


def command(name: str, *arguments: object) -> None:
    """``concept-align NAME ARGUMENTS`` in this process; its errors are raised."""
    torch.set_num_threads(1)
    with redirect_stdout(io.StringIO()):
        app([name, *map(str, arguments)], standalone_mode=False)


def extract(folder: Path) -> Work:
    """States of three files and statistics of one, of a model that takes its time."""
    files = [
        write(folder, "en", "train", [5, 3, 9, 1, 7, 4] * 10),
        write(folder, "en", "dev", [4, 2, 8] * 5),
        write(folder, "de", "train", [6, 3] * 10),
    ]

    def work(out: Path, *options: str) -> None:
        if (out / "store.json").exists():
            damaged = [one for one in Store.open(out).verify() if "damaged:" in one.what]
            assert not damaged, f"looks whole and is not: {damaged}"
        model, force = FakeModel(seconds_a_sentence=0.002), "--force" in options
        extract_files(model, files, out, layers=[0, 1, 3], force=force)
        extract_files(model, files[1:2], out, layers=[0], sink="statistics", tasks=["upos"], force=force)

    return work


def _store(folder: Path) -> Path:
    return write_store(folder / "store", Planted(sents=30, dim=8), LANGUAGES)


def probe(folder: Path) -> Work:
    store = _store(folder)
    small = ["--langs", "en,de", "--epochs", "2", "--rank", "4", "--json"]
    return lambda out, *options: command("probe", "--store", store, "--out", out, *small, *options)


def alignability(folder: Path) -> Work:
    """Without its page, whose figures take most of the time."""
    small = {
        "permutations": 9,
        "bootstrap": 0,
        "halves": 2,
        "measures": ("cka",),
        "langs": ("en", "de", "fr"),
    }
    config = AlignabilityConfig(store=(_store(folder),), task=("upos",), **small)

    def work(out: Path, *options: str) -> None:
        torch.set_num_threads(1)
        with output_folder(out, LAYOUT, force="--force" in options):
            studied = alignability_study(AlignabilityPlan.of(config), out=out)
            save_table(studied.scores, out, "alignability")

    return work


def meta_train(folder: Path) -> Work:
    store = _store(folder)
    small = [
        "--learner",
        "pooled",
        "--set",
        "epochs=3",
        "--set",
        "hidden=8",
        "--set",
        "adapts=none",
        "--json",
    ]
    return lambda out, *options: command(
        "meta-train", "--store", store, "--out", out, *LEARNED, *small, *options
    )


def evaluate(folder: Path) -> Work:
    store = _store(folder)
    aligner = folder / "aligner"
    command("meta-train", "--store", store, "--out", aligner, *LEARNED, "--learner", "source-probe", "--json")
    small = ["--shots", "0,1", "--support-draws", "2", "--bootstrap", "100", "--langs", "he", "--no-figures",
             "--json"]  # fmt: skip
    return lambda out, *options: command(
        "evaluate", "--aligners", aligner, "--store", store, "--out", out, *small, *options
    )


def tune(folder: Path) -> Work:
    """A tiny decoder, three steps with a checkpoint after each, and retrieval before and after."""
    small = {**tiny_run(folder), "steps": 3, "batch": 4, "answers": 2}
    words = [*tiny_words(small), "--no-figures", "--json"]
    return lambda out, *options: command("tune", *words, "--out", out, *options)


def icl(folder: Path) -> Work:
    def work(out: Path, *options: str) -> None:
        studied = run_study(make_session(make_plan()), out, force="--force" in options)
        write_icl(studied, out, figures=False)

    return work


def ask(folder: Path) -> Work:
    """Lemmas asked of a tiny decoder, without demonstrations and after one."""
    small = ["--model", tiny_run(folder)["model"], "--task", "lemma:mini", "--langs", "de,fi",
             "--demo-langs", "fr", "--k", "0,1", "--demo-draws", "1", "--limit", "3", "--bootstrap", "20",
             "--device", "cpu", "--no-figures", "--json"]  # fmt: skip
    return lambda out, *options: command("ask", *small, "--out", out, *options)


def intervene(folder: Path) -> Work:
    """Of four languages that are read, in two layers; the model is the one that is shipped."""
    from concept_align.extraction.run import extract as extract_states
    from concept_align.treebanks.discover import mini_treebanks

    store, langs = folder / "store", ["en", "de", "fr", "ga", "es"]
    extract_states("mini-decoder", mini_treebanks(), store, layers=[1, 2, 4], langs=langs)
    small = ["--layers", "1,2", "--langs", "ga,es", "--source-langs", "en,de,fr", "--sentences", "3"]
    small += ["--controls", "matched:1", "--bootstrap", "50", "--no-figures", "--json"]
    return lambda out, *options: command("intervene", "--store", store, "--out", out, *small, *options)


def whole_demo(folder: Path) -> Work:
    config = DemoConfig(model=("mini-encoder",), langs=("en", "de", "et", "ga"), task=("upos",), limit=10)

    def work(out: Path, *options: str) -> None:
        torch.set_num_threads(1)
        out.parent.mkdir(parents=True, exist_ok=True)
        with chdir(out.parent):  # files name the folder as it was given
            demo(replace(config, out=Path(out.name)), force="--force" in options)

    return work


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


def fetch(folder: Path) -> Work:
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

    def work(out: Path, *options: str) -> None:
        for version, names, force in (("9.8", ["UD_A-X", "UD_B-Y"], False), ("9.9", ["UD_A-X"], True)):
            settings = {"release": version, "url": url + version, "sha256": sums[version], "force": force}
            fetch_treebanks(out, names, **settings)

    return work


WORKS: dict[str, Callable[[Path], Work]] = {
    "extract": extract,
    "probe": probe,
    "alignability": alignability,
    "meta-train": meta_train,
    "evaluate": evaluate,
    "icl": icl,
    "ask": ask,
    "intervene": intervene,
    "tune": tune,
    "demo": whole_demo,
    "fetch": fetch,
}


def killing(name: str, folder: Path) -> Killing:
    """A command to be killed; what it needs is prepared in ``folder``."""
    folder.mkdir()
    return Killing(WORKS[name](folder), folder / "work")
