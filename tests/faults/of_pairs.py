"""Damaged files of translations and instructions: refused, or every text is what its line says.

What is read is also divided, drawn from and written in instructions, as a run would.
"""

import json
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
from campaign import Campaign, Outcome, flipped

from concept_align.treebanks.discover import find_treebanks
from concept_align.tuning.instruction_files import FileInstructions, RowInstructions
from concept_align.tuning.instructions import TranslationInstructions
from concept_align.tuning.parallel import Parallel, cleaned
from concept_align.tuning.reading import read_pairs
from concept_align.tuning.sampling import PairSampler
from concept_align.tuning.splits import split, texts_of

BITS = (
    b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xef\xbb\xbf", b"\xff", b" ", b'"', b"\\", b"{", b"}",
    b"[", b"\\ud800", b"\xe2\x80\xa8", b"\xe2\x80\x8b", b"\xc2\x85", b"e\xcc\x81", b"NaN", b"1e999", b"id",
    b"en",
)  # fmt: skip
SENTENCES = {
    "en": ("Dogs bark.", "It rains.", "Yes.", "The old dog, the cat.", "Where is she?", "“Quite so”"),
    "de": ("Hunde bellen.", "Es regnet.", "Ja.", "Der alte Hund, die Katze.", "Wo ist sie?", "„So ist es“"),
    "zh": ("狗在叫。", "下雨了。", "是的。", "老狗，猫。", "她在哪里？", "“正是如此”"),
    "ar": ("الكلاب تنبح.", "إنها تمطر.", "نعم.", "الكلب العجوز، القطة.", "أين هي؟", "«تماما»"),
}  # fmt: skip

Texts = dict[str, dict[str, str]]
Kind = tuple[str, dict[str, bytes], Callable[[Path], Parallel], Callable[[dict[str, bytes]], Texts]]


def table() -> bytes:
    rows = [
        ("sent_id", "doc", *SENTENCES),
        *((f"s{n}", f"d{n // 2}", *own) for n, own in enumerate(_columns())),
    ]
    return "\n".join("\t".join(row) for row in rows).encode() + b"\n"


def _columns() -> list[tuple[str, ...]]:
    return list(zip(*SENTENCES.values(), strict=True))


def rows() -> bytes:
    found = [
        {"sent0": a, "sent1": b, "clm_text": f"{a} = {b}", "clm_prompt_len": len(a) + 2}
        for a, b in zip(SENTENCES["en"], SENTENCES["zh"], strict=True)
    ]
    return "\n".join(
        json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(found)
    ).encode()


def paws(language: str) -> bytes:
    own = SENTENCES[language]
    lines = ["id\tsentence1\tsentence2\tlabel"]
    lines += [f"{n}\t{own[n]}\t{own[n + 1]}\t{n % 2}" for n in range(0, len(own) - 1)]
    return "\n".join(lines).encode()


def files(language: str) -> bytes:
    found = [
        {"id": n, "instruction": text, "input": "x" * (n % 2), "output": f"{text} {text}"}
        for n, text in enumerate(SENTENCES[language])
    ]
    return json.dumps(found, ensure_ascii=False).encode()


def lines(language: str) -> bytes:
    return "\n".join(SENTENCES[language]).encode()


# --- what a file says, slowly ---


def _lines(data: bytes) -> list[str]:
    found = data.decode().removeprefix("\ufeff").split("\n")
    found = [line.removesuffix("\r") for line in found]
    return found[:-1] if not found[-1] else found


def of_table(found: dict[str, bytes]) -> Texts:
    header, *body = [line.split("\t") for line in _lines(found["t.tsv"])]
    texts: Texts = {}
    for number, cells in enumerate(body, 1):
        row = dict(zip([name.strip() for name in header], cells, strict=False))
        one = row.pop("sent_id", str(number)).strip()
        for name, text in row.items():
            if name != "doc":
                code = {"eng": "en", "deu": "de", "ind": "id"}.get(name, name)
                texts.setdefault(code, {})[one] = text
    return texts


