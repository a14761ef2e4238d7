"""The model card of an aligner (``README.md`` with the front matter of Hugging Face), and its licence.

Written from what the folder's other files say, so equal runs have equal cards. A README.md or LICENSE that
somebody else wrote is left alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import atomic
from ..layers import side_by_side
from ..treebanks import registry

CARD, LICENCE = "README.md", "LICENSE"
_FIRST = "---\nlibrary_name: concept-align\n"
SCORES = "<!-- scores -->\n", "<!-- end of scores -->\n"
_TASKS = {"upos": "Word classes", "relation": "Grammatical relations"}

LICENCE_TEXT = """SPDX-License-Identifier: CC-BY-NC-SA-4.0

The weights in this folder were learned from the annotated text of Universal Dependencies treebanks, which
README.md names with their licences. Some treebanks may be used for non-commercial purposes only, some must be
shared alike. The weights, being derived from such text, are therefore under the Creative Commons
Attribution-NonCommercial-ShareAlike 4.0 International licence. They come without any warranty.

The full legal text: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode
"""


def write_card(folder: Path, facts: Mapping[str, Any], summary: Mapping[str, Any], **made: Any) -> None:
    """Write card and licence; ``facts`` and ``summary`` are provenance.json and summary.json, ``made`` the
    learner's ``options`` and the ``seed``."""
    for name, text in ((CARD, card(facts, summary, **made)), (LICENCE, LICENCE_TEXT)):
        if not (folder / name).exists() or is_ours(folder / name):
            atomic.write_text(folder / name, text)


def remove_card(folder: Path) -> None:
    """Remove card and licence, as far as they are ours."""
    for name in (CARD, LICENCE):
        if is_ours(folder / name):
            (folder / name).unlink()


def is_ours(path: Path) -> bool:
    """Whether ``path`` is a card or licence that was written here."""
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.startswith(_FIRST) or text == LICENCE_TEXT


def card(
    facts: Mapping[str, Any], summary: Mapping[str, Any], *, options: Mapping[str, Any], seed: int
) -> str:
    """The text of the card."""
    features, recipe = facts["features"], facts["store"]
    task = features["task"]
    layers = side_by_side(tuple(features["layers"]), tuple(features.get("beside", ())))
    title = _TASKS.get(task, task.removeprefix("feature:"))
    languages = [*facts["train"], *facts["validation"]]
    name = recipe["model"]
    return "\n".join(
        [
            _front(name, languages) + f"# {title} from layer {layers} of {name}, across languages",
            "",
            f"An aligner of concept-align: from {len(facts['train'])} languages with labels it learned to",
            f"read {title.lower()} off the hidden states of `{name}`, in languages it has no labels of",
            "(zero-shot) or a few labelled sentences (few-shot). It holds no language model: the states are",
            "computed by the model named below, as they were for training.",
            "",
            "## Use",
            "",
            *_use(task),
            "## Language model",
            "",
            f"`{name}`, revision `{recipe['revision']}` ({recipe['architecture']}, {recipe['kind']}),",
            f"computed in {recipe['dtype']}, kept in {recipe['save_dtype']}; layer {layers} of "
            f"{recipe['layers']}, {recipe['pooling']} of a word's",
            f"pieces, standardised: {features['standardise']}; multiword tokens: {features['mwt']}"
            + (f"; head of roots: {features['root']}." if "root" in features else "."),
            "The model has a licence of its own.",
            "",
            "## Learning",
            "",
            f"Learner `{facts['learner']}`, source language `{facts['source']}`, seed {seed}, options:",
            "",
            f"```json\n{json.dumps(dict(options), indent=2, sort_keys=True)}\n```",
            "",
            *_treebanks(facts, languages),
            "## Scores in the validation languages",
            "",
            *_validation(summary),
            SCORES[0] + SCORES[1],
            "## Intended use and limits",
            "",
            "For research on what language models know of grammar across languages, and for first labels of",
            "text in languages without a treebank, to be corrected by people. Accuracy differs much between",
            "languages, and nothing here measured whether probabilities are right in a language not seen.",
            "Genres, spellings and scripts other than those of the treebanks are untested. Do not use the",
            "labels for decisions about people.",
            "",
            "## Licence",
            "",
            "CC BY-NC-SA 4.0, for the weights are derived from the text of treebanks (see `LICENSE`).",
            "",
        ]
    )


def _front(model: str, languages: list[str]) -> str:
    lines = ["license: cc-by-nc-sa-4.0", "pipeline_tag: token-classification"]
    if "/" in model:  # an id of the hub; what was a folder has no page there
        lines.append(f"base_model: {model}")
    # In quotes, for YAML takes a bare no for false.
    lines.append(f"language: [{', '.join(json.dumps(code) for code in dict.fromkeys(languages))}]")
    lines.append("tags: [universal-dependencies, cross-lingual, few-shot]")
    lines.append("metrics: [accuracy]")
    return _FIRST + "\n".join(lines) + "\n---\n\n"


def _use(task: str) -> list[str]:
    sentence = '[["Der", "alte", "Hund", "schläft", "."]]' if task != "relation" else '"sentences.conllu"'
    text = "sentences.txt" if task != "relation" else "sentences.conllu"
    return [
        "```python",
        "from concept_align.apply import TextAligner",
        "",
        'aligner = TextAligner.from_pretrained("FOLDER")',
        f"aligner.adapt().predict({sentence})  # zero-shot",
        f'aligner.adapt(support="labelled.conllu").predict({sentence})  # few-shot',
        "```",
        "",
        "```sh",
        f"concept-align classify FOLDER {text}",
        f"concept-align classify FOLDER {text} --support labelled.conllu",
        "```",
        "",
    ]


def _treebanks(facts: Mapping[str, Any], languages: list[str]) -> list[str]:
    named: Mapping[str, str] = facts.get("treebanks", {})
    lines = ["| language | treebank | licence | part |", "|---|---|---|---|"]
    for code in dict.fromkeys(languages):
        treebank = named.get(code, "")
        known = registry.find(treebank)
        licence = known.licence if known and known.licence else "see its LICENSE.txt"
        part = "learned from" if code in facts["train"] else "chose the model"
        lines.append(f"| {code} | {treebank} | {licence} | {part} |")
    return [*lines, ""]


def _validation(summary: Mapping[str, Any]) -> list[str]:
    scores: Mapping[str, Any] = summary["validation"]
    languages = list(next(iter(scores.values()))["languages"])
    lines = [
        f"| labelled sentences | mean | {' | '.join(languages)} |",
        "|---" * (2 + len(languages)) + "|",
    ]
    for shots, found in scores.items():
        cells = [f"{100 * found['languages'][language]:.1f}" for language in languages]
        lines.append(f"| {shots} | {100 * found['mean']:.1f} | {' | '.join(cells)} |")
    return [
        "Accuracy, %. Settings were chosen by these languages, so the numbers flatter: for evidence, test in",
        "languages that had no part (`concept-align evaluate`).",
        "",
        *lines,
        "",
    ]
