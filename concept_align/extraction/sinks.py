"""Where word states go: into shards of states, or into class statistics."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from .. import atomic
from ..class_sums import ClassSums
from ..errors import ModelError, StoreError
from ..models.protocol import WordStates
from ..spaces.represent import represent
from ..store import manifest
from ..store.keys import SAVE_DTYPES, Recipe, layer_name, statistics_name
from ..store.manifest import Marker
from ..store.shards import ShardWriter, States, file_size, state_shapes, statistics_tensors
from ..treebanks.concepts import parse_task
from ..treebanks.corpus import Annotations
from .outliers import massive, norms_of, tame
from .plan import ExtractionRequest

Sink = Callable[[WordStates], None]  # takes those of the next kept sentences


def states_bytes(recipe: Recipe, words: int, sents: int) -> int:
    """Bytes of one layer's file, exactly."""
    return file_size(state_shapes(recipe, words, sents))


def cast(values: torch.Tensor, save_dtype: str, layer: int, where: str) -> torch.Tensor:
    """``values`` as they are saved. ModelError, StoreError where they are not finite, or too large for it."""
    found = values.to(SAVE_DTYPES[save_dtype])
    if bool(torch.isfinite(found).all()):
        return found
    _check_finite(values, layer, where)
    largest = float(values.abs().max())
    what = f"states of layer {layer} reach {largest:.3g}, too large for {save_dtype}"
    remedy = "let save_dtype be bfloat16 or float32 (in another folder, if this one has states)"
    raise StoreError(what, where=where, remedy=remedy)


def _check_finite(values: torch.Tensor, layer: int, where: str | None = None) -> None:
    if not bool(torch.isfinite(values).all()):
        remedy = "compute in a wider dtype (float32 is the widest), or fetch the model again"
        raise ModelError(f"states of layer {layer} are not finite", where=where, remedy=remedy)


@contextmanager
def states_sink(folder: Path, recipe: Recipe, layers: Sequence[int], marker: Marker) -> Iterator[Sink]:
    """Files of all ``layers``, which appear when the block ends well; markers last."""
    where, made = f"{marker.treebank} {marker.split}", dict[Path, Marker]()
    norms: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}
    with ExitStack() as stack:
        writers: dict[int, tuple[Path, str, ShardWriter]] = {}
        for layer in layers:
            path = folder / layer_name(marker.split, layer)
            # What is replaced is not whole from here on, whatever happens.
            atomic.remove(manifest.marker_path(path))
            file = stack.enter_context(atomic.replacing(path))
            shapes = state_shapes(recipe, marker.words, marker.sents)
            writers[layer] = path, file.name, ShardWriter(file, shapes)

        def add(states: WordStates) -> None:
            for layer, (_, _, writer) in writers.items():
                for name, held in (("words", states.words), ("start", states.start)):
                    if layer in held:
                        saved = cast(held[layer], recipe.save_dtype, layer, where)
                        writer.append(name, saved)
                        if name == "words":
                            norms[layer].append(norms_of(saved))

        yield add
        for layer, (path, name, writer) in writers.items():
            lengths, how = torch.cat(norms[layer]), recipe.outliers
            some = bool(massive(lengths).any()) and how != "keep"
            found = tame(writer.rows("words", name), lengths, how) if some else int(massive(lengths).sum())
            size, digest = writer.size, writer.finish(name)
            made[path] = replace(marker, kind="states", layer=layer, size=size, sha256=digest, massive=found)
    for path, own in made.items():
        manifest.write(path, own)


@contextmanager
def statistics_sink(
    folder: Path,
    recipe: Recipe,
    layers: Sequence[int],
    marker: Marker,
    annotations: Annotations,
    request: ExtractionRequest,
) -> Iterator[Sink]:
    """Statistics of all ``layers`` and tasks, written when the block ends well."""
    cap, second = recipe.max_words_per_concept, request.second_moments
    tasks = [parse_task(name, annotations) for name in request.tasks]
    fitters = {
        (layer, task): ClassSums(task.concepts, recipe.dim, cap=cap, second=second)
        for layer in layers
        for task in tasks
    }

    def add(states: WordStates) -> None:
        own = annotations.select(states.sentences)
        for (layer, task), fitter in fitters.items():
            words, start = states.words[layer].cpu(), states.start.get(layer)
            held = States(words, None if start is None else start.cpu(), own.offsets, layer)
            found = represent([held], own, task, root=request.root, mwt=request.mwt)
            _check_finite(found.x, layer)
            fitter.update(found.x, found.y)

    yield add
    for (layer, task), fitter in fitters.items():
        path = folder / statistics_name(marker.split, layer, task.name, request.root, request.mwt)
        made = replace(marker, kind="statistics", layer=layer, task=task.name, second_moments=second)
        manifest.write_shard(path, made, *statistics_tensors(fitter.finish()))
