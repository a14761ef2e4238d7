"""CoNLL-U written out by hand for tests: words, two small sentences, files of them."""

from pathlib import Path


def word(number: int | str, form: str, upos: str = "NOUN", head: int | str = 0, **more: str) -> str:
    cells = [str(number), form, more.get("lemma", "_"), upos, "_", more.get("feats", "_"), str(head)]
    return "\t".join([*cells, more.get("deprel", "root" if head == 0 else "dep"), "_", more.get("misc", "_")])


DOGS = "\n".join(
    [
        "# newdoc id = a",
        "# sent_id = dogs",
        "# text = The dogs can't bark.",
        word(1, "The", "DET", 2, feats="Definite=Def|PronType=Art", deprel="det"),
        word(2, "dogs", "NOUN", 5, feats="Number=Plur", deprel="nsubj"),
        word("3-4", "can't", "_", "_", deprel="_"),
        word(3, "ca", "AUX", 5, deprel="aux"),
        word(4, "n't", "PART", 5, deprel="advmod:neg"),
        word(5, "bark", "VERB", 0, misc="Gloss=wau|SpaceAfter=No|Id=4"),
        word(6, ".", "PUNCT", 5, deprel="punct", misc="SpaceAfter=No"),
        word("6.1", "empty", "VERB", "_", deprel="_"),
    ]
)
CATS = "\n".join(["# sent_id = cats", "# text = Ĉatoj 猫", word(1, "Ĉatoj"), word(2, "猫", "X", 1), ""])


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
