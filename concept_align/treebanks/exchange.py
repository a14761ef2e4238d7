"""Sentences between CoNLL-U and what other tools hold: the hub's data sets, tables, lists of words.

Everything comes in as CoNLL-U text, so that the reader alone decides what is a well-formed sentence, and
goes out from the lines that were read. The layout of data sets is that of ``universal_dependencies`` on
the Hugging Face hub; a row there is a token line, so its sentences hold multiword tokens and empty nodes
without their ids, which the text tells; layouts with a column ``mwt`` hold words alone.
"""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .concepts import FIELDS

if TYPE_CHECKING:
    import pandas as pd

_ID, _FORM, _UPOS, _HEAD, _DEPREL, _DEPS, _MISC = 0, 1, 3, 6, 7, 8, 9
# The class labels of the column ``upos`` on the hub, in their order.
HUB_UPOS = (
    "NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET",
    "CCONJ", "PROPN", "PRON", "X", "_", "ADV", "INTJ", "VERB", "AUX",
)  # fmt: skip
_HUB_NAMES = {"LEMMA": "lemmas"}  # the others are called as in CoNLL-U, in small letters
_KNOWN = [field.lower() for field in FIELDS[2:]]  # the columns of labels, as they are called in Python
_NONE = (None, "", "_", "None")

Row = list[str]  # a comment as one string, or a token's ten columns


@dataclass(frozen=True)
class SentenceRows:
    """One sentence as it goes out."""

    id: str
    text: str
    rows: list[Row]

    def words(self) -> Iterator[tuple[Row, Row | None, int]]:
        """(the word, its multiword token if any, its place in that from 1, else 0)."""
        token, last = None, 0
        for row in self.rows:
            if len(row) == 1 or "." in row[_ID]:
                continue
            if "-" in row[_ID]:
                token, first, last = row, *map(int, row[_ID].split("-"))
                continue
            number = int(row[_ID])
            inside = token is not None and number <= last
            yield row, token if inside else None, number - first + 1 if inside else 0


def split(raw: str) -> list[Row]:
    """A sentence's lines as rows."""
    return [[line] if line.startswith("#") else line.split("\t") for line in raw.split("\n")]


def block(rows: Iterable[Row]) -> str:
    """A sentence's rows as lines, and the blank line behind them."""
    return "".join("\t".join(row) + "\n" for row in rows) + "\n"


def lay(forms: Sequence[str], spans: Sequence[Sequence[int]], ranges: Sequence[int], text: str) -> list[Row]:
    """Rows of words that were never written: forms, multiword tokens, and what no space follows."""
    words = [[str(number), form, *["_"] * 8] for number, form in enumerate(forms, 1)]
    followed = [after[0] == own[1] for own, after in pairwise(spans)]  # by no space
    tokens = {}
    for word, last in _multiword(ranges).items():
        misc = "SpaceAfter=No" if last < len(followed) and followed[last] else "_"
        tokens[word] = [f"{word + 1}-{last + 1}", text[slice(*spans[word])], *["_"] * 7, misc]
    for word, glued in enumerate(followed):
        if glued and not ranges[word]:
            words[word][_MISC] = "SpaceAfter=No"
    return [row for n, word in enumerate(words) for row in ([tokens[n]] if n in tokens else []) + [word]]


def _multiword(ranges: Sequence[int]) -> dict[int, int]:
    """The first and the last word of each multiword token, from 0, by the words' places in theirs."""
    return {word - place + 1: word for word, place in enumerate(ranges) if place}


# --- data sets ---


def dataset_text(dataset: Iterable[Any]) -> str:
    """The rows of a data set as CoNLL-U."""
    inner = getattr((getattr(dataset, "features", None) or {}).get("upos"), "feature", None)
    names = getattr(inner, "names", None) or HUB_UPOS  # what numbers in the column ``upos`` stand for
    return "".join(_sentence(number, row, names) for number, row in enumerate(dataset, 1))


