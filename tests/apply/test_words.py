import pytest

from concept_align.apply.words import join, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog sleeps.", ["A", "dog", "sleeps", "."]),
        ("Don't pay 3.14, 'quoted'...", ["Don't", "pay", "3.14", ",", "'", "quoted", "'", "..."]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),  # marks are inside of words
        ("می\u200cخواهم بروم", ["می\u200cخواهم", "بروم"]),
        ("e-mail\u00a0(alt)", ["e-mail", "(", "alt", ")"]),
        ("  ", []),
        ("❤️ 👩‍👩‍👧🇫🇮🇸🇪!", ["❤️", "👩‍👩‍👧", "🇫🇮", "🇸🇪", "!"]),
        ("👍🏽👍🏽 👍🏽👍 #️⃣ 1️⃣", ["👍🏽👍🏽", "👍🏽", "👍", "#️⃣", "1️⃣"]),
        ("🏴\U000e0067\U000e0062\U000e007f👩‍❤️‍👨", ["🏴\U000e0067\U000e0062\U000e007f", "👩‍❤️‍👨"]),
        ("so😂😂 =\u0338 a=\u0338b", ["so", "😂😂", "=\u0338", "a", "=\u0338", "b"]),
        ("🇫🇮🇫", ["🇫🇮", "🇫"]),
    ],
)
def test_words_of_plain_text(text: str, words: list[str]) -> None:
    assert [text[begin:end] for begin, end in split(text)] == words


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["The", "dog", "(", "old", ")", "sleeps", "."], "The dog (old) sleeps."),
        (["東京", "に", "行く", "。"], "東京に行く。"),
        (["Việt Nam", "đẹp"], "Việt Nam đẹp"),
    ],
)
def test_words_are_joined_as_they_are_written(words: list[str], text: str) -> None:
    found, spans = join(words)
    assert found == text
    assert [text[begin:end] for begin, end in spans] == words
