"""Write the mini treebanks of ``ud_data/mini`` from the compact notation in ``ud_data/mini/source``.

The notation is described in ``mini_notation.py``. After changing a source, run

    python ud_data/build_mini.py [--langs eu,fi] [--check-only]

All that is wrong is listed; a language with a mistake in it is not written.
"""

import argparse
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from mini_notation import IDS, SPLITS, Sentence, read

MINI = Path(__file__).parent / "mini"


def _rows(sentence: Sentence) -> Iterator[str]:
    first = 1
    for surface in sentence.surfaces:
        misc = "_" if surface.space_after else "SpaceAfter=No"
        if surface.words > 1:
            empty = "\t".join("_" * 7)
            yield f"{first}-{first + surface.words - 1}\t{surface.form}\t{empty}\t{misc}"
        for place in range(first, first + surface.words):
            word = sentence.words[place - 1]
            own = misc if surface.words == 1 else "_"
            columns = (place, word.form, word.lemma, word.upos, "_", word.feats, word.head, word.relation)
            yield "\t".join([*map(str, columns), "_", own])
        first += surface.words


def conllu(sentence: Sentence, english: str) -> str:
    """One sentence as CoNLL-U, with the blank line that ends it."""
    comments = [f"# sent_id = {sentence.sent_id}", f"# text = {sentence.text}", f"# text_en = {english}"]
    return "\n".join([*comments, *_rows(sentence)]) + "\n\n"


def build(folder: Path = MINI, langs: Collection[str] | None = None) -> tuple[dict[Path, str], list[str]]:
    """(The text of every file of ``langs``, default all, by its path under ``folder``; what is wrong).

    A language with problems has no files. ``# text_en`` is taken from ``en.txt``, built or not.
    """
    there = {path.stem: path for path in sorted((folder / "source").glob("*.txt"))}
    wanted = list(there) if langs is None else list(dict.fromkeys(langs))
    problems = [f"{code}.txt: no such file in {folder.name}/source" for code in wanted if code not in there]
    banks = {
        code: read(path.read_text("utf-8"), path.name)
        for code, path in there.items()
        if code in wanted or code == "en"
    }
    english = {s.sent_id: s.text for s in banks["en"].sentences} if "en" in banks else {}
    files = {}
    for code in wanted:
        bank = banks.get(code)
        if bank is None:
            continue
        lacking = [s.sent_id for s in bank.sentences if s.sent_id in IDS and s.sent_id not in english]
        if lacking:
            bank.problems.append(f"{code}.txt: no English in en.txt for {' '.join(lacking)}")
        problems += bank.problems
        if bank.problems:
            continue
        for split, numbers in SPLITS.items():
            files[folder / bank.name / f"{code}_mini-ud-{split}.conllu"] = "".join(
                conllu(s, english[s.sent_id]) for s in bank.sentences if s.number in numbers
            )
    return files, problems


def main() -> None:
    parser = argparse.ArgumentParser(description="Write ud_data/mini from its sources.")
    parser.add_argument("--langs", help="only these, by code: eu,fi (default: all that have a source)")
    parser.add_argument("--check-only", action="store_true", help="list what is wrong, write nothing")
    options = parser.parse_args()
    langs = [code.strip() for code in options.langs.split(",") if code.strip()] if options.langs else None
    files, problems = build(langs=langs)
    for problem in problems:
        sys.stderr.write(problem + "\n")
    for path, text in files.items():
        if not options.check_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")
    good = sorted({path.name.partition("_")[0] for path in files})
    done = "correct" if options.check_only else "written"
    sys.stdout.write(f"{done}: {' '.join(good) or 'none'}; problems: {len(problems)}\n")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
