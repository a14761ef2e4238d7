"""A whole run of tuning: from a configuration to a folder with the tuned model and what changed.

The folder holds ``run.toml`` (the configuration, to be given back to the command), ``provenance.json``,
``history.csv`` (a row for each step), ``before-after.csv`` and ``.parquet`` (:mod:`.study`), ``adapter/`` and
``model/`` (:mod:`.export`) and, written last, ``SHA256SUMS``. While a run is under way,
``checkpoint.safetensors`` and ``before/`` hold what it needs to resume. All are the same, byte for byte,
however often a run was interrupted on one thread of one CPU.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic, provenance
from ..cache import Kept
from ..checkpoint import ANEW, same_run
from ..config import from_mapping, read_toml, to_mapping, to_toml
from ..errors import LearningError
from ..hashing import as_json
from ..integrity import write_sums
from ..outputs import OutputLayout, output_folder
from ..progress import Progress, Silent
from ..reading import read_json, read_table
from .adapters import Learning, learn
from .checkpoint import NAME as CHECKPOINT
from .checkpoint import Checkpoints
from .export import export
from .model import TunableModel, open_tunable
from .objectives import losses
from .plan import HELD_OUT, TunePlan
from .prepare import chosen_layer, measured_standard
from .processes import rank, shared, shared_tensors, together
from .settings import PLACES, TuneConfig
from .standard import Standard
from .study import Measured, RetrievalSet, before_after, evaluate
from .train import Row, Training, train
from .tuned import BEFORE_AFTER, HISTORY, SUMMED, Tuned, is_tuned

BEFORE = "before"
LAYOUT = OutputLayout("tune", (), ())
DATA = "made_from"  # in what is told of a finished run: its model and files, by what they hold
MERGED = 8_000_000_000  # parameters up to which the whole model is written unless told otherwise


def tune(
    model: str | Path | TuneConfig | TunePlan,
    pairs: str | None = None,
    *,
    out: str | Path,
    force: bool = False,
    progress: Progress | None = None,
    **fields: Any,
) -> Tuned | None:
    """Tune a language model on translations, so that sentences that say the same come to lie together.

    Args:
        model: a decoder or encoder: a shipped one, a Hugging Face model id, or a folder.
        pairs: the translations: ``"mini"``, ``"treebanks:DIR"``, ``"FILE.tsv"``, ...
        out: the folder for the tuned model and what was measured; a run that was stopped there resumes, a
            finished one is taken as it is.
        force: replace what another run left in ``out``.
        fields: further fields of :class:`TuneConfig`: ``langs``, ``preset``, ``layer``, ``steps``,
            ``weights``, ``control``, ``seed``, ...

    Returns:
        The finished run. None in all but the first of several processes that torchrun has started.

    Raises our errors for what is unknown or cannot be done, LearningError for a loss that is not finite.

    Example:
        >>> import concept_align as ca
        >>> quick = {"steps": 2, "batch": 4, "answers": 2, "langs": ["en", "de"], "evaluate": ["none"]}
        >>> tuned = ca.tune("mini-decoder", "mini", out=tmp / "tuned", **quick)
        >>> len(tuned.history), ca.load_model(tuned.model).layers
        (2, 4)
    """
    began = time.monotonic()
    planned = _planned(model, pairs, fields)
    place = Path(out)
    with together(planned.config.device) as device:
        if rank():
            if not shared(None):
                _trained(planned, place, device, Silent(), writes=False)
            return None
        with output_folder(place, LAYOUT) as held:
            if force:
                held.clear()
            finished = _finished(place, planned)
            if not shared(finished):
                atomic.write_text(place / "run.toml", to_toml(planned.given))
                _kept(planned, place, device, progress or Silent())
            held.remove(CHECKPOINT, BEFORE)
    tuned = Tuned.load(place)
    return tuned if finished else replace(tuned, seconds=time.monotonic() - began)


def _planned(model: Any, pairs: str | None, fields: Mapping[str, Any]) -> TunePlan:
    if isinstance(model, TunePlan) and pairs is None and not fields:
        return model
    given = {key: str(value) if isinstance(value, Path) else value for key, value in fields.items()}
    if isinstance(model, TuneConfig):
        given = {**to_mapping(model), **given}
    else:
        given["model"] = str(model)
    if pairs is not None:
        given["pairs"] = pairs
    return TunePlan.of(from_mapping(TuneConfig, given))


def _finished(out: Path, planned: TunePlan) -> bool:
    """Whether ``out`` holds the finished run of ``planned``; LearningError where it holds another one.

    Files are known by what they hold, not by where they are.
    """
    if not (out / "run.toml").exists():
        return False
    finished = is_tuned(out)
    before = to_mapping(read_toml(out / "run.toml", TuneConfig))
    now = to_mapping(planned.given)
    known = read_json(out / "provenance.json") if finished else {}
    if DATA in known:
        before, now = ({k: v for k, v in one.items() if k not in PLACES} for one in (before, now))
    same_run(out / "run.toml", before, now)
    other = [name for name, value in _data(planned).items() if known.get(DATA, {}).get(name, value) != value]
    if other:
        what = f"the folder holds a run of other data: {', '.join(other)}"
        raise LearningError(what, where=str(out), remedy=ANEW)
    return finished


def _data(planned: TunePlan) -> Any:
    return as_json({**planned.data(), "tested": planned.measured_on})


def _trained(
    planned: TunePlan, out: Path, device: str, progress: Progress, *, writes: bool = True
) -> tuple[TunePlan, Learning, list[Row], Measured | None]:
    """The model trained, with its history and, in the process that ``writes``, what was measured before."""
    config = planned.config
    dtype = "float32" if config.dtype == "auto" and config.train != "lora" else config.dtype
    model = open_tunable(
        config.model, revision=config.revision, dtype=dtype, device=device, offline=config.offline
    )
    before = _before(planned, model, out) if writes else None
    if config.layer == "auto":
        layer = shared(chosen_layer(planned, model) if writes else None)
        planned = replace(planned, config=replace(config, layer=layer))
    assert isinstance(planned.config.layer, int)
    own = measured_standard(planned, model, planned.config.layer) if writes else None
    told = shared_tensors(None if own is None else own.tensors())
    standard = None if told is None else Standard.of_tensors(told)
    weights = planned.weights
    learning = learn(
        model, planned.config.train or "lora",
        upto=None if {"answers", "retention"} & set(weights) else planned.config.layer,
        rank=planned.config.rank or 1, alpha=planned.config.alpha or 1.0,
        dropout=planned.config.dropout or 0.0, seed=planned.config.seed, keep="retention" in weights,
    )  # fmt: skip
    made, head = losses(planned, learning, standard, planned.config.layer)
    identity = {**planned.identity(), "layer": planned.config.layer}
    looking = None
    if planned.config.eval_every and writes:
        looking = lambda: _glimpse(planned, model)  # noqa: E731
    training = Training(learning, made, planned.config, identity, head, looking)
    history = train(training, Checkpoints(out, writes), progress=progress)
    return planned, learning, history, before


def _kept(planned: TunePlan, out: Path, device: str, progress: Progress) -> None:
    """Train, measure, and write what a run leaves."""
    planned, learning, history, before = _trained(planned, out, device, progress)
    config, model = planned.config, learning.model
    atomic.save_csv(pd.DataFrame(history).astype({"step": int}), out / HISTORY)
    if before is not None:
        after = _measured(planned, model, tuned=True)
        assert after is not None
        atomic.save_table(before_after(before, after), out, BEFORE_AFTER)
    size = sum(one.numel() for one in model.module.parameters())
    facts = {
        **planned.facts(),
        DATA: _data(planned),
        "architecture": model.architecture,
        "dtype": str(model.dtype).removeprefix("torch."),
        "learned": sum(one.numel() for _, one in learning.parameters()),
        "left_out": int(sum(row.get("left_out", 0) for row in history)),
    }
    if learning.adapter is not None:
        facts["peft"] = provenance.version_of("peft")
    facts = provenance.collect(**facts)
    atomic.write_json(out / "provenance.json", facts)
    merge = size <= MERGED if config.merge is None else config.merge
    export(learning, out, replace(config, merge=merge), facts, planned.origin)
    write_sums(out, SUMMED)


def _sets(planned: TunePlan) -> list[RetrievalSet]:
    if "retrieval" not in planned.config.evaluate:
        return []
    return [
        RetrievalSet.halves(name, one)
        if name != HELD_OUT
        else RetrievalSet.of_split(name, one, planned.split)
        for name, one in planned.tested.items()
        if name != HELD_OUT or planned.split.held_out
    ]


def _measured(planned: TunePlan, model: TunableModel, *, tuned: bool) -> Measured | None:
    """What the configuration wants to be measured; None where it wants nothing."""
    config, sets = planned.config, _sets(planned)
    texts = planned.measured if "language" in config.evaluate and model.kind == "decoder" else {}
    if not sets and not texts:
        return None
    return evaluate(
        model,
        sets,
        planned.split,
        texts=texts,
        tuned=tuned,
        pooling=config.pooling or "mean",
        seed=config.seed,
    )


def _before(planned: TunePlan, model: TunableModel, out: Path) -> Measured | None:
    """What is measured of the model before, once for a run however often it is stopped."""
    if not _sets(planned) and "language" not in planned.config.evaluate:
        return None

    def save(place: Path, found: Measured) -> None:
        with atomic.replacing(place / "outcomes.parquet") as file:
            found.outcomes.to_parquet(file, index=False)
        atomic.write_json(place / "about.json", {"notes": list(found.notes)})

    def load(place: Path) -> Measured:
        notes = tuple(read_json(place / "about.json")["notes"])
        outcomes = read_table(place / "outcomes.parquet")
        seen = tuple(planned.split.seen)
        return Measured(model.name, model.revision, planned.config.seed, seen, outcomes, notes)

    made_from = {**planned.identity(), "evaluate": planned.config.evaluate, "tested": planned.measured_on}
    kept = Kept(out / BEFORE, save, load)
    found = kept.find("model", made_from)
    if found is None and (found := _measured(planned, model, tuned=False)) is not None:
        kept.put("model", made_from, found)
    return found


def _glimpse(planned: TunePlan, model: TunableModel) -> Row:
    """Held-out retrieval at the tuned layer as it stands: P@1 of seen and unseen languages, by learner."""
    layer = planned.config.layer
    assert isinstance(layer, int)
    one = RetrievalSet.of_split(HELD_OUT, planned.tested[HELD_OUT], planned.split)
    frame = evaluate(
        model, [one], planned.split, tuned=True, layers=[layer], pooling=planned.config.pooling or "mean"
    ).frame()
    frame = frame[(frame["metric"] == "p1") & frame["language"].isin(["seen mean", "unseen mean"])]
    return {f"{row.learner} {row.language}": float(row.value) for row in frame.itertuples()}
