"""The model card of an aligner (``README.md`` with the front matter of Hugging Face), and its licence.

Written from what the folder's other files say, so equal runs have equal cards. A README.md or LICENSE that
somebody else wrote is left alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from .. import atomic
from ..spaces.spec import FeatureSpec
from ..treebanks import registry

CARD, LICENCE = "README.md", "LICENSE"
FIRST = "---\nlibrary_name: concept-align\n"
_TASKS = {"upos": "Word classes", "relation": "Grammatical relations"}

LICENCE_TEXT = """SPDX-License-Identifier: CC-BY-NC-SA-4.0

The weights in this folder were learned from the annotated text of Universal Dependencies treebanks, which
README.md names with their licences. Some treebanks may be used for non-commercial purposes only, some must be
shared alike. The weights, being derived from such text, are therefore under the Creative Commons
Attribution-NonCommercial-ShareAlike 4.0 International licence. They come without any warranty.

The full legal text: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode
"""


TEMPLATE = """\
license: cc-by-nc-sa-4.0
pipeline_tag: token-classification
{% if "/" in store.model %}
base_model: {{ store.model }}
{% endif %}
language: [{{ languages | map("tojson") | join(", ") }}]
tags: [universal-dependencies, cross-lingual, few-shot]
metrics: [accuracy]
---

# {{ title }} from layer {{ layers }} of {{ store.model }}, across languages

An aligner of concept-align: from {{ train | length }} languages with labels it learned to
read {{ title | lower }} off the hidden states of `{{ store.model }}`, in languages it has no labels of
(zero-shot) or a few labelled sentences (few-shot). It holds no language model: the states are
computed by the model named below, as they were for training.

## Use

```python
import concept_align as ca

aligner = ca.TextAligner.from_pretrained("FOLDER")  # or a hub id
aligner.predict({{ sentence }})  # zero-shot
aligner.adapt(support="labelled.conllu").predict({{ sentence }})  # few-shot
```

```sh
concept-align classify FOLDER {{ text }}
concept-align classify FOLDER {{ text }} --support labelled.conllu
```

## Language model

`{{ store.model }}`, revision `{{ store.revision }}` ({{ store.architecture }}, {{ store.kind }}),
computed in {{ store.dtype }}, kept in {{ store.save_dtype }}; layer {{ layers }} of {{ store.layers }}, \
{{ store.pooling }} of a word's
tokens, standardised: {{ spec.standardise }}; multiword tokens: {{ spec.mwt }}\
{{ "; head of roots: " ~ spec.root if spec.relational }}.
The model has a licence of its own.

## Learning

Learner `{{ learner }}`, source language `{{ source }}`, seed {{ seed }}, options:

```json
{{ options }}
```

| language | treebank | licence | part |
|---|---|---|---|
{% for code in languages %}
| {{ code }} | {{ treebanks[code] }} | {{ licences[code] }} | \
{{ "learned from" if code in train else "chose the model" }} |
{% endfor %}

## Scores in the validation languages

Accuracy, %. Settings were chosen by these languages, so the numbers flatter: for evidence, test in
languages that had no part (`concept-align evaluate`).

| labelled sentences | mean | {{ scored | join(" | ") }} |
|---|---|{{ "---|" * scored | length }}
{% for shots, found in scores.items() %}
| {{ shots }} | {{ "%.1f" | format(100 * found.mean) }} \
{% for language in scored %}| {{ "%.1f" | format(100 * found.languages[language]) }} {% endfor %}|
{% endfor %}

## Intended use and limits

For research on what language models know of grammar across languages, and for first labels of
text in languages without a treebank, to be corrected by people. Accuracy differs much between
languages, and nothing here measured whether probabilities are right in a language not seen.
Genres, spellings and scripts other than those of the treebanks are untested. Do not use the
labels for decisions about people.

## Licence

CC BY-NC-SA 4.0, for the weights are derived from the text of treebanks (see `LICENSE`).
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
    return text.startswith(FIRST) or text == LICENCE_TEXT


def card(
    facts: Mapping[str, Any], summary: Mapping[str, Any], *, options: Mapping[str, Any], seed: int
) -> str:
    """The text of the card, in Markdown."""
    spec, scores = FeatureSpec.from_json(facts["features"]), summary["validation"]
    languages = list(dict.fromkeys([*facts["train"], *facts["validation"]]))
    treebanks = {code: facts.get("treebanks", {}).get(code, "") for code in languages}
    known = {code: registry.find(treebank) for code, treebank in treebanks.items()}
    environment = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    return FIRST + environment.from_string(TEMPLATE).render(
        **{key: facts[key] for key in ("store", "train", "learner", "source")},
        spec=spec,
        title=_TASKS.get(spec.task, spec.task.removeprefix("feature:")),
        layers=spec.layer_name,
        languages=languages,
        sentence='"sentences.conllu"' if spec.relational else '[["Der", "alte", "Hund", "schläft", "."]]',
        text="sentences.conllu" if spec.relational else "sentences.txt",
        options=json.dumps(dict(options), indent=2, sort_keys=True),
        seed=seed,
        treebanks=treebanks,
        licences={
            code: entry.licence if entry and entry.licence else "see its LICENSE.txt"
            for code, entry in known.items()
        },
        scores=scores,
        scored=list(next(iter(scores.values()))["languages"]),
    )
