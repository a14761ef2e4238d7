"""Damaged texts, plain and CoNLL-U, put to ``classify``: what it writes is what was given, and reads back."""

import gzip
import random
from pathlib import Path

import numpy as np
import torch
from campaign import Campaign, Outcome, flipped
from toy_conllu import CATS, DOGS

from concept_align.apply.aligner import writable
from concept_align.apply.classification import Classification
from concept_align.apply.text import of_bytes
from concept_align.treebanks.concepts import UPOS, parse_task

TASK = parse_task("upos")
PLAIN = "Der alte Hund schläft.\r\n\nEr geht 👩‍👩‍👧 nicht 🇫🇮!\n"
PLAIN += "我们昨天 e\u0301 ۱۲۳ don't...\n\ufeffa\u2028b\tc\rd"
PLUS = "# global.columns = ID FORM UPOS HEAD DEPREL MISC MINE\n"
PLUS += "1\tDogs\tNOUN\t2\tnsubj\t_\tx\n2\tbark\tVERB\t0\troot\t_\ty\n\n"
NAMES = ("stdin", "text.txt", "text.conll", "text.conllu")
BITS = (
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"#",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b" ",
    b"1-2\t",
    b"8.1\t",
    b"|",
)


def texts(folder: Path) -> list[bytes]:
    """What is damaged: CoNLL-U with every kind of line end, CoNLL-U Plus, plain text."""
    toy = f"{DOGS}\n\n{CATS}\n".encode()
    odd = toy.replace(b"Gloss=wau", b"Gloss=w\rau||").rstrip(b"\n")
    return [toy, toy.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + odd, PLUS.encode(), PLAIN.encode()]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to three faults: bytes at random, or signs that mean something put in."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if rng.random() < 0.5:
            data = flipped(data, rng)
        else:
            place = rng.randrange(len(data) + 1)
            data = data[:place] + rng.choice(BITS) + data[place + rng.randrange(3) :]
    return data


def case(prepared: list[bytes], folder: Path, rng: random.Random) -> Outcome:
    data, name = damaged(rng.choice(prepared), rng), rng.choice(NAMES)
    packed = gzip.compress(data) if rng.random() < 0.1 else data
    given = of_bytes(packed, name, named=name.endswith(".conllu"))
    corpus = given.corpus
    codes = np.array([rng.randrange(-1, len(UPOS)) for _ in range(corpus.words)], np.int64)
    scores = torch.full((corpus.words, len(UPOS)), -3.0)
    lines, _ = writable(given, TASK)
    written = "".join(Classification(corpus, TASK, codes, scores, (), lines).conllu()).encode()
    again = of_bytes(written, "written.conllu", named=True).corpus
    assert list(again.forms) == list(corpus.forms), "other words"
    assert again.upos.tolist() == codes.tolist(), "other labels"
    assert again.offsets.tolist() == corpus.offsets.tolist(), "other sentences"
    if lines is not None:
        assert len(written.split(b"\n")) == len(data.split(b"\n")), "other lines"
    return "unchanged"


CAMPAIGNS = [Campaign("texts", "text and CoNLL-U of any bytes, `classify`", texts, case, full=20000)]
