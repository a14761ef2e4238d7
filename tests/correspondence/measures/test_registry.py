import pytest

from concept_align.correspondence.measures import MEASURES, parse_measures
from concept_align.errors import UsageError


def test_every_measure_bears_the_name_it_is_registered_by():
    assert [make().name for make in MEASURES.values()] == list(MEASURES)
    assert {"rsa", "rsa-pearson/cosine", "procrustes", "cka", "cca", "retrieval-mrr-csls"} <= set(MEASURES)


def test_defaults_may_be_spelled_out():
    spelled = parse_measures("rsa-spearman/euclidean, rsa-spearman/cosine,rsa-pearson/euclidean,retrieval")
    assert [measure.name for measure in spelled] == ["rsa", "rsa/cosine", "rsa-pearson", "retrieval-p1"]


def test_a_measure_named_twice_is_taken_once():
    assert [measure.name for measure in parse_measures("cka,RSA, rsa-spearman,cka,")] == ["cka", "rsa"]


def test_mahalanobis_distances_ask_for_whitened_prototypes():
    assert [name for name, make in MEASURES.items() if make().whitened] == [
        "rsa/mahalanobis", "rsa-pearson/mahalanobis", "rsa-cosine/mahalanobis",
    ]  # fmt: skip


@pytest.mark.parametrize("names", ["", " , ", "rsa,nearest", "rsa-kendall", "rsa/", "-spearman"])
def test_a_name_that_is_none_is_an_error_that_lists_those_there_are(names):
    with pytest.raises(UsageError, match="retrieval-mrr"):
        parse_measures(names)


def test_rotation_alone_is_said_to_need_the_prototypes():
    with pytest.raises(UsageError, match="mirror image"):
        parse_measures("procrustes-rotation")
