"""Damaged treebanks, read whole, in chunks and leniently: refused, or every word is what its line says."""

import random
from pathlib import Path

from campaign import Campaign, Outcome, flipped
from toy_conllu import CATS, DOGS

from concept_align.errors import TreebankError
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read, stream
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks, mini_treebanks

NAME = "en_toy-ud-test.conllu"
CELLS = (
    "", "_", "1", "0", "-1", "99999999999", "1-2", "3.1", "NOUN", "Noun", "nsubj:x", "dep:", "a b", "\u3000",
    "\x85", "é", "|",
)  # fmt: skip


def treebanks(folder: Path) -> list[bytes]:
    """Beginnings of treebanks in several scripts, and a toy with every kind of line."""
    files = find_treebanks(mini_treebanks(), "en,ta,he,ja,fr", ["test"])
    return [f"{DOGS}\n\n{CATS}\n".encode(), *(file.path.read_bytes()[:3000] for file in files)]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to three faults: bytes, a cell, a line twice, gone or elsewhere."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        lines = data.split(b"\n")
        place = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                data = flipped(data, rng)
                continue
            case 1:
                del lines[place]
            case 2:
                lines.insert(rng.randrange(len(lines)), lines[place])
            case 3:
                lines[place] = lines[place] + rng.choice([b"\r", b" ", b"\t", b"\t_"])
            case _:
                cells = lines[place].split(b"\t")
                cells[rng.randrange(len(cells))] = rng.choice(CELLS).encode()
                lines[place] = b"\t".join(cells)
        data = b"\n".join(lines)
    return data


def expected(data: bytes) -> list[list[str]]:
    """The words' columns, line by line: slowly, and without asking whether they fit each other."""
    lines = data.decode().removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    cells = [line.removesuffix("\r").split("\t") for line in lines if not line.startswith("#")]
    return [row for row in cells if len(row) > 1 and row[0].isdecimal()]


def check(corpus: Corpus, rows: list[list[str]]) -> None:
    names = [UPOS[code] if code >= 0 else "_" for code in corpus.upos.tolist()]
    pairs = zip(corpus.relations.tolist(), corpus.subtypes.tolist(), strict=True)
    relations = [RELATIONS[r] + f":{corpus.subtype_names[s]}" * (s > 0) if r >= 0 else "_" for r, s in pairs]
    assert list(corpus.forms) == [row[1] for row in rows], "other forms"
    assert names == [row[3] for row in rows], "other word classes"
    assert [corpus.feats_names[code] or "_" for code in corpus.feats] == [row[5] or "_" for row in rows]
    assert corpus.heads.tolist() == [-1 if row[6] == "_" else int(row[6]) for row in rows], "other heads"
    assert relations == [row[7].removesuffix(":") for row in rows], "other relations"


def case(prepared: list[bytes], folder: Path, rng: random.Random) -> Outcome:
    data = damaged(rng.choice(prepared), rng)
    path = folder / NAME
    path.write_bytes(data)
    try:
        lenient = read(path, lenient=True, strict=())
    except TreebankError:
        lenient = None
    corpus = read(path)  # mostly refused
    check(corpus, expected(data))
    assert lenient is not None and lenient.skipped == 0, "lenient reading leaves out what is whole"
    parts = list(stream(path, sentences_per_chunk=1))
    assert [form for part in parts for form in part.forms] == list(corpus.forms), "chunks hold other words"
    assert list(Corpus.from_conllu(corpus.to_conllu()).forms) == list(corpus.forms), "does not read back"
    return "unchanged"


CAMPAIGNS = [Campaign("treebanks", "a treebank's file, reading", treebanks, case, full=20000)]