def _sentence(number: int, row: Any, names: Sequence[str] = HUB_UPOS) -> str:
    """A row of a data set as CoNLL-U. Without ``mwt``, its tokens are taken for the lines of a file."""
    if not isinstance(row, Mapping) or row.get("tokens") is None:
        found = f"there are {', '.join(map(str, row))}" if isinstance(row, Mapping) else f"it is {row!r:.60}"
        raise UsageError(
            f"sentence {number} has no column tokens: {found}",
            remedy='give one split (dataset["train"]), or rows {"tokens": [...], "upos": [...]}',
        )
    columns = {field: row.get(_HUB_NAMES.get(field, field.lower())) for field in FIELDS[2:]}
    columns["LEMMA"] = columns["LEMMA"] if columns["LEMMA"] is not None else row.get("lemma")
    if columns["UPOS"] is not None:
        columns["UPOS"] = [names[value] if isinstance(value, int) else value for value in columns["UPOS"]]
    text, ranges = row.get("text"), row.get("mwt")
    tokens = _tokens(number, row["tokens"], columns)
    if ranges is None:
        _number_tokens(tokens, text)
    for given in ranges or []:
        ident = given["id"] if isinstance(given["id"], str) else "".join(map(str, given["id"]))
        first = next(
            (n for n, word in enumerate(tokens) if word[_ID] == ident.partition("-")[0]), len(tokens)
        )
        misc = _cell(given.get("misc"), "MISC")
        tokens.insert(first, [ident, _cell(given["form"], "FORM"), *["_"] * 7, misc])
    known = next((row[key] for key in ("sent_id", "idx") if row.get(key) is not None), number)
    comments = [[f"# sent_id = {' '.join(str(known).split())}"]]
    comments += [[f"# text = {' '.join(text.splitlines())}"]] if text else []
    return block([*comments, *tokens])


def _tokens(number: int, words: Sequence[Any], columns: Mapping[str, Sequence[Any] | None]) -> list[Row]:
    """The tokens' ten columns, numbered as words; UsageError where they do not fit each other."""
    rows = [[str(place), _cell(word, "FORM"), *["_"] * 8] for place, word in enumerate(words, 1)]
    for field, values in columns.items():
        if values is None:
            continue
        if isinstance(values, str) or len(values) != len(rows):
            raise UsageError(
                f"sentence {number} has {len(rows)} words, but {field.lower()} is not a list of as many",
                remedy="give one value for every word, None where there is none",
            )
        for row, value in zip(rows, values, strict=True):
            row[FIELDS.index(field)] = _cell(value, field)
    for row in rows:
        if any("\t" in cell or "\n" in cell for cell in row):
            raise UsageError(f"sentence {number} has a tab or a line end in {row[_FORM]!r}")
    return rows


def _cell(value: Any, field: str) -> str:
    if field == "FORM":
        return str(value)
    if isinstance(value, str) and field in ("FEATS", "MISC", "DEPS") and value[:1] in ("{", "["):
        try:
            value = ast.literal_eval(value)  # as the ``conllu`` package prints what it has read
        except (ValueError, SyntaxError):
            return str(value)
    if isinstance(value, Mapping):
        pairs = [key if item is None else f"{key}={item}" for key, item in value.items()]
        return "|".join(pairs) or "_"
    if isinstance(value, list | tuple):
        return "|".join(f"{head}:{relation}" for relation, head in value) or "_"
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value)
    return "_" if value in _NONE or (field == "HEAD" and value == -1) else str(value)


def _number_tokens(tokens: list[Row], text: str | None) -> None:
    """Give the ids: among tokens with heads, those without are multiword tokens and empty nodes."""
    headed = any(row[_HEAD] != "_" for row in tokens)
    word, empty, position = 0, 0, 0
    covered = 0  # words of the last multiword token that are still to come
    for place, row in enumerate(tokens):
        if not headed or row[_HEAD] != "_":
            word, empty = word + 1, 0
            row[_ID] = str(word)
            if covered:
                covered -= 1
                continue
        elif row[_DEPS] != "_":
            empty += 1
            row[_ID] = f"{word}.{empty}"
            continue
        found = text.find(row[_FORM], position) if text else -1
        position = found + len(row[_FORM]) if found >= 0 else position
        if headed and row[_HEAD] == "_":
            covered = _width(tokens[place + 1 :], text[position:] if text and found >= 0 else None)
            row[_ID] = f"{word + 1}-{word + covered}"


def _width(after: list[Row], rest: str | None) -> int:
    """How many of the words ``after`` a multiword token it covers: those that are not in the text's rest."""
    forms = [row[_FORM] for row in after if row[_HEAD] != "_" or row[_DEPS] == "_"]
    words = next((n for n, row in enumerate(after) if row[_HEAD] == "_" and row[_DEPS] == "_"), len(forms))
    if rest is not None:
        for width in (*range(2, words + 1), 1):
            following = forms[width] if width < len(forms) else ""
            if rest.lstrip().startswith(following) and (following or not rest.strip()):
                return width
    return min(2, words)


