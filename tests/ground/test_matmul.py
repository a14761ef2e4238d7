"""The fast setting is exact, measured before it is used, and gone afterwards."""

import pytest
import torch

from concept_align import matmul
from concept_align.matmul import LITTLE, fast_matmul, fastest_exact_setting, few_threads, product_error


@pytest.fixture
def measured_anew():
    fastest_exact_setting.cache_clear()
    yield
    fastest_exact_setting.cache_clear()


def test_products_inside_are_exact_to_rounding():
    with fast_matmul():
        assert product_error() <= 1e-6


def test_the_setting_is_restored_even_after_an_error():
    before = torch.get_float32_matmul_precision()
    with pytest.raises(KeyError), fast_matmul():
        raise KeyError
    assert torch.get_float32_matmul_precision() == before


def test_disabled_it_touches_nothing():
    before = torch.get_float32_matmul_precision()
    with fast_matmul(enabled=False):
        assert torch.get_float32_matmul_precision() == before


def test_a_cpu_that_rounds_to_bfloat16_is_found_out(monkeypatch, measured_anew):
    """As with AMX: products under "medium" carry bfloat16's error, under "high" they do not."""
    linear = torch.nn.functional.linear

    def rounding(x, w):
        if torch.get_float32_matmul_precision() == "medium":
            return linear(x.bfloat16(), w.bfloat16()).float()
        return linear(x, w)

    monkeypatch.setattr(matmul.torch.nn.functional, "linear", rounding)
    assert fastest_exact_setting() == "high"


def test_where_no_setting_is_exact_the_old_one_stays(monkeypatch, measured_anew):
    monkeypatch.setattr(matmul, "product_error", lambda: 1e-3)
    before = torch.get_float32_matmul_precision()
    with fast_matmul():
        assert torch.get_float32_matmul_precision() == before


def test_little_work_is_done_by_one_thread_and_the_rest_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with few_threads(LITTLE):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), few_threads(LITTLE - 1):
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