def of_lines(found: dict[str, bytes]) -> Texts:
    every = {"en": _lines(found["a.txt"]), "ar": _lines(found["b.txt"])}
    return {code: {str(n): line for n, line in enumerate(own, 1)} for code, own in every.items()}


def of_rows(found: dict[str, bytes]) -> Texts:
    texts: Texts = {"en": {}, "zh": {}}
    for number, line in enumerate(_lines(found["p.jsonl"]), 1):
        if line.strip():
            row = json.loads(line)
            texts["en"][str(number)], texts["zh"][str(number)] = row["sent0"], row["sent1"]
    return texts


def of_paws(found: dict[str, bytes]) -> Texts:
    texts: Texts = {}
    for name, data in found.items():
        header, *body = [line.split("\t") for line in _lines(data)]
        own = texts.setdefault(name[:2], {})
        for cells in body:
            row = dict(zip(header, cells, strict=False))
            for place in (1, 2):
                text = row[f"sentence{place}"]
                own[f"{row['id'].strip()}:{place}"] = "" if text.strip() == "NS" else text
    return texts


def of_tatoeba(found: dict[str, bytes]) -> Texts:
    texts: Texts = {"en": {}, "de": {}, "zh": {}}
    for name, data in found.items():
        code = {"deu": "de", "cmn": "zh"}[name[8:11]]
        side = {"eng": "en", "deu": "de", "cmn": "zh"}[name[-3:]]
        texts[side] |= {f"{code}:{n}": line for n, line in enumerate(_lines(data), 1)}
    return texts


