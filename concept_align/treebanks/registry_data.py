"""The table behind :mod:`concept_align.treebanks.registry`: plain facts, no code.

Languages: name, family and branch as on universaldependencies.org, lower case with hyphens, with more
usual names where its branch is only a compass point (oghuz, kipchak); a language whose family has one
branch here, or none, repeats the family.

Licences are those of the LICENSE.txt or of the README's metadata of each treebank; None where neither
could be read. Treebanks change their licence between releases: what counts is the LICENSE.txt that comes
with the release you use.

Scripts (ISO 15924) are those of the word forms in the treebank, which is not always the language's usual
one: Serbian SET is in Latin letters, Chinese PUD in traditional characters.

The 30 low-resource languages are the list of zero-shot languages published with the code of UDapter
(Üstün et al. 2020, arXiv 2004.14327: ``languages/oov-langs.txt``); that list names languages only. Their
treebanks here are those there were in UD 2.5, and where there were two (Komi Zyrian, Mbya Guarani) the
one that later releases kept growing or that is freely licensed. The 13 training languages are those of
the paper.
"""

# code: (name, family, branch)
LANGUAGES: dict[str, tuple[str, str, str]] = {
    "af": ("Afrikaans", "indo-european", "germanic"),
    "aii": ("Assyrian", "afro-asiatic", "semitic"),
    "akk": ("Akkadian", "afro-asiatic", "semitic"),
    "am": ("Amharic", "afro-asiatic", "semitic"),
    "ar": ("Arabic", "afro-asiatic", "semitic"),
    "be": ("Belarusian", "indo-european", "slavic"),
    "bg": ("Bulgarian", "indo-european", "slavic"),
    "bho": ("Bhojpuri", "indo-european", "indic"),
    "bm": ("Bambara", "mande", "mande"),
    "br": ("Breton", "indo-european", "celtic"),
    "bxr": ("Buryat", "mongolic", "mongolic"),
    "ca": ("Catalan", "indo-european", "romance"),
    "cs": ("Czech", "indo-european", "slavic"),
    "cy": ("Welsh", "indo-european", "celtic"),
    "de": ("German", "indo-european", "germanic"),
    "el": ("Greek", "indo-european", "greek"),
    "en": ("English", "indo-european", "germanic"),
    "es": ("Spanish", "indo-european", "romance"),
    "et": ("Estonian", "uralic", "finnic"),
    "eu": ("Basque", "basque", "basque"),
    "fa": ("Persian", "indo-european", "iranian"),
    "fi": ("Finnish", "uralic", "finnic"),
    "fo": ("Faroese", "indo-european", "germanic"),
    "fr": ("French", "indo-european", "romance"),
    "ga": ("Irish", "indo-european", "celtic"),
    "gl": ("Galician", "indo-european", "romance"),
    "gsw": ("Swiss German", "indo-european", "germanic"),
    "gun": ("Mbya Guarani", "tupian", "tupi-guarani"),
    "he": ("Hebrew", "afro-asiatic", "semitic"),
    "hi": ("Hindi", "indo-european", "indic"),
    "hsb": ("Upper Sorbian", "indo-european", "slavic"),
    "hu": ("Hungarian", "uralic", "ugric"),
    "hy": ("Armenian", "indo-european", "armenian"),
    "id": ("Indonesian", "austronesian", "malayo-sumbawan"),
    "is": ("Icelandic", "indo-european", "germanic"),
    "it": ("Italian", "indo-european", "romance"),
    "ja": ("Japanese", "japonic", "japonic"),
    "kk": ("Kazakh", "turkic", "kipchak"),
    "kmr": ("Kurmanji", "indo-european", "iranian"),
    "ko": ("Korean", "koreanic", "koreanic"),
    "koi": ("Komi Permyak", "uralic", "permic"),
    "kpv": ("Komi Zyrian", "uralic", "permic"),
    "krl": ("Karelian", "uralic", "finnic"),
    "lt": ("Lithuanian", "indo-european", "baltic"),
    "lv": ("Latvian", "indo-european", "baltic"),
    "mdf": ("Moksha", "uralic", "mordvin"),
    "mr": ("Marathi", "indo-european", "indic"),
    "myv": ("Erzya", "uralic", "mordvin"),
    "nl": ("Dutch", "indo-european", "germanic"),
    "no": ("Norwegian", "indo-european", "germanic"),
    "olo": ("Livvi", "uralic", "finnic"),
    "pcm": ("Naija", "creole", "english-creole"),
    "pl": ("Polish", "indo-european", "slavic"),
    "pt": ("Portuguese", "indo-european", "romance"),
    "ro": ("Romanian", "indo-european", "romance"),
    "ru": ("Russian", "indo-european", "slavic"),
    "sa": ("Sanskrit", "indo-european", "indic"),
    "sk": ("Slovak", "indo-european", "slavic"),
    "sr": ("Serbian", "indo-european", "slavic"),
    "sv": ("Swedish", "indo-european", "germanic"),
    "ta": ("Tamil", "dravidian", "south-dravidian"),
    "te": ("Telugu", "dravidian", "south-central-dravidian"),
    "th": ("Thai", "tai-kadai", "tai"),
    "tl": ("Tagalog", "austronesian", "central-philippine"),
    "tr": ("Turkish", "turkic", "oghuz"),
    "uk": ("Ukrainian", "indo-european", "slavic"),
    "ur": ("Urdu", "indo-european", "indic"),
    "vi": ("Vietnamese", "austro-asiatic", "vietic"),
    "wbp": ("Warlpiri", "pama-nyungan", "ngumpin-yapa"),
    "yo": ("Yoruba", "niger-congo", "defoid"),
    "yue": ("Cantonese", "sino-tibetan", "sinitic"),
    "zh": ("Chinese", "sino-tibetan", "sinitic"),
}