def dataset(sentences: Iterable[SentenceRows]) -> Any:
    """The sentences as a ``datasets.Dataset``, words alone and multiword tokens in ``mwt``."""
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            "the package datasets is not installed",
            remedy="install it (pip install datasets), or use to_pandas()",
        ) from error
    columns: dict[str, list[Any]] = {name: [] for name in ("idx", "text", "tokens")}
    columns |= {_HUB_NAMES.get(field, field.lower()): [] for field in FIELDS[2:]} | {"mwt": []}
    for sentence in sentences:
        words = [row for row, _, _ in sentence.words()]
        columns["idx"].append(sentence.id)
        columns["text"].append(sentence.text)
        for name, field in zip(list(columns)[2:-1], range(_FORM, _MISC + 1), strict=True):
            columns[name].append([row[field] for row in words])
        ranges = [row for row in sentence.rows if len(row) > 1 and "-" in row[_ID]]
        columns["mwt"].append([{"id": row[_ID], "form": row[_FORM], "misc": row[_MISC]} for row in ranges])
    text = datasets.Value("string")
    features = {name: datasets.Sequence(text) for name in columns} | {"idx": text, "text": text}
    features["upos"] = datasets.Sequence(datasets.ClassLabel(names=list(HUB_UPOS)))
    features["mwt"] = [{"id": text, "form": text, "misc": text}]
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


# --- tables ---


def frame(sentences: Iterable[SentenceRows]) -> "pd.DataFrame":
    """A table with one row per word."""
    import pandas as pd

    records = []
    for number, sentence in enumerate(sentences):
        for row, token, place in sentence.words():
            cells: list[Any] = [None if cell == "_" else cell for cell in row]
            cells[_ID], cells[_FORM] = int(row[_ID]), row[_FORM]
            cells[_HEAD] = -1 if row[_HEAD] == "_" else int(row[_HEAD])
            if token is not None and place == 1:
                cells[_MISC] = cells[_MISC] or (None if token[_MISC] == "_" else token[_MISC])
            records.append((number, sentence.id, *cells, (token or row)[_FORM], place))
    names = ("sentence", "sent_id", *(field.lower() for field in FIELDS), "token", "range")
    return pd.DataFrame(records, columns=names)


def frame_text(frame: Any) -> str:
    """A table with one row per word as CoNLL-U."""
    by = next((name for name in ("sentence", "sent_id") if name in frame.columns), None)
    if by is None or "form" not in frame.columns:
        raise UsageError(
            f"the table's columns are {', '.join(map(str, frame.columns))}",
            remedy="name the words' column form, and the sentences' number sentence or sent_id",
        )
    if "range" in frame.columns:
        frame = frame.assign(range=frame["range"].fillna(0).astype(int))
    records = frame.to_dict("records")
    groups = (list(group) for _, group in groupby(records, key=lambda record: record[by]))
    return "".join(_frame_sentence(number, group) for number, group in enumerate(groups, 1))


def _frame_sentence(number: int, records: list[dict[str, Any]]) -> str:
    row = {name: [record[name] for record in records] for name in _KNOWN if name in records[0]}
    row.setdefault("misc", [None] * len(records))
    ranges = []
    for first, last in _multiword([record.get("range", 0) for record in records]).items():
        # The first word's row holds the MISC of its multiword token.
        misc, row["misc"][first] = row["misc"][first], None
        ranges.append({"id": f"{first + 1}-{last + 1}", "form": records[first]["token"], "misc": misc})
    tokens = [record["form"] for record in records]
    return _sentence(number, row | {"sent_id": records[0].get("sent_id"), "tokens": tokens, "mwt": ranges})


# --- lists ---


def lists_text(sentences: Iterable[Sequence[Any]], labels: Mapping[str, Sequence[Sequence[Any]]]) -> str:
    """Lists of words, with ``labels`` by column, or ``conllu.TokenList`` objects, as CoNLL-U."""
    sentences = list(sentences)
    if odd := [name for name in labels if name not in _KNOWN]:
        raise UsageError(f"unknown labels {', '.join(odd)}", remedy=f"use {', '.join(_KNOWN)}")
    if wrong := [name for name, values in labels.items() if len(values) != len(sentences)]:
        raise UsageError(f"{len(sentences)} sentences have {len(labels[wrong[0]])} of {wrong[0]}")
    blocks = []
    for number, sentence in enumerate(sentences):
        if hasattr(sentence, "serialize"):
            if labels:
                raise UsageError("a TokenList has its own labels", remedy="give lists of words, or no labels")
            blocks.append(sentence.serialize())
            continue
        if isinstance(sentence, str) or not all(isinstance(word, str) for word in sentence):
            raise UsageError(
                f"sentence {number + 1} is no list of words", remedy='give [["Dogs", "bark"], ...]'
            )
        row = {name: values[number] for name, values in labels.items()}
        blocks.append(_sentence(number + 1, row | {"tokens": sentence, "mwt": []}))
    return "".join(blocks)
