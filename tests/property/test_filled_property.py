"""What classify writes into CoNLL-U: the cells that were asked for, and not a byte more."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_align.apply.classification import Classification
from concept_align.apply.text import of_bytes
from concept_align.treebanks.concepts import FIELDS, UPOS, parse_task

TASK = parse_task("upos")
CELLS = st.sampled_from(
    ["_", "x", "a\rb", "Gloss=y|SpaceAfter=No", "a||b", "|", "Prob=x", "\u2028", "\x0b", "é"]
)
ENDS = st.sampled_from(["\n", "\r\n"])
MARKS = ("Prob=",)


@st.composite
def files(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(["", "\ufeff"])) + draw(st.sampled_from(["", "\n", "# newdoc\n"]))
    for _ in range(draw(st.integers(1, 3))):
        lines = draw(
            st.lists(st.sampled_from(["# sent_id = \r1", "# text = other", "#\t1\t2", "# "]), max_size=3)
        )
        size, number = draw(st.integers(1, 4)), 1
        while number <= size:
            last = min(size, number + draw(st.sampled_from([0, 0, 1])))
            if last > number:
                lines.append("\t".join([f"{number}-{last}", "du", *["_"] * 7, draw(CELLS)]))
            for own in range(number, last + 1):
                cells = [str(own), draw(st.sampled_from(["a", "b\rc", "d e"])), draw(CELLS)]
                cells += [
                    draw(st.sampled_from([*UPOS, "_", "N"])),
                    "_",
                    "Case=Nom|A=b",
                    "_",
                    "_",
                    "_",
                    draw(CELLS),
                ]
                lines.append("\t".join(cells))
            number = last + 1
            if draw(st.integers(0, 3)) == 0:
                lines.append("\t".join([f"{last}.1", "empty", *["_"] * 8]))
        text += "".join(line + draw(ENDS) for line in lines) + draw(
            st.sampled_from(["\n", "\r\n", "\n \n\n"])
        )
    text += draw(st.sampled_from(["", "# a last comment\n"]))
    return text if draw(st.booleans()) else text.rstrip("\n\r ")


@settings(max_examples=150)
@given(files(), st.integers(0, 99))
def test_nothing_but_the_asked_cells_differs(text: str, seed: int) -> None:
    document = of_bytes(text.encode(), "stdin")
    corpus, rng = document.corpus, np.random.default_rng(seed)
    codes = rng.integers(-1, len(UPOS), corpus.words)
    scores = torch.full((corpus.words, len(UPOS)), -2.0)
    written = "".join(Classification(corpus, TASK, codes, scores, (), document.conllu).conllu())
    labels = iter(codes.tolist())
    before, after = text.split("\n"), written.split("\n")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        cells = old.split("\t")
        if not cells[0].removeprefix("\ufeff").isdecimal():
            assert new == old
            continue
        end = "\r" if cells[-1].endswith("\r") else ""
        code, misc = next(labels), cells[-1].removesuffix("\r")
        kept = [item for item in misc.split("|") if not item.startswith("Prob=")] if misc != "_" else []
        cells[FIELDS.index("UPOS")] = UPOS[code] if code >= 0 else "_"
        kept += ["Prob=0.14"] if code >= 0 else []
        cells[-1] = ("|".join(kept) or "_") + end
        assert new == "\t".join(cells)
    again = of_bytes(written.encode(), "stdin").corpus
    assert again.upos.tolist() == codes.tolist()
    assert list(again.forms) == list(corpus.forms)
