from hypothesis import given
from hypothesis import strategies as st

from concept_align.seeding import derive, stream


def test_a_stream_is_the_same_on_every_platform():
    assert derive(0, "meta-train", "de", 17) == 3564292777300689552


@given(st.integers(0, 1000), st.text(), st.integers())
def test_a_stream_depends_on_every_part_of_its_purpose(seed, name, number):
    base = derive(seed, name, number)
    assert base == derive(seed, name, number)
    assert base not in (
        derive(seed + 1, name, number),
        derive(seed, name + "x", number),
        derive(seed, name, number + 1),
    )


def test_parts_do_not_run_together():
    assert derive(0, "ab", "c") != derive(0, "a", "bc")
    assert derive(0, "1") != derive(0, 1)


def test_streams_of_different_purposes_differ():
    assert stream(0, "a").random() != stream(0, "b").random()
