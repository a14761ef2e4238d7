"""A larger decoder: does it follow demonstrations above its majority class, and what of them does it need?

    python experiments/selection/larger.py --treebanks UD --model FOLDER_OR_ID [--work FOLDER]

English demonstrations before queries of other languages; the model's own choice is put behind a word before
the next one is asked for. Controls: the same sentences without labels, as many tokens of unlabelled text,
labels under each other's names. Of every prompt, the states that labels are chosen from are read by
prototypes of other languages' words in the same prompt, which have seen no label of the targets.
"""

import argparse
import sys
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sentences import Sentences

from concept_align.atomic import save_csv
from concept_align.cache import Kept
from concept_align.class_sums import ClassSums
from concept_align.icl.base import LabelScores, Prompt, PromptSentence
from concept_align.icl.causal import load_causal
from concept_align.icl.scoring import CausalScorer
from concept_align.icl.session import calibrated
from concept_align.icl.wording import LabelSet, label_set
from concept_align.seeding import derive
from concept_align.spaces.classify import NearestPrototype
from concept_align.spaces.prototypes import ConceptSpace
from concept_align.spaces.standardise import StandardiserFitter
from concept_align.statistics import mean_over_languages

HERE = Path(__file__).parent
# What stands before the queries: kind of labels, number of demonstrations, whether these are labelled.
PROMPTS = {
    "labelled-8": ("tags", 8, True),
    "none": ("tags", 0, True),
    "shuffled-8": ("shuffled", 8, True),
    "length-matched": ("tags", 8, False),
    "unlabelled-8": ("tags", 8, False),
    "labelled-4": ("tags", 4, True),
}


NEAR = ("none", "labelled-8", "shuffled-8")  # what is asked of English and its like


def bare(sentence: PromptSentence) -> PromptSentence:
    """Without labels."""
    return replace(sentence, items=())


def built(scorer: CausalScorer, name: str, pool: list[PromptSentence], labels: LabelSet, room: int) -> Prompt:
    """The prompt called ``name``; the first of ``pool`` are the demonstrations."""
    _, k, labelled = PROMPTS[name]
    demonstrations = pool[:k]
    prompt = scorer.prompt(demonstrations, labels, room=room)
    if labelled:
        return prompt
    plain = [bare(one) for one in demonstrations]
    if name == "length-matched":
        for one in pool[k:]:
            if len(scorer.prompt(plain, labels, room=room).ids) >= len(prompt.ids):
                break
            plain.insert(0, bare(one))
    return scorer.prompt(plain, labels, room=room)


def probed(
    answers: dict[str, list[LabelScores]],
    queries: dict[str, list[PromptSentence]],
    learned_from: tuple[str, ...],
    layer: int,
    concepts: tuple[str, ...],
) -> dict[str, float]:
    """Accuracy of prototypes of ``learned_from``, by target; each language's states are standardised."""
    states: dict[str, torch.Tensor] = {}
    for code, own in answers.items():
        x = torch.cat([one.states[layer] for one in own])
        states[code] = StandardiserFitter(x.shape[1]).update(x).finish().states(x)
    gold = {code: torch.tensor([i.label for one in own for i in one.items]) for code, own in queries.items()}
    sums = ClassSums(concepts, next(iter(states.values())).shape[1])
    for code in learned_from:
        sums.update(states[code], gold[code])
    classifier = NearestPrototype.of(ConceptSpace.of(sums.finish()))
    return {
        code: float((classifier.scores(x).argmax(1) == gold[code]).float().mean())
        for code, x in states.items()
        if code not in learned_from
    }


def asked(
    scorer: CausalScorer, sentences: Sentences, settings: dict[str, Any], name: str
) -> list[dict[str, Any]]:
    """Accuracy of one prompt by target: as it is, calibrated, and of the states by prototypes."""
    kind, k, _ = PROMPTS[name]
    targets, others = (tuple(settings[side].split(",")) for side in ("langs", "probe_langs"))
    labels = label_set(kind, sentences.task.concepts, seed=derive(settings["seed"], "labels", 0))
    queries = {code: sentences.drawn(code, "test", settings["queries"]) for code in targets}
    queries |= {code: sentences.drawn(code, "test", settings["queries"]) for code in others}
    everything = [one for own in queries.values() for one in own]
    room = max(scorer.room(one, labels) for one in everything)
    prompt = built(scorer, name, sentences.drawn("en", "train", 60), labels, room)
    found = iter(scorer.score(prompt, everything, feedback="predicted", layers=[settings["layer"]]))
    answers = {code: [next(found) for _ in own] for code, own in queries.items()}
    read = probed(answers, queries, others, settings["layer"], sentences.task.concepts)
    rows = []
    for code in targets:
        gold = np.array([item.label for one in queries[code] for item in one.items])
        scores = torch.cat([one.scores for one in answers[code]])
        plain = np.concatenate([one.predicted for one in answers[code]])
        told = {
            "plain": (plain == gold).mean(),
            "calibrated": (calibrated(scores).argmax(1).numpy() == gold).mean(),
            "prototypes": read[code],
            "majority": np.bincount(gold).max() / len(gold),  # of the target's own words
        }
        about = {"prompt": name, "k": k, "tokens": len(prompt.ids), "language": code, "n": len(gold)}
        rows += [about | {"way": way, "value": float(value)} for way, value in told.items()]
    return rows


def table(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """With means over languages, and paired differences to the majority class and to other prompts."""
    keys = ["languages", "prompt", "way"]
    values = frame.set_index([*keys, "language"])["value"].sort_index()
    sizes = frame.groupby(keys, sort=False)[["k", "tokens"]].first()
    means = []
    for (languages, prompt, way), about in sizes.iterrows():  # type: ignore[misc]
        own = values[languages, prompt, way]
        against = {"": 0.0 * own}
        if way != "majority":
            against |= {"majority": values[languages, prompt, "majority"]}
            others = [(languages, name, way) for name in PROMPTS if name != prompt]
            against |= {key[1]: values[key] for key in others if key in sizes.index}
        for name, other in against.items():
            mean = mean_over_languages((own - other).to_numpy(), seed=seed)
            told = {"languages": languages, "prompt": prompt, "way": way, "against": name, "language": "mean"}
            means.append(told | about.to_dict() | mean)
    return pd.concat([frame.assign(against=""), pd.DataFrame(means)], ignore_index=True)


def main() -> None:
    settings = tomllib.loads((HERE / "config.toml").read_text())
    own = settings["larger"] | {"seed": settings["seed"]}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--treebanks", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/selection/larger"))
    options = parser.parse_args()
    scorer = CausalScorer(load_causal(options.model, dtype=own["dtype"]))
    sentences, kept = Sentences(settings, options.treebanks, "upos"), Kept.json(options.work)
    near = own | {"langs": own["near"], "probe_langs": own["near_probe_langs"]}
    rows: list[dict[str, Any]] = []
    for which, asks, names in (("far", own, PROMPTS), ("near", near, NEAR)):
        for name in names:
            made_from = {"settings": asks, "revision": scorer.revision, "prompt": PROMPTS[name]}
            found = kept.get(f"{which}-{name}", made_from, partial(asked, scorer, sentences, asks, name))
            rows += [{"languages": which, **row} for row in found]
            print(f"{which}, {name}: done", file=sys.stderr, flush=True)
    save_csv(table(pd.DataFrame(rows), own["seed"]).round(5), HERE / "larger.csv")


if __name__ == "__main__":
    main()
