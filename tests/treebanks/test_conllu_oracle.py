"""Every column against the ``conllu`` package, on real treebanks."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import conllu
import numpy as np
import pytest

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read
from concept_align.treebanks.corpus import Corpus

# Scripts, ranges, empty nodes, forms with spaces, PADT's parts without ranges; the rest is in the slow test.
SELECTION = (
    "UD_English-EWT/en_ewt-ud-test.conllu",
    "UD_Tamil-TTB/ta_ttb-ud-dev.conllu",
    "UD_Vietnamese-VTB/vi_vtb-ud-dev.conllu",
    "UD_Hebrew-HTB/he_htb-ud-dev.conllu",
    "UD_Welsh-CCG/cy_ccg-ud-dev.conllu",
    "UD_Marathi-UFAL/mr_ufal-ud-test.conllu",
    "UD_Hungarian-Szeged/hu_szeged-ud-dev.conllu",
    "UD_Chinese-GSDSimp/zh_gsdsimp-ud-dev.conllu",
)


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFD", text).split())


def parsed(path: Path) -> Iterator[conllu.TokenList]:
    """Sentences by the package; features are compared as text, what is not compared is not taken apart."""
    as_text = dict.fromkeys(("feats", "deps", "misc"), lambda line, i: line[i])
    with path.open(encoding="utf8") as file:
        yield from conllu.parse_incr(file, field_parsers=as_text)


def check(path: Path) -> None:
    corpus = read(path)
    offsets, heads, ranges = corpus.offsets.tolist(), corpus.heads.tolist(), corpus.ranges.tolist()
    spans, forms = corpus.spans.tolist(), list(corpus.forms)
    upos = [UPOS[code] if code >= 0 else "_" for code in corpus.upos.tolist()]
    deprels = relations(corpus)
    feats = [corpus.feats_names[code] or "_" for code in corpus.feats.tolist()]
    sent_ids, texts = list(corpus.sent_ids), list(corpus.texts)
    empty = sentences = 0
    for index, sentence in enumerate(parsed(path)):
        first, last = offsets[index], offsets[index + 1]
        words = [token for token in sentence if isinstance(token["id"], int)]
        here = f"{path}: {sent_ids[index]}"
        assert sent_ids[index] == sentence.metadata["sent_id"], here
        assert forms[first:last] == [word["form"] for word in words], here
        assert upos[first:last] == [word["upos"] for word in words], here
        assert deprels[first:last] == [word["deprel"] for word in words], here
        assert heads[first:last] == [-1 if word["head"] is None else word["head"] for word in words], here
        assert feats[first:last] == [word["feats"] for word in words], here
        empty += sum(not isinstance(token["id"], int) and token["id"][1] == "." for token in sentence)
        places, surface = [0] * len(words), [[form] for form in forms[first:last]]
        for token in sentence:
            if not isinstance(token["id"], int) and token["id"][1] == "-":
                low, high = token["id"][0] - 1, token["id"][2]
                places[low:high] = range(1, high - low + 1)
                surface[low:high] = [[token["form"]]] * (high - low)
        assert ranges[first:last] == places, here
        text, previous = texts[index], (0, 0)
        if plain(text) == plain(sentence.metadata["text"]):
            assert text == sentence.metadata["text"], here
        for span, (form,), place in zip(spans[first:last], surface, places, strict=True):
            assert plain(text[span[0] : span[1]]) == plain(form), here
            assert tuple(span) == previous if place > 1 else span[0] >= previous[1], here
            previous = tuple(span)
        sentences += 1
    assert (corpus.sents, corpus.empty_nodes, corpus.skipped) == (sentences, empty, 0)
    assert corpus.rebuilt <= 1, "real texts hold their forms"


def relations(corpus: Corpus) -> list[str]:
    names = np.array([*RELATIONS, "_"])[corpus.relations]
    subtypes = np.array(corpus.subtype_names)[corpus.subtypes]
    return [f"{name}:{rest}" if rest else name for name, rest in zip(names, subtypes, strict=True)]


@pytest.mark.parametrize("name", SELECTION)
def test_columns_are_those_of_the_conllu_package(ud_release: Path, name: str) -> None:
    if not (ud_release / name).is_file():
        pytest.skip(f"{name} is not in this release")
    check(ud_release / name)


@pytest.mark.slow
def test_columns_are_those_of_the_conllu_package_in_the_whole_release(ud_release: Path) -> None:
    paths = sorted(ud_release.glob("UD_*/*.conllu"))
    assert paths
    for path in paths:
        check(path)