BY_SA_3, BY_SA_4 = "CC-BY-SA-3.0", "CC-BY-SA-4.0"
BY_NC_SA_3, BY_NC_SA_4 = "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0"

# (code, treebank, script, licence)
Row = tuple[str, str, str, str | None]

# One treebank a language: Xu et al. 2023, method section 1.
CORE: tuple[Row, ...] = (
    ("af", "AfriBooms", "Latn", BY_SA_4),
    ("ar", "PADT", "Arab", BY_NC_SA_3),
    ("bg", "BTB", "Cyrl", BY_NC_SA_3),
    ("ca", "AnCora", "Latn", "CC-BY-4.0"),
    ("cy", "CCG", "Latn", BY_SA_4),
    ("de", "GSD", "Latn", BY_SA_4),
    ("el", "GDT", "Grek", BY_NC_SA_3),
    ("en", "EWT", "Latn", BY_SA_4),
    ("es", "GSD", "Latn", BY_SA_4),
    ("et", "EDT", "Latn", BY_NC_SA_3),
    ("eu", "BDT", "Latn", BY_NC_SA_3),
    ("fa", "PerDT", "Arab", BY_SA_4),
    ("fi", "TDT", "Latn", BY_SA_4),
    ("fr", "GSD", "Latn", BY_SA_4),
    ("ga", "IDT", "Latn", BY_SA_3),
    ("he", "HTB", "Hebr", BY_NC_SA_4),
    ("hi", "HDTB", "Deva", BY_SA_3),
    ("hu", "Szeged", "Latn", BY_NC_SA_3),
    ("hy", "ArmTDP", "Armn", BY_SA_4),
    ("id", "GSD", "Latn", BY_SA_4),
    ("is", "Modern", "Latn", BY_SA_4),
    ("it", "ISDT", "Latn", BY_NC_SA_3),
    ("ja", "GSD", "Jpan", BY_SA_4),
    ("ko", "Kaist", "Kore", BY_SA_4),
    ("lt", "ALKSNIS", "Latn", BY_SA_4),
    ("lv", "LVTB", "Latn", BY_SA_4),
    ("mr", "UFAL", "Deva", BY_SA_4),
    ("nl", "Alpino", "Latn", BY_SA_4),
    ("no", "Nynorsk", "Latn", BY_SA_4),
    ("pl", "PDB", "Latn", BY_NC_SA_4),
    ("pt", "GSD", "Latn", BY_SA_4),
    ("ro", "RRT", "Latn", BY_SA_4),
    ("ru", "GSD", "Cyrl", BY_SA_4),
    ("sk", "SNK", "Latn", BY_SA_4),
    ("sr", "SET", "Latn", BY_SA_4),
    ("sv", "Talbanken", "Latn", BY_SA_4),
    ("ta", "TTB", "Taml", BY_NC_SA_3),
    ("te", "MTG", "Telu", BY_SA_4),
    ("tr", "BOUN", "Latn", BY_SA_4),
    ("uk", "IU", "Cyrl", BY_NC_SA_4),
    ("ur", "UDTB", "Arab", BY_NC_SA_4),
    ("vi", "VTB", "Latn", BY_SA_4),
    ("zh", "GSDSimp", "Hans", BY_SA_4),
)

