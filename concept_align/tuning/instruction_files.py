"""Files of instructions: a folder with a file a language, or rows as AFP's data maker writes them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError, encoded, place
from ..hashing import digest
from ..reading import read_json
from .instructions import (
    Instruction,
    InstructionSource,
    InstructionTemplates,
    filled,
    language_name,
    parted,
)
from .parallel import cleaned, normalised
from .reading.rows import code_of, objects_of, text_of

UNKNOWN = "und"  # the language of a prompt that nothing tells


class FileInstructions(InstructionSource):
    """Instructions in several languages, joined by id: a folder of ``de.json`` or ``de.jsonl`` (Bactrian-X).

    Rows have ``id``, ``instruction``, ``input`` (may be empty) and ``output``. Texts of ``without``
    (normalised) are never learned. Raises UsageError with the place of what is wrong.
    """

    def __init__(
        self,
        folder: Path,
        languages: Sequence[str],
        templates: InstructionTemplates | None = None,
        without: Collection[str] = (),
    ) -> None:
        self._templates = templates or InstructionTemplates()
        self._rows: dict[str, dict[str, tuple[str, str, str]]] = {}  # by language and id
        for code, path in _files(folder).items():
            if code in languages:
                own = dict(_rows(path))
                self._rows[code] = {
                    one: row for one, row in own.items() if not {*map(normalised, row)} & {*without}
                }
        self._places = [(code, one) for code, own in self._rows.items() for one in own]
        self._answered = {
            one: [code for code, own in self._rows.items() if one in own] for _, one in self._places
        }
        if not self._places:
            what = f"no instructions in {', '.join(languages)}"
            remedy = "give CODE.json or CODE.jsonl with id, instruction, input, output"
            raise UsageError(what, option="instructions", where=str(folder), remedy=remedy)
        self.digest = digest([self._rows, vars(self._templates)])

    def draw(self, rng: np.random.Generator, cross: float = 0.5) -> Instruction:
        asked, one = self._places[int(rng.integers(len(self._places)))]
        others = [code for code in self._answered[one] if code != asked]
        answered = others[int(rng.integers(len(others)))] if others and rng.random() < cross else asked
        instruction, given, _ = self._rows[asked][one]
        template = self._templates.with_input if given else self._templates.without_input
        texts = {"instruction": instruction, "input": given, "language": language_name(answered)}
        prompt, answer = filled(template, self._rows[answered][one][2], **texts)
        return Instruction(prompt, answer, asked, answered, one)


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        remedy = "say parallel, structural, the folder of de.json, en.json, ..., or a .jsonl file of AFP's"
        raise UsageError(f"{str(folder)!r} names no instructions", option="instructions", remedy=remedy)
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jsonl"):
            code = code_of(path.stem, str(path))
            if code in files:
                remedy = "keep one file a language"
                raise UsageError(
                    f"{files[code].name} is of the same language", where=str(path), remedy=remedy
                )
            files[code] = path
    return files


def _rows(path: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    seen: set[str] = set()
    for where, row in _objects(path):
        one = str(row.get("id", ""))
        if not one or one in seen:
            what = f"id {one!r} stands twice" if one else "there is no 'id'"
            raise UsageError(what, where=where, remedy="give each row an id of its own")
        seen.add(one)
        encoded(one, where)
        given = text_of(row, "input", where) if row.get("input") else ""
        texts = (text_of(row, "instruction", where), given, text_of(row, "output", where))
        instruction, given, output = (cleaned(encoded(text, where).decode()) for text in texts)
        if instruction and output:
            yield one, (instruction, given, output)


def _objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix == ".jsonl":
        yield from ((place(path, number), row) for number, row in objects_of(path))
        return
    found = read_json(path, error=UsageError, remedy="give a list of rows in JSON")
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UsageError("not a list of rows", where=str(path), remedy="give a list of rows in JSON")
    yield from ((f"{path}, row {number}", row) for number, row in enumerate(found, 1))


class RowInstructions(InstructionSource):
    """The instructions of AFP's rows: the first ``clm_prompt_len`` signs of ``clm_text`` are the prompt.

    Rows without both are passed over; one of the two alone is refused.
    """

    def __init__(self, path: Path, without: Collection[str] = ()) -> None:
        self._found: list[Instruction] = []
        for number, row in objects_of(path):
            where = place(path, number)
            if not {"clm_text", "clm_prompt_len"} & set(row):
                continue
            text, length = text_of(row, "clm_text", where), row.get("clm_prompt_len")
            if type(length) is not int or not 0 < length < len(text):
                what = f"clm_prompt_len {length!r} divides no text of {len(text)} signs"
                raise UsageError(what, where=where, remedy="count the signs of the prompt in clm_text")
            prompt, answer = parted(text[:length], text[length:])
            encoded(text, where)
            if cleaned(prompt) and cleaned(answer) and normalised(answer) not in without:
                self._found.append(Instruction(prompt, answer, UNKNOWN, UNKNOWN, str(number)))
        if not self._found:
            remedy = "give rows with clm_text and clm_prompt_len, or leave the file out of the instructions"
            raise UsageError("no instructions", option="instructions", where=str(path), remedy=remedy)
        self.digest = digest([vars(item) for item in self._found])

    def draw(self, rng: np.random.Generator, cross: float = 0.5) -> Instruction:
        return self._found[int(rng.integers(len(self._found)))]