def kinds(folder: Path) -> list[Kind]:
    """What is damaged: files of every format, how they are read, and what they say."""
    tatoeba = {
        f"tatoeba.{iso}-eng.{side}": lines(code)
        for iso, own in (("deu", "de"), ("cmn", "zh"))
        for side, code in ((iso, own), ("eng", "en"))
    }
    pair = {"a.txt": lines("en"), "b.txt": lines("ar")}
    names = ["en", "ar"]
    return [
        ("table", {"t.tsv": table()}, lambda at: read_pairs(f"{at}/t.tsv"), of_table),
        ("lines", pair, lambda at: read_pairs(f"{at}/a.txt,{at}/b.txt", pair_langs=names), of_lines),
        (
            "rows",
            {"p.jsonl": rows()},
            lambda at: read_pairs(f"{at}/p.jsonl", pair_langs=["en", "zh"]),
            of_rows,
        ),
        (
            "paws",
            {f"{code}.dev_2k.tsv": paws(code) for code in SENTENCES},
            lambda at: read_pairs(f"paws-x:{at}"),
            of_paws,
        ),
        ("tatoeba", tatoeba, lambda at: read_pairs(f"tatoeba:{at}"), of_tatoeba),
    ]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to three faults: bytes at random, signs that mean something, a line twice, gone or elsewhere."""
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        fault = rng.randrange(4)
        if fault == 0:
            data = flipped(data, rng)
        elif fault == 1:
            place = rng.randrange(len(data) + 1)
            data = data[:place] + rng.choice(BITS) + data[place + rng.randrange(3) :]
        else:
            parts = data.split(b"\n") if fault == 2 else data.split(b"\t")
            place = rng.randrange(len(parts))
            match rng.randrange(3):
                case 0:
                    del parts[place]
                case 1:
                    parts.insert(rng.randrange(len(parts)), parts[place])
                case _:
                    parts[place] = rng.choice(BITS)
            data = (b"\n" if fault == 2 else b"\t").join(parts)
    return data


def written(found: dict[str, bytes], folder: Path, rng: random.Random) -> dict[str, bytes]:
    """The files with one of them damaged, in ``folder``."""
    name = rng.choice(sorted(found))
    found = found | {name: damaged(found[name], rng)}
    for path, data in found.items():
        (folder / path).write_bytes(data)
    return found


def check(parallel: Parallel, said: Texts, *, once: bool) -> None:
    """Every text is what the files say, and no other; with ``once``, repeated pairs count once."""
    expected = {code: {one: text for one in own if (text := cleaned(own[one]))} for code, own in said.items()}
    expected = {code: own for code, own in expected.items() if own or code in parallel.languages}
    for code, own in parallel.texts.items():
        assert all(unicodedata.is_normalized("NFC", text) and text.strip() for text in own.values())
        if once:
            assert own.items() <= expected[code].items(), "another text"
            assert {*map(str.casefold, own.values())} == {*map(str.casefold, expected[code].values())}
        else:
            assert own == expected[code], "other texts"
    assert set(expected) <= set(parallel.languages), "a language less"


def used(parallel: Parallel, rng: random.Random) -> None:
    """Divide and draw as a run does; what cannot be is refused."""
    assert len(parallel.digest) == 64
    seen = rng.sample(parallel.languages, min(2, len(parallel.languages)))
    parts = split(parallel, held_out=0.3, seen=seen, seed=rng.randrange(9))
    assert texts_of(parallel, parts.train).isdisjoint(texts_of(parallel, parts.held_out)), "a leak"
    control = rng.choice(["none", "shuffled", "same-language"])
    sampler = PairSampler(parallel, parts, control=control, seed=0)
    drawn = sampler.rows(rng.randrange(99), 1)
    assert all(text for side in sampler.texts(drawn) for text in side), "an empty text"
    assert TranslationInstructions(parallel, parts).draw(np.random.default_rng(0)).answer.strip()


def case(prepared: list[Kind], folder: Path, rng: random.Random) -> Outcome:
    name, found, read, says = rng.choice(prepared)
    damage = written(found, folder, rng)
    parallel = read(folder)
    check(parallel, says(damage), once=name == "rows")
    used(parallel, rng)
    return "unchanged"


def instructions(folder: Path) -> dict[str, bytes]:
    return {f"{code}.json": files(code) for code in SENTENCES} | {"rows.jsonl": rows()}


def instructed(prepared: dict[str, bytes], folder: Path, rng: random.Random) -> Outcome:
    (folder / "files").mkdir()
    found = {name: data for name, data in prepared.items() if name != "rows.jsonl"}
    if rng.random() < 0.5:
        (folder / "rows.jsonl").write_bytes(damaged(prepared["rows.jsonl"], rng))
        source = RowInstructions(folder / "rows.jsonl")
    else:
        written(found, folder / "files", rng)
        source = FileInstructions(folder / "files", ["en", "de", "zh"])
    drawing = np.random.default_rng(rng.randrange(9))
    for _ in range(20):
        item = source.draw(drawing)
        assert item.prompt.strip() == item.prompt.rstrip().strip() and item.answer.strip()
        (item.prompt + item.answer).encode()
        assert item.answer_language != "ar", "a language that was not asked for"
    return "unchanged"


def release(folder: Path) -> dict[str, bytes]:
    """The mini treebanks' training sentences of four languages."""
    found = find_treebanks("mini", ["en", "de", "zh", "ar"], splits="train")
    return {f"{file.treebank}/{file.path.name}": file.path.read_bytes() for file in found}


def treebanks(prepared: dict[str, bytes], folder: Path, rng: random.Random) -> Outcome:
    for name in prepared:
        (folder / name).parent.mkdir()
    whole = read_pairs("mini", langs=["en", "de", "zh", "ar"])
    damage = written(prepared, folder, rng)
    parallel = read_pairs(f"treebanks:{folder}")
    hurt = next((name for name in prepared if damage[name] != prepared[name]), "")
    for code, own in parallel.texts.items():
        if not hurt or f"/{code}_" not in hurt:
            assert own.items() == whole.texts[code].items(), "another treebank's damage"
    lost = sum(len(own) for own in whole.texts.values()) - sum(len(own) for own in parallel.texts.values())
    assert not lost or parallel.notes, "left out without a word"
    used(parallel, rng)
    return "unchanged"


CAMPAIGNS = [
    Campaign(
        "pairs",
        "a file of translations: table, lines, rows, test sets; read, divided, drawn from",
        kinds,
        case,
        full=20000,
    ),
    Campaign(
        "pairs-treebanks",
        "a parallel treebank; read with the others, divided, drawn from",
        release,
        treebanks,
        default=60,
        full=3000,
    ),
    Campaign(
        "instructions", "a file of instructions; read and drawn from", instructions, instructed, full=10000
    ),
]
