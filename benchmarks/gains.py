"""What gains of demonstrations cost, and how far structured prompting is from a plain pass of the model.

*gains*: each of three candidates alone before 34 queries of the mini treebanks, gold labels fed back
(``measure_gains``), against the plain way: for every pair, candidate and query go through transformers as
one row, nothing shared. With labels of one token each (``symbols``) one pass a pair gives all that is
needed. With ``tags`` of up to three tokens the plain way reads a row for every word and label, sixteen at a
time; it is timed on the first words of one query. The gains that were timed must agree to 1e-4.

*prompting*: tokens a CPU second (those of queries, of the labels fed back, and the beginnings of labels; the
demonstration is read within the time and does not count) over those of a plain forward pass of the model
with its head, and of its blocks alone, over as many tokens in as many rows, 512 tokens at once.

The model is mini-decoder, or the folder of another with --gemma.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import arguments, interleaved, report

MINI = Path(__file__).parent.parent / "ud_data" / "mini"
ROWS = 16  # of the plain way, at once
PLAIN = 512  # tokens of a plain pass: logits of more, over a large vocabulary, would be gigabytes


def sentences(names: Sequence[str], split: str, each: int, longest: int) -> list[Any]:
    from concept_align.icl.base import tagged_sentences
    from concept_align.treebanks.concepts import parse_task
    from concept_align.treebanks.conllu import read

    upos, found = parse_task("upos"), []
    for name in names:
        (file,) = MINI.glob(f"UD_{name}-Mini/*-ud-{split}.conllu")
        found += tagged_sentences(read(file), upos, longest=longest)[:each]
    return found


def plain_row(scorer: Any, labels: Any, some: Sequence[Any]) -> tuple[list[int], list[int], list[int]]:
    """Tokens of the sentences with their gold labels, and of the last one's labels: places before, labels."""
    from concept_align.icl.prompting import filled

    trie, ids = scorer.layout.trie(labels), list(scorer.layout.start)
    for number, sentence in enumerate(some):
        laid = scorer.layout.lay(sentence, first=number == 0)
        own, places = filled(laid, [trie.pieces[label] for label in laid.labels])
        begin, ids = len(ids), [*ids, *own, *laid.tail]
    return ids, [begin + place for place in places], list(laid.labels)


def one_pass(model: Any, scorer: Any, labels: Any, some: Sequence[Any]) -> np.ndarray:
    """Scores [items, labels] of labels of one token: logits of a row of transformers."""
    ids, places, _ = plain_row(scorer, labels, some)
    with torch.inference_mode():
        logits = model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        columns = [piece for (piece,) in scorer.layout.trie(labels).pieces]
        return logits[places].float().log_softmax(1)[:, columns].double().numpy()


def row_a_label(model: Any, scorer: Any, labels: Any, some: Sequence[Any]) -> np.ndarray:
    """Scores [items, labels]: a row for every item and label, as evaluations of choices do it."""
    ids, places, _ = plain_row(scorer, labels, some)
    pieces = scorer.layout.trie(labels).pieces
    rows = [([*ids[: place + 1], *label], len(label)) for place in places for label in pieces]
    found = []
    for begin in range(0, len(rows), ROWS):
        batch = rows[begin : begin + ROWS]
        longest = max(len(own) for own, _ in batch)
        padded = torch.tensor([own + [model.pad] * (longest - len(own)) for own, _ in batch])
        with torch.inference_mode():
            logits = model.module(input_ids=padded, use_cache=False).logits
            for own, (row, count) in zip(logits, batch, strict=True):
                logp = own[len(row) - count - 1 : len(row) - 1].float().log_softmax(1)
                found.append(float(logp[torch.arange(count), row[-count:]].mean()))
    return np.array(found).reshape(len(places), len(pieces))


def plain_gain(way: Callable[..., Any], query: Any, candidate: Any, without: np.ndarray) -> float:
    scores = [way([candidate, query]), without]
    gold = [item.label for item in query.items]
    p, q = (one - np.logaddexp.reduce(one, axis=1, keepdims=True) for one in scores)
    return float((p - q)[np.arange(len(gold)), gold].mean())