# UDapter's zero-shot languages that are not among the 43.
LOW_RESOURCE: tuple[Row, ...] = (
    ("aii", "AS", "Syrc", BY_SA_4),
    ("akk", "PISANDUB", "Latn", BY_SA_4),
    ("am", "ATT", "Ethi", BY_SA_4),
    ("be", "HSE", "Cyrl", BY_SA_4),
    ("bho", "BHTB", "Deva", BY_SA_4),
    ("bm", "CRB", "Latn", BY_SA_4),
    ("br", "KEB", "Latn", None),
    ("bxr", "BDT", "Cyrl", None),
    ("fo", "OFT", "Latn", BY_SA_4),
    ("gsw", "UZH", "Latn", BY_SA_4),
    ("gun", "Thomas", "Latn", BY_SA_4),
    ("hsb", "UFAL", "Latn", None),
    ("kk", "KTB", "Cyrl", BY_SA_4),
    ("kmr", "MG", "Latn", None),
    ("koi", "UH", "Cyrl", None),
    ("kpv", "Lattice", "Cyrl", None),
    ("krl", "KKPP", "Latn", BY_SA_4),
    ("mdf", "JR", "Cyrl", BY_SA_4),
    ("myv", "JR", "Cyrl", BY_SA_4),
    ("olo", "KKPP", "Latn", BY_SA_4),
    ("pcm", "NSC", "Latn", BY_SA_4),
    ("sa", "UFAL", "Deva", BY_SA_4),
    ("tl", "TRG", "Latn", BY_SA_4),
    ("wbp", "UFAL", "Latn", BY_SA_4),
    ("yo", "YTB", "Latn", BY_SA_4),
    ("yue", "HK", "Hant", BY_SA_4),
)

# Parallel treebanks: the same 1,000 sentences (Zeman et al. 2017); equal sent_id means translation.
PARALLEL: tuple[Row, ...] = (
    ("ar", "PUD", "Arab", BY_SA_3),
    ("cs", "PUD", "Latn", BY_SA_4),
    ("de", "PUD", "Latn", BY_SA_3),
    ("en", "PUD", "Latn", BY_SA_3),
    ("es", "PUD", "Latn", BY_SA_3),
    ("fi", "PUD", "Latn", BY_SA_4),
    ("fr", "PUD", "Latn", BY_SA_3),
    ("gl", "PUD", "Latn", BY_SA_4),
    ("hi", "PUD", "Deva", BY_SA_3),
    ("id", "PUD", "Latn", BY_SA_3),
    ("is", "PUD", "Latn", BY_SA_4),
    ("it", "PUD", "Latn", BY_SA_3),
    ("ja", "PUD", "Jpan", BY_SA_3),
    ("ko", "PUD", "Kore", BY_SA_3),
    ("pl", "PUD", "Latn", BY_SA_4),
    ("pt", "PUD", "Latn", BY_SA_3),
    ("ru", "PUD", "Cyrl", BY_SA_3),
    ("sv", "PUD", "Latn", BY_SA_4),
    ("th", "PUD", "Thai", BY_SA_3),
    ("tr", "PUD", "Latn", BY_SA_3),
    ("zh", "PUD", "Hant", BY_SA_3),
)
