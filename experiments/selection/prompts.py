"""Prompts scored, each once: demonstrations before a query, the gold labels fed back."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_align.cache import KeptLines
from concept_align.evaluation.predictions import packed, unpacked
from concept_align.hashing import digest
from concept_align.icl.base import PromptSentence
from concept_align.icl.scoring import CausalScorer
from concept_align.icl.wording import LabelSet
from concept_align.progress import LogLines

Key = tuple[tuple[int, ...], int]  # places of the demonstrations, place of the query
Known = Mapping[Key, NDArray[np.float32]]  # scores [items, labels]


def score_prompts(
    scorer: CausalScorer,
    labels: LabelSet,
    queries: Sequence[PromptSentence],
    candidates: Sequence[PromptSentence],
    wanted: Sequence[Key],
    path: Path,
) -> Known:
    """Scores of all ``wanted``; those in ``path`` are not asked again."""

    def read(line: Mapping[str, Any]) -> tuple[Key, NDArray[np.float32]] | None:
        shape = len(queries[line["query"]].items), len(labels.names)
        try:
            found = unpacked(line["scores"], "<f4", shape[0] * shape[1])
        except zlib.error:
            return None
        return (tuple(line["demonstrations"]), line["query"]), found.astype(np.float32).reshape(shape)

    sides = {
        "queries": digest([str(one) for one in queries]),
        "candidates": digest([str(one) for one in candidates]),
    }
    made_from = {"revision": scorer.revision, "dtype": scorer.dtype, "labels": list(labels.names), **sides}
    lines = KeptLines(path, made_from, read)
    left: dict[tuple[int, ...], list[int]] = {}
    for places, query in dict.fromkeys(wanted):
        if (places, query) not in lines.done:
            left.setdefault(places, []).append(query)
    bar = LogLines().bar(f"prompts, {path.parent.name}", len(left), unit="prompts")
    for places, asked in left.items():
        room = max(scorer.room(queries[query], labels) for query in asked)
        prompt = scorer.prompt([candidates[place] for place in places], labels, room=room)
        answers = scorer.score(prompt, [queries[query] for query in asked], feedback="gold")
        for query, answer in zip(asked, answers, strict=True):
            found = answer.scores.float().numpy().astype("<f4")
            line = {"demonstrations": places, "query": query, "scores": packed(found)}
            lines.add((places, query), found, line)
        bar.advance()
    return {key: lines.done[key] for key in wanted}
