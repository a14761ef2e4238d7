"""Words a second that a causal model tags in prompts: this project, a loop with a cache, the plain way.

Ten demonstrations and a few queries of the English mini treebank, 17 word classes called by their tags, the
model's own choices fed back. *cached loop* keeps the keys and values of what is before, goes word by word
and label by label, one query at a time, and reads labels of one piece off one distribution. *naive* reads
the whole prompt anew for every label, without the head where it is not asked; it is timed on the first words
alone. The ways must choose the same labels and agree on scores before anything is timed (with --quick on the
first query).

The model is Gemma 3 270M with --gemma (from its package, see README.md), what --model names, else
mini-decoder, whose context does not hold all ten demonstrations.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import arguments, interleaved, report

MINI = Path(__file__).parent.parent / "ud_data" / "mini" / "UD_English-Mini"
DEMONSTRATIONS = 10


def sentences(longest: int, split: str) -> list[Any]:
    from concept_align.icl.base import tagged_sentences
    from concept_align.treebanks.concepts import parse_task
    from concept_align.treebanks.conllu import read

    return tagged_sentences(read(MINI / f"en_mini-ud-{split}.conllu"), parse_task("upos"), longest=longest)


def first_words(query: Any, count: int) -> Any:
    """The query with its first ``count`` questions; what comes after them is not read before them."""
    return replace(query, items=query.items[:count])


def agree(ours: Sequence[Any], theirs: Sequence[Any], tolerance: float) -> float:
    """The largest difference of scores; a SystemExit where labels differ."""
    for mine, other in zip(ours, theirs, strict=True):
        if not np.array_equal(mine.predicted, other.predicted):
            raise SystemExit("the ways choose different labels")
    worst = max(float((m.scores - o.scores).abs().max()) for m, o in zip(ours, theirs, strict=True))
    if worst > tolerance:
        raise SystemExit(f"scores differ by {worst:.1e}")
    return worst


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="mini-decoder")
    parser.add_argument("--gemma", action="store_true", help="Gemma 3 270M from its package")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--feedback", default="predicted", choices=("predicted", "gold"))
    parser.add_argument("--queries", type=int, help="how many, 10 at most (4 with --quick)")
    options = parser.parse_args()
    from concept_align.icl.causal import load_causal
    from concept_align.icl.scoring import CachedLoop, CausalScorer
    from concept_align.icl.wording import label_set
    from concept_align.treebanks.concepts import UPOS

    root = Path(__file__).parent.parent
    sys.path[:0] = [str(root / "experiments"), str(root / "tests" / "tiny")]
    from gemma270m import packaged_model
    from naive_scorer import NaiveScorer

    name = str(packaged_model()) if options.gemma else options.model
    model = load_causal(name, device=options.device, dtype="float32")
    ours, loop, naive = CausalScorer(model), CachedLoop(model), NaiveScorer(model)
    labels = label_set("tags", UPOS)
    demonstrations = sentences(9, "train")[:DEMONSTRATIONS]
    queries = sentences(12, "test")[: options.queries or (4 if options.quick else 10)]
    prompt = ours.prompt(demonstrations, labels, room=max(ours.room(query, labels) for query in queries))
    few = [first_words(queries[0], 1 if options.quick else 3)]

    def score(scorer: Any, some: Sequence[Any]) -> Any:
        found = scorer.score(prompt, some, feedback=options.feedback)
        if options.device == "cuda":
            torch.cuda.synchronize()
        return found

    checked = queries[:1] if options.quick else queries
    error = agree(score(ours, checked), score(loop, checked), 1e-3)
    error = max(error, agree(score(ours, few), score(naive, few), 1e-3))

    def fresh() -> Any:
        ours._held = None  # the demonstrations are read within the time
        return score(ours, queries)

    def fresh_loop() -> Any:
        loop._held = None
        return score(loop, queries)

    ways: dict[str, Callable[[], Any]] = {
        "ours": fresh,
        "cached loop": fresh_loop,
        "naive": lambda: score(naive, few),
    }
    seconds = interleaved(ways, rounds=1 if options.quick else 3, warmup=0)
    words = sum(len(query.items) for query in queries)
    rates = {way: (len(few[0].items) if way == "naive" else words) / value for way, value in seconds.items()}
    trie = ours.layout.trie(labels)
    report(
        f"words a second, {len(prompt.sentences)} demonstrations ({len(prompt.ids)} tokens), "
        f"{len(queries)} queries of {words} words, {len(labels.names)} labels, {model.name}",
        {way: f"{rate:9.2f}" for way, rate in rates.items()},
        {
            "words_per_s": rates["ours"],
            "vs_naive": rates["ours"] / rates["naive"],
            "vs_cached_loop": rates["ours"] / rates["cached loop"],
            "largest_difference": f"{error:.1e}",
            "demonstrations": len(prompt.sentences),
            "prompt_pieces": len(prompt.ids),
            "label_beginnings": len(trie.nodes),
            "feedback": options.feedback,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if options.device == "cuda" else options.device,
        },
        only_json=options.json,
    )


if __name__ == "__main__":
    main()
