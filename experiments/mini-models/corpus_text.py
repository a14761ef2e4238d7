"""What a line of the training text has to look like: cleaning, cutting and the filters.

A line that goes through :func:`clean` is NFC, on one line and without markup; :class:`Filter` says whether
it is running text of its language. Words are what stands between spaces, in Japanese and Chinese (no spaces)
characters.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache


def names(text: str) -> tuple[str, ...]:
    """A list of names as it is easiest to read."""
    return tuple(text.split())


LANGUAGES: tuple[str, ...] = names(
    "af ar bg ca cy de el en es et eu fa fi fr ga he hi hu hy id is it ja ko lt lv mr nl no pl pt ro ru sk "
    "sr sv ta te tr uk ur vi zh"
)
UNSPACED = frozenset(("ja", "zh"))
LONGEST = 600
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa", "ur"),
    "CYRILLIC": ("bg", "ru", "sr", "uk"),
    "GREEK": ("el",),
    "HEBREW": ("he",),
    "DEVANAGARI": ("hi", "mr"),
    "ARMENIAN": ("hy",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
}
_SCRIPT_OF: dict[str, tuple[str, ...]] = {
    language: (script,) for script, languages in _SCRIPTS.items() for language in languages
} | {"ja": ("CJK", "HIRAGANA", "KATAKANA"), "zh": ("CJK",), "ko": ("HANGUL",)}

_TAG = re.compile(r"<[^<>]*>")
_ESCAPES = re.compile(r"\\[nrt]")
_ENTITY_LEFT = re.compile(r"&[a-zA-Z]{2,12};|&#\w{1,6};")
_BULLET = re.compile(r"^(?:[*#:;•·‣▪■●–—-]+\s+)+")
_ADDRESS = re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+")
_CODE = re.compile(
    r"^[$#>%]\s|^-{1,2}[a-zA-Z]|[{}\\]|\w\(\)|::|=>|->|[a-z]_[a-z]\w*_|\w=[\w\"']|(?:/[\w.~-]+){2,}|[)}]\s*;\s*$"
    r"|\b[a-z]+[a-z0-9]*\.(?:conf|cfg|py|sh|xml|html|png|jpg|txt|php|js|json|desktop|gz|deb)\b|<[a-z/]|\$\w"
    r"|%\(?\w|\s-{1,2}[a-z]+[\s=,]|@\w+\s*\{"
)
_ENGLISH = frozenset(
    names("the this that which with from you should your these been have when there its not")
)
_SENTENCE_END = re.compile(r"(?<=[.!?…؟۔։])[\"'»”’)\]]*\s+|(?<=[。！？])[」』”’）]*|(?<=।)\s*")
_NO_LETTER = re.compile(r"[\W_]+")
_WORD = re.compile(r"\w+")


def clean(text: str) -> str:
    """``text`` without markup, in NFC, with single spaces."""
    text = html.unescape(_TAG.sub("", text)) if "<" in text or "&" in text else text
    if not text.isprintable():
        text = "".join(sign for sign in text if not _is_hidden(sign))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return _BULLET.sub("", text)


@cache
def _is_hidden(sign: str) -> bool:
    """Control signs and private ones; the joiners that Persian and Indic words need are kept."""
    if sign.isspace() or sign in "\u200c\u200d":
        return False
    return unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs", "Cn")


def cut(text: str, longest: int = LONGEST) -> list[str]:
    """``text`` in pieces of whole sentences, each at most ``longest`` signs where its sentences are."""
    if len(text) <= longest:
        return [text]
    pieces, start = [""], 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        sentence, start = text[start:end], end
        if pieces[-1] and len(pieces[-1]) + len(sentence) > longest:
            pieces.append("")
        pieces[-1] += sentence
    return [piece.strip() for piece in pieces if piece.strip()]


def count_words(text: str, language: str) -> int:
    """Words of ``text``; characters without spaces where the script has no spaces."""
    return len(text.replace(" ", "")) if language in UNSPACED else len(text.split())


def normalised(text: str) -> str:
    """What two texts share that are the same but for case, spaces and punctuation."""
    return _NO_LETTER.sub("", unicodedata.normalize("NFKC", text).casefold())


@cache
def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LM"


@cache
def _script(sign: str) -> str:
    return unicodedata.name(sign, "").partition(" ")[0]


class Filter:
    """Why a line is no running text of a language, by name, or None where it is."""

    def __init__(self, language: str, english: Iterable[str] = (), *, latin: bool = False) -> None:
        self.language = language
        self.english = frozenset(map(normalised, english)) if language != "en" else frozenset()
        self.scripts = ("LATIN",) if latin else _SCRIPT_OF.get(language, ("LATIN",))
        self._own: dict[str, bool] = {}

    def refusal(self, text: str) -> str | None:
        """``short``, ``signs``, ``code``, ``script`` or ``english``."""
        signs = text.replace(" ", "")
        letters = [sign for sign in signs if sign.isalpha() or _is_letter(sign)]
        if count_words(text, self.language) < (6 if self.language in UNSPACED else 3):
            return "short"
        if len(text) > 2 * LONGEST or len(letters) < 0.6 * len(signs):
            return "signs"
        if _CODE.search(text) or _ADDRESS.search(text) or _ENTITY_LEFT.search(text) or _ESCAPES.search(text):
            return "code"
        if sum(map(self._is_own, letters)) < 0.6 * len(letters):
            return "script"
        if self.language != "en" and (self._looks_english(text) or normalised(text) in self.english):
            return "english"
        return None

    def _is_own(self, letter: str) -> bool:
        own = self._own.get(letter)
        if own is None:
            own = self._own[letter] = _script(letter) in self.scripts
        return own

    def _looks_english(self, text: str) -> bool:
        if self.scripts != ("LATIN",):
            return False
        words = [word.casefold() for word in _WORD.findall(text)]
        known = sum(word in _ENGLISH for word in words)
        return known >= 2 and known >= 0.12 * len(words)


def pieces(key: str, text: str) -> Iterator[tuple[str, str]]:
    """A cleaned paragraph as lines; pieces of a cut one have no key, since translations break elsewhere."""
    parts = cut(clean(text))
    for part in parts:
        yield key if len(parts) == 1 else "", part
