"""What ``import concept_align as ca`` offers."""

import subprocess
import sys

import pytest

import concept_align as ca
from concept_align.registration import Registry

HEAVY = ("torch", "transformers", "numpy", "pandas", "matplotlib")


def test_every_public_name_is_there_and_documented():
    for name in ca.__all__:
        value = getattr(ca, name)
        assert name == "__version__" or (value.__doc__ or "").strip(), name
    assert dir(ca) == sorted(ca.__all__)


def test_no_public_name_is_a_module():
    import concept_align.correspondence.pairs
    import concept_align.extraction.run  # noqa: F401

    assert callable(ca.extract) and callable(ca.alignability) and callable(ca.run)


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="foretell"):
        ca.foretell  # noqa: B018


def test_importing_loads_nothing_heavy():
    code = f"import sys, concept_align; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_verb():
    verbs = [name for name in ca.__all__ if name.islower() and not name.startswith(("_", "register"))]
    for name in verbs:
        assert name in (ca.__doc__ or "") or name == "shipped_model", name


def test_registering_is_by_decorator():
    for register in (ca.register_learner, ca.register_measure, ca.register_selector):
        assert callable(register("a name")), Registry
