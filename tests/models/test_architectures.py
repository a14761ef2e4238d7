"""The architectures that differ most, saved, loaded and asked; all others: ``make architectures``."""

import pytest
import zoo
from zoo import EQUAL

PADDED = "refused: layer 0 gave states of shape"

# what is asked: states, window, prompts
EXPECTED = {
    "bart": (EQUAL, "40", ""),
    "bloom": (EQUAL, "", EQUAL),
    "deberta-v2": (EQUAL, "40", ""),
    "funnel": ("refused: layer 3 gave states of shape", "", ""),  # it pools tokens
    "gemma3": (EQUAL, "", EQUAL),  # with images
    "gemma3n_text": (PADDED, "", PADDED),  # four streams
    "led": (EQUAL, "40", ""),
    "lfm2": (EQUAL, "", EQUAL),
    "luke": (EQUAL, "40", ""),
    "mamba": (EQUAL, "", EQUAL),
    "mpt": (EQUAL, "40", "refused: the prompt and the query may take"),
    "openai-gpt": (EQUAL, "512", EQUAL),
    "opt-350m": (EQUAL, "2048", EQUAL),
    "qwen3_moe": (EQUAL, "", EQUAL),
    "reformer": (PADDED, "", ""),
    "t5gemma": (EQUAL, "", ""),
    "xlnet": (EQUAL, "", "refused: its tokens see those after them"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_batches_windows_and_prompts_are_right_or_refused(name, tmp_path):
    found = zoo.tried(name, tmp_path)
    states, window, prompts = EXPECTED[name]
    assert found.states.startswith(states) and found.prompts.startswith(prompts), found
    assert (found.window, bool(found.prompts)) == (window, bool(prompts)), found
