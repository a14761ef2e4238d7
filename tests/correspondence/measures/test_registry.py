import sys
from types import SimpleNamespace

import pytest
import torch

from concept_align import registration
from concept_align.correspondence.measures import (
    MEASURES,
    find_measure,
    register_measure,
    resolve_measures,
)
from concept_align.errors import UsageError


def test_every_measure_bears_the_name_it_is_registered_by():
    built_in = [name for name in MEASURES.names() if not name.startswith("own-")]
    assert [find_measure(name).name for name in built_in] == built_in
    assert {"rsa", "rsa-pearson/cosine", "procrustes", "cka", "cca", "retrieval-mrr-csls"} <= set(built_in)


def test_defaults_may_be_spelled_out():
    spelled = resolve_measures(
        ["rsa-spearman/euclidean", "rsa-spearman/cosine", "rsa-pearson/euclidean", "retrieval"]
    )
    assert [measure.name for measure in spelled] == ["rsa", "rsa/cosine", "rsa-pearson", "retrieval-p1"]


def test_a_measure_named_twice_is_taken_once():
    assert [measure.name for measure in resolve_measures(["cka", "RSA", "rsa-spearman", "cka"])] == [
        "cka",
        "rsa",
    ]


def test_mahalanobis_distances_ask_for_whitened_prototypes():
    assert [name for name in MEASURES.names() if find_measure(name).whitened] == [
        "rsa/mahalanobis", "rsa-pearson/mahalanobis", "rsa-cosine/mahalanobis",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nearest", "rsa-kendall", "rsa/", "-spearman"])
def test_a_name_that_is_none_is_an_error_that_names_near_ones_or_all(name):
    with pytest.raises(UsageError, match="unknown measure") as error:
        resolve_measures(["rsa", name])
    assert "retrieval-mrr" in error.value.remedy or "did you mean" in error.value.remedy
    assert error.value.option == "measures"


def test_no_measure_at_all_is_refused():
    with pytest.raises(UsageError, match="no measure named"):
        resolve_measures([])


def test_rotation_alone_is_said_to_be_impossible():
    with pytest.raises(UsageError, match="mirror image"):
        find_measure("procrustes-rotation")


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a.flatten(-2), b.flatten(-2), dim=-1)


@pytest.fixture
def registered():
    """The same function as a measure of one matrix at a time, and of all at once."""
    register_measure("own-cosine")(cosine)
    register_measure("own-cosine-batched", batched=True)(cosine)
    yield "own-cosine", "own-cosine-batched"
    for name in ("own-cosine", "own-cosine-batched"):
        MEASURES._made.pop(name)


def test_a_measure_of_your_own_is_known_by_name_with_value_and_null(registered, spaces, grams):
    a, b = grams(*spaces(2)), grams(*spaces(2, seed=1))
    pairs, orders = torch.tensor([[0, 1], [1, 1]]), torch.stack([torch.arange(11).flip(0), torch.arange(11)])
    plain, batched = (measure.compare(a, b, pairs, orders) for measure in resolve_measures(registered))
    assert torch.equal(plain.values, batched.values) and torch.equal(plain.null, batched.null)
    assert plain.values[0, 0].item() == pytest.approx(cosine(a[0, 0], b[0, 1]).item())
    turned = b[0, 1].flip(0).flip(1)
    assert plain.null[0, 0, 0].item() == pytest.approx(cosine(a[0, 0], turned).item(), abs=1e-6)
    torch.testing.assert_close(plain.null[1], plain.values.float())


def test_a_space_in_which_nothing_differs_has_no_score(registered, spaces, grams):
    a = grams(*spaces(1))
    flat = torch.ones_like(a)
    found = find_measure("own-cosine").compare(a, flat, torch.tensor([[0, 0]]), torch.arange(11)[None])
    assert found.values.isnan().all() and found.null.isnan().all()


def test_a_changed_function_is_another_measure(registered):
    one = find_measure("own-cosine").fingerprint
    register_measure("own-cosine")(lambda a, b: cosine(a, b) / 2)
    assert find_measure("own-cosine").fingerprint != one


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(UsageError, match="exists already"):
        register_measure("cka")(cosine)


def test_a_measure_with_a_protocol_of_its_own_is_taken_as_it_is():
    class Twice(type(find_measure("cka"))):
        name = "own-twice"

    register_measure("own-twice")(Twice)
    assert isinstance(find_measure("own-twice"), Twice)
    MEASURES._made.pop("own-twice")


def test_a_package_offers_its_measure_by_an_entry_point(tmp_path, monkeypatch, spaces, score):
    """A plain function, or one under the decorator, which then says how it is to be called."""
    (tmp_path / "measures_of_a_package.py").write_text(
        "from concept_align.correspondence.measures import register_measure\n"
        "def plain(a, b):\n    return 0.25\n"
        "@register_measure('own-decorated', symmetric=False)\n"
        "def decorated(a, b):\n    return 0.5\n"
    )
    names = {"own-plain": "plain", "own-decorated": "decorated"}
    offered = [SimpleNamespace(name=name, value=f"measures_of_a_package:{of}") for name, of in names.items()]
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registration, "entry_points", lambda group: offered)
    a, b = spaces(2)
    assert score(find_measure("own-plain"), a, b) == 0.25
    assert score(find_measure("own-decorated"), a, b) == 0.5
    assert not find_measure("own-decorated").symmetric and find_measure("own-plain").symmetric
    for name in names:
        MEASURES._made.pop(name)
    sys.modules.pop("measures_of_a_package")
