"""Words per second from CoNLL-U files to columns: this reader, ``conllu`` and ``pyconll``, in one process.

This reader makes its whole product (codes, heads, checked trees, character spans over the text, sentence
index), file by file (*read*) and in chunks of bounded memory (*stream*, which the ratios are about).
``conllu.parse_incr`` is the faster way of its package and streams, too; ``pyconll.load_from_file`` makes
a list of sentences. All read the same files, several times a turn.

The files are those of UD_English-EWT under --treebanks (default: $CONCEPT_ALIGN_UD), or,
where that is missing, all dev and test files there; without treebanks, random text of EWT's shape.
"""

import importlib.util
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import EWT_DECILES, arguments, interleaved, report

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read, stream

BESIDE = Path(__file__).parents[2] / "shared" / "ud"


def synthesise(folder: Path, sentences: int) -> list[Path]:
    """Two files of ``sentences`` random sentences with the lengths and columns of English treebanks."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    forms = ["".join(rng.choice(letters, size)) for size in rng.poisson(3.5, 8000) + 1]
    forms[::150] = [f"{form}é" for form in forms[::150]]
    feats = ["_"] * 60 + [f"Case=C{n % 5}|Number=N{n % 2}|Person={n % 3}|PronType=P{n}" for n in range(90)]
    paths = []
    for split in ("dev", "test"):
        lines = []
        for number in range(sentences):
            size = max(1, round(np.interp(rng.random(), np.linspace(0, 1, len(EWT_DECILES)), EWT_DECILES)))
            chosen = [forms[min(rank, 8000) - 1] for rank in rng.zipf(1.3, size)]
            glued = (rng.random(size) < 0.13).tolist()
            text = "".join(form + " " * (not no) for form, no in zip(chosen, glued, strict=True)).strip()
            lines += [f"# sent_id = weblog-{split}-{number:06}", f"# text = {text}"]
            heads = [0, *(int(rng.integers(max(1, n - 4), n)) for n in range(2, size + 1))]
            for n, (form, head, no) in enumerate(zip(chosen, heads, glued, strict=True), 1):
                deprel = "root" if head == 0 else RELATIONS[int(rng.integers(len(RELATIONS)))]
                upos = UPOS[int(rng.integers(len(UPOS)))]
                deps, misc = f"{head}:{deprel}", "SpaceAfter=No" if no else "_"
                cells = (n, form, form, upos, "XX", feats[int(rng.integers(150))], head, deprel, deps, misc)
                lines.append("\t".join(map(str, cells)))
            lines.append("")
        paths.append(folder / f"xx_random-ud-{split}.conllu")
        paths[-1].write_text("\n".join([*lines, ""]), encoding="utf8", newline="\n")
    return paths


@contextmanager
def files(treebanks: Path | None, quick: bool) -> Iterator[tuple[str, list[Path]]]:
    """(what they are, the files to read)."""
    wanted = os.environ.get("CONCEPT_ALIGN_UD")
    folder = treebanks or (Path(wanted) if wanted else BESIDE)
    found = sorted(folder.glob("UD_English-EWT/*-ud-*.conllu"))
    found = found or sorted(folder.rglob("*-ud-[dt]e[vs]*.conllu"))
    if found:
        yield str(found[0].parent.name if len({path.parent for path in found}) == 1 else folder.name), found
    elif treebanks is not None:
        raise SystemExit(f"no *-ud-dev.conllu under {treebanks}")
    else:
        with tempfile.TemporaryDirectory() as temporary:
            yield "random text", synthesise(Path(temporary), 1800)


def conllu_incremental(paths: list[Path]) -> None:
    import conllu

    for path in paths:
        with path.open(encoding="utf8") as file:
            for _ in conllu.parse_incr(file):
                pass


def conllu_whole(paths: list[Path]) -> None:
    import conllu

    for path in paths:
        conllu.parse(path.read_text(encoding="utf8"))


def pyconll_whole(paths: list[Path]) -> None:
    import pyconll

    for path in paths:
        pyconll.load_from_file(str(path))


def streamed(paths: list[Path]) -> None:
    for path in paths:
        for _ in stream(path):
            pass


def at_once(paths: list[Path]) -> None:
    for path in paths:
        read(path)


def check(paths: list[Path], words: int) -> None:
    """The conllu package finds as many words in ``paths`` as this reader."""
    import conllu

    tokens = (t for path in paths for s in conllu.parse(path.read_text(encoding="utf8")) for t in s)
    if (theirs := sum(isinstance(token["id"], int) for token in tokens)) != words:
        raise SystemExit(f"the readers do not count the same words: {words} here, {theirs} in conllu")


def peak(paths: list[Path]) -> float:
    """MiB that streaming holds at most."""
    tracemalloc.start()
    streamed(paths)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size / 2**20


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--treebanks", type=Path, help="a folder laid out as a UD release")
    options = parser.parse_args()
    with files(options.treebanks, options.quick) as (name, paths):
        words, size = sum(read(path).words for path in paths), sum(path.stat().st_size for path in paths)
        ways: dict[str, Callable[[list[Path]], None]] = {"stream": streamed, "read": at_once}
        absent = {}
        if importlib.util.find_spec("conllu"):
            check(paths, words)
            ways |= {"conllu.parse_incr": conllu_incremental, "conllu.parse": conllu_whole}
        else:
            absent["conllu"] = "not installed"
        if importlib.util.find_spec("pyconll"):
            ways["pyconll.load_from_file"] = pyconll_whole
        else:
            absent["pyconll"] = "not installed"
        turns = max(1, (30_000 if options.quick else 110_000) // words)
        times = interleaved(
            {way: lambda parse=parse: parse(paths * turns) for way, parse in ways.items()},  # type: ignore[misc]
            rounds=5 if options.quick else 9,
        )
        speed = {way: words * turns / seconds for way, seconds in times.items()}
        figures: dict[str, Any] = {
            "words_per_s": speed["stream"],
            "read_words_per_s": speed["read"],
            "mb_per_s": speed["stream"] * size / words / 1e6,
            "vs_conllu": _ratio(speed, "conllu.parse_incr"),
            "vs_conllu_parse": _ratio(speed, "conllu.parse"),
            "vs_pyconll": _ratio(speed, "pyconll.load_from_file"),
            "words": words,
            "megabytes": size / 1e6,
            "stream_peak_mib": peak(paths),
            "files": name,
        }
    report(
        f"{name}: {words:,} words, {size / 1e6:.2f} MB in {len(paths)} files; words per second",
        {way: f"{rate:12,.0f}" for way, rate in speed.items()} | absent,
        figures,
        only_json=options.json,
    )


def _ratio(speed: dict[str, float], peer: str) -> float | str:
    """How many times as fast as ``peer`` streaming is."""
    return speed["stream"] / speed[peer] if peer in speed else f"{peer.partition('.')[0]} is not installed"


if __name__ == "__main__":
    main()