def compare(model: Any, kind: str, queries: list[Any], candidates: list[Any], rounds: int) -> dict[str, Any]:
    """CPU seconds an item, ours and the plain way's; what is said without a candidate is in both."""
    from concept_align.icl.scoring import CausalScorer
    from concept_align.icl.selectors.helping import measure_gains
    from concept_align.icl.wording import label_set
    from concept_align.treebanks.concepts import UPOS

    scorer, labels = CausalScorer(model), label_set(kind, UPOS)
    single = scorer.layout.trie(labels).longest == 1
    own: Callable[..., Any] = one_pass if single else row_a_label
    # Where each label is a row of its own, the first words of a query are enough: later ones take longer.
    asked = queries if single else [replace(queries[0], items=queries[0].items[:2]), *queries]
    plain = list(product(range(len(asked)) if single else [0], range(len(candidates))))

    def way(some: Sequence[Any]) -> np.ndarray:
        return own(model, scorer, labels, some)

    found: dict[str, Any] = {}

    def ours() -> None:
        found["ours"] = measure_gains(scorer, labels, asked, candidates).gain

    def theirs() -> None:
        without = {q: way([asked[q]]) for q in {q for q, _ in plain}}
        found["plain"] = [plain_gain(way, asked[q], candidates[c], without[q]) for q, c in plain]

    seconds = interleaved({"ours": ours, "plain": theirs}, rounds, warmup=0, clock=time.process_time)
    error = max(abs(found["ours"][pair] - value) for pair, value in zip(plain, found["plain"], strict=True))
    if error > 1e-4:
        raise SystemExit(f"gains differ by {error:.1e}")
    return {
        "ours": seconds["ours"] / sum(len(query.items) for query in asked) / len(candidates),
        "plain": seconds["plain"] / sum(len(asked[q].items) for q, _ in plain),
        "pair": seconds["ours"] / len(asked) / len(candidates),
        "error": error,
    }


def prompting(model: Any, feedback: Any, queries: list[Any], candidate: Any, rounds: int) -> dict[str, float]:
    """Tokens a CPU second: prompting, a plain pass, and one of the blocks alone."""
    from concept_align.icl.scoring import CausalScorer
    from concept_align.icl.wording import label_set
    from concept_align.treebanks.concepts import UPOS

    scorer, labels = CausalScorer(model), label_set("tags", UPOS)
    trie = scorer.layout.trie(labels)
    prompt = scorer.prompt([candidate], labels, room=max(scorer.room(query, labels) for query in queries))
    laid = [scorer.layout.lay(query, first=False) for query in queries]
    tokens = sum(own.pieces() + len(own.leads) * len(trie.nodes) for own in laid)
    tokens += sum(len(trie.pieces[label]) for own in laid for label in own.labels[:-1])
    ids = torch.randint(5, model.module.config.vocab_size - 5, (len(queries), tokens // len(queries)))

    def prompted() -> Any:
        scorer._held = None  # the demonstration is read within the time
        return scorer.score(prompt, queries, feedback=feedback)

    def forward(part: Any) -> None:
        with model.running():
            for some in ids.split(max(1, PLAIN // ids.shape[1])):
                part(input_ids=some, use_cache=False)

    ways: dict[str, Callable[[], Any]] = {
        "prompting": prompted,
        "forward": lambda: forward(model.module),
        "blocks": lambda: forward(model.base),
    }
    seconds = interleaved(ways, rounds, warmup=0, clock=time.process_time)
    return {way: (tokens if way == "prompting" else ids.numel()) / value for way, value in seconds.items()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--gemma", metavar="FOLDER", help="the folder of a converted Gemma 3 270M")
    parser.add_argument("--candidates", type=int, default=3, help="how many, four at most")
    parser.add_argument("--queries", type=int, default=34, help="how many (a quarter with --quick)")
    parser.add_argument("--only", choices=("symbols", "tags", "gold", "predicted"), help="one part alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    from concept_align.icl.causal import load_causal

    model = load_causal(options.gemma or "mini-decoder", device="cpu", dtype="float32")
    rounds = 1 if options.quick or options.gemma else 3
    queries = sentences(("French", "Russian", "Arabic", "Estonian", "Turkish"), "test", 8, 9)[
        : options.queries
    ]
    candidates = sentences(("English", "German"), "train", 2, 9)[: options.candidates]
    if options.quick:
        queries, candidates = queries[::4], candidates[:1]
    rows: dict[str, str] = {}
    figures: dict[str, Any] = {"model": model.name, "queries": len(queries), "candidates": len(candidates)}
    for kind in ("symbols", "tags"):
        if options.only in (None, kind):
            found = compare(model, kind, queries, candidates, rounds)
            rows[f"{kind}: CPU seconds an item"] = f"{found['ours']:.4f} ours, {found['plain']:.4f} plain"
            figures[f"gains_vs_naive_{kind}"] = found["plain"] / found["ours"]
            figures[f"{kind}_cpu_s_a_pair"] = found["pair"]
            figures[f"{kind}_largest_difference"] = f"{found['error']:.1e}"
    for feedback in ("gold", "predicted"):
        if options.only in (None, feedback):
            rates = prompting(model, feedback, queries, candidates[0], rounds)
            rows[f"tokens a CPU second, {feedback}"] = ", ".join(f"{v:.0f} {k}" for k, v in rates.items())
            figures[f"icl_vs_forward_{feedback}"] = rates["prompting"] / rates["forward"]
            figures[f"icl_vs_blocks_{feedback}"] = rates["prompting"] / rates["blocks"]
    title = f"gains of {len(candidates)} candidates for {len(queries)} queries, {model.name}, one thread"
    report(title, rows, figures, only_json=options.json)


if __name__ == "__main__":
    main()
