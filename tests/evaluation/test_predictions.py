import json

import numpy as np
import pytest
import torch

from concept_align.evaluation.predictions import PredictionLog, Predictions, digest_features
from concept_align.spaces.features import Features

FIRST = Predictions(np.array([0, 3, 2, 36]), np.array([0, 128, 254, 255], np.uint8))
SECOND = Predictions(np.array([1, 1, 1, 0]), None)
MADE = {"aligner": "abc", "seed": 0}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "shrink" / "cy.jsonl"
    log = PredictionLog(path, MADE, 4)
    log.add((0, 0), FIRST)
    log.add((5, 2), SECOND)
    return path


def done(path, made=MADE, words=4):
    return {
        place: (one.codes.tolist(), None if one.confidence is None else one.confidence.tolist())
        for place, one in PredictionLog(path, made, words).done.items()
    }


def test_units_are_read_as_they_were_written(path):
    assert done(path) == {(0, 0): ([0, 3, 2, 36], [0, 128, 254, 255]), (5, 2): ([1, 1, 1, 0], None)}


def test_reading_leaves_the_file_as_it_was(path):
    before = path.read_bytes()
    done(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("left", [1, 10, 60])
def test_a_torn_line_is_dropped_and_the_file_can_be_appended_to(path, left):
    whole = path.read_bytes()
    path.write_bytes(whole[:-left])
    log = PredictionLog(path, MADE, 4)
    assert list(log.done) == [(0, 0)]
    log.add((5, 2), SECOND)
    assert path.read_bytes() == whole


def test_a_damaged_line_is_dropped_with_what_follows(path):
    lines = path.read_bytes().splitlines(keepends=True)
    start = lines[1].index(b'"predicted": "') + len(b'"predicted": "')
    lines[1] = lines[1][:start] + b"AAAA" + lines[1][start + 4 :]
    path.write_bytes(b"".join(lines))
    assert done(path) == {}


@pytest.mark.parametrize("made", [{"aligner": "abd", "seed": 0}, {"aligner": "abc", "seed": 1}, {}])
def test_units_made_from_something_else_are_thrown_away(path, made):
    assert done(path, made) == {}
    assert done(path) == {}


def test_units_of_an_older_schema_are_ignored(path):
    old = path.read_bytes().replace(b'"schema": 2', b'"schema": 1')
    path.write_bytes(old)
    assert done(path) == {}


def test_confidences_of_another_length_are_damage(path):
    other = path.with_name("ga.jsonl")
    PredictionLog(other, MADE, 3).add((7, 0), Predictions(FIRST.codes[:3], FIRST.confidence[:3]))
    unit, short = (json.loads(file.read_bytes().splitlines()[1]) for file in (path, other))
    line = json.dumps({**unit, "shots": 7, "confidence": short["confidence"]}, sort_keys=True)
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    assert set(done(path)) == {(0, 0), (5, 2)}


def test_without_a_path_units_live_in_memory():
    log = PredictionLog(None, MADE, 4)
    log.add((0, 0), FIRST)
    assert log.done[0, 0] is FIRST


def test_digest_sees_representations_labels_sentences_and_names():
    def features(language="cy", x=0.0, y=0, offsets=(0, 2, 3)):
        return Features(
            language, ("a", "b"), torch.full((3, 2), x), torch.full((3,), y), np.array(offsets, np.int64)
        )

    base = digest_features(features())
    assert base == digest_features(features())
    others = [features("ga"), features(x=1.0), features(y=1), features(offsets=(0, 1, 3))]
    assert len({base, *map(digest_features, others)}) == 5


def test_digest_of_nothing_is_a_digest():
    empty = Features(
        "cy", ("a",), torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), np.zeros(1, np.int64)
    )
    assert len(digest_features(empty)) == 64
