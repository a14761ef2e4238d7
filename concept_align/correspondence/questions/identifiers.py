"""ISO 639-3 identifiers of the registry's languages, so that tables of typology need no list of codes.

Databases of typology name the individual language (Mandarin: cmn) where UD names the macrolanguage
(Chinese: zh). The first identifier is the one the treebank is in; the others are looked for where a table
lacks it.
"""

from collections.abc import Container

# Codes of three letters are ISO 639-3 already. UD's code of Norwegian covers both norms.
ISO_639_3: dict[str, tuple[str, ...]] = {
    "af": ("afr",), "am": ("amh",), "ar": ("arb", "ara"), "be": ("bel",), "bg": ("bul",), "bm": ("bam",),
    "br": ("bre",), "ca": ("cat",), "cs": ("ces",), "cy": ("cym",), "de": ("deu",), "el": ("ell",),
    "en": ("eng",), "es": ("spa",), "et": ("ekk", "est"), "eu": ("eus",), "fa": ("pes", "fas"),
    "fi": ("fin",), "fo": ("fao",), "fr": ("fra",), "ga": ("gle",), "gl": ("glg",), "he": ("heb",),
    "hi": ("hin",), "hu": ("hun",), "hy": ("hye",), "id": ("ind",), "is": ("isl",), "it": ("ita",),
    "ja": ("jpn",), "kk": ("kaz",), "ko": ("kor",), "lt": ("lit",), "lv": ("lvs", "lav"), "mr": ("mar",),
    "nl": ("nld",), "no": ("nno", "nob", "nor"), "pl": ("pol",), "pt": ("por",), "ro": ("ron",),
    "ru": ("rus",), "sa": ("san",), "sk": ("slk",), "sr": ("srp",), "sv": ("swe",), "ta": ("tam",),
    "te": ("tel",), "th": ("tha",), "tl": ("tgl",), "tr": ("tur",), "uk": ("ukr",), "ur": ("urd",),
    "vi": ("vie",), "yo": ("yor",), "zh": ("cmn", "zho"),
}  # fmt: skip


def find(code: str, there: Container[str]) -> str | None:
    """The name ``there`` of the language with ``code``: the code itself or an ISO 639-3 identifier."""
    return next((name for name in (code, *ISO_639_3.get(code, ())) if name in there), None)
