"""The training text of the two small models: 43 languages from treebanks and packages, cleaned and checked.

    python experiments/mini-models/corpus.py [--only SOURCE ...] [--again]
    python experiments/mini-models/corpus.py --check

Writes OUT/SOURCE/LANGUAGE.tsv, a paragraph a line as ``key<TAB>text``; lines of one source with the same key
are translations of each other. OUT/sources.json says where each source is from, under which licence, and
what was left out. A source that is there is left alone unless --again asks for it. --check looks for
held-out sentences in the finished text and fails where it finds one.
"""

import argparse
import json
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import corpus_heldout
from corpus_fetch import Cache
from corpus_source import Job, Source
from corpus_sources import SOURCES
from corpus_text import LANGUAGES, Filter, clean, count_words, normalised, pieces

from concept_align import atomic


@dataclass
class Counts:
    """What became of the lines of one language in one source."""

    lines: int = 0
    words: int = 0
    keyed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Builder:
    """Makes sources, and knows what the others have, so that no line is there twice."""

    def __init__(self, out: Path, release: Path, cache: Cache, treebank_text: Path) -> None:
        self.out, self.cache, self.treebank_text = out, cache, treebank_text
        self.held_out = corpus_heldout.read(release)
        self.seen: dict[str, set[int]] = defaultdict(set)

    def know(self, folder: Path) -> None:
        """Lines of a finished source are duplicates in the next."""
        for path in folder.glob("*.tsv"):
            for line in path.read_text("utf-8").split("\n")[:-1]:
                self.seen[path.stem].add(hash(normalised(line.partition("\t")[2])))

    def build(self, source: Source) -> dict[str, Any]:
        """Write the source; what sources.json says of its folders, by name."""
        job = Job(self.cache, self.treebank_text)
        raw: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for line in source.lines(job):
            raw[line.variant, line.language].append((line.key, line.text))
        english = {text for _, text in raw.get(("", "en"), ())}
        written: dict[str, dict[str, Counts]] = {}
        for variant in sorted({variant for variant, _ in raw}):
            name = f"{source.name}-{variant}" if variant else source.name
            texts = {language: lines for (its, language), lines in sorted(raw.items()) if its == variant}
            written[name] = self._write(source, name, variant, texts, english)
        return {
            name: _entry(source, job, {language: found for language, found in counts.items() if found.lines})
            for name, counts in written.items()
        }

    def _write(
        self,
        source: Source,
        name: str,
        variant: str,
        texts: Mapping[str, list[tuple[str, str]]],
        english: Iterable[str],
    ) -> dict[str, Counts]:
        partial = self.out / f".{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        counts = {}
        cleaned = [clean(text) for text in english]
        for language, lines in texts.items():
            rules = Filter(language, cleaned, latin=variant == "latin") if source.filtered else None
            counts[language] = Counts()
            kept = self._keep(lines, language, rules, counts[language])
            if kept:
                atomic.write_text(partial / f"{language}.tsv", "".join(f"{k}\t{t}\n" for k, t in kept))
        partial.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.out / name, ignore_errors=True)
        partial.replace(self.out / name)
        return counts

    def _keep(
        self, lines: Iterable[tuple[str, str]], language: str, rules: Filter | None, counts: Counts
    ) -> list[tuple[str, str]]:
        kept, seen, held_out = [], self.seen[language], self.held_out[language]
        keys: set[str] = set()
        for whole_key, paragraph in lines:
            for key, text in pieces(" ".join(whole_key.split()), paragraph):
                mark = hash(normalised(text))
                refusal = rules.refusal(text) if rules else None
                if refusal or not text or mark in seen or (key and key in keys):
                    counts.dropped[refusal or ("duplicate" if text else "short")] += 1
                elif held_out.holds(text):
                    counts.dropped["held-out"] += 1
                else:
                    seen.add(mark)
                    keys.add(key)
                    kept.append((key, text))
                    counts.lines += 1
                    counts.keyed += bool(key)
                    counts.words += count_words(text, language)
        return kept


def _entry(source: Source, job: Job, counts: Mapping[str, Counts]) -> dict[str, Any]:
    """What sources.json says of one source."""
    dropped = sum((found.dropped for found in counts.values()), Counter())
    return {
        "description": source.description,
        "licence": source.licence or " / ".join(dict.fromkeys(package.licence for package in job.packages)),
        "packages": [
            {"name": package.name, "version": package.version, "licence": package.licence}
            for package in job.packages
        ],
        "missing": job.missing,
        "lines": {language: found.lines for language, found in counts.items()},
        "keyed_lines": {language: found.keyed for language, found in counts.items()},
        "words": {language: found.words for language, found in counts.items()},
        "dropped": {language: dict(found.dropped) for language, found in counts.items()},
        "dropped_duplicates": dropped["duplicate"],
        "dropped_held_out": dropped["held-out"],
        "unit": "words; characters in ja and zh",
    }


def show(sources: Mapping[str, Any]) -> None:
    """Words per language and source."""
    names = list(sources)
    width = [max(9, len(name)) for name in names]
    heads = " ".join(name.rjust(size) for name, size in zip(names, width, strict=True))
    print(f"lang {heads} {'total':>10}")
    for language in [*LANGUAGES, "sum"]:
        of_source = [sources[name]["words"] for name in names]
        words = [sum(of.values()) if language == "sum" else of.get(language, 0) for of in of_source]
        cells = " ".join(f"{count or '-':>{size}}" for count, size in zip(words, width, strict=True))
        print(f"{language:4} {cells} {sum(words):10}")
    print("words; characters in ja and zh")


def check(out: Path, release: Path) -> int:
    """The number of held-out sentences in the text, each one named."""
    found = list(corpus_heldout.hits(out, release))
    for source, language, line in found:
        print(f"{source}/{language}.tsv:{line}: a held-out sentence", file=sys.stderr)
    print(f"{len(found)} held-out sentences in {len(list(out.glob('*/*.tsv')))} files")
    return len(found)


def _read(listing: Path) -> dict[str, Any]:
    return json.loads(listing.read_text("utf-8")) if listing.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/mini-models/text"))
    parser.add_argument("--cache", type=Path, default=Path("runs/mini-models/packages"), help="packages")
    parser.add_argument("--ud", type=Path, default=Path("../shared/ud"), help="a UD release folder")
    parser.add_argument("--treebank-text", type=Path, default=Path("../shared/text43"))
    names = [source.name for source in SOURCES]
    parser.add_argument("--only", choices=names, action="append", help="this source; may be repeated")
    parser.add_argument("--again", action="store_true", help="make sources anew that are there")
    parser.add_argument("--check", action="store_true", help="only look for held-out sentences")
    options = parser.parse_args()
    if options.check:
        return 1 if check(options.out, options.ud) else 0
    listing = options.out / "sources.json"
    done = _read(listing)
    wanted = [
        source
        for source in SOURCES
        if source.name in (options.only or names) and (options.again or source.name not in done)
    ]
    if wanted:
        builder = Builder(options.out, options.ud, Cache(options.cache), options.treebank_text)
        anew = tuple(source.name for source in wanted)
        for name in done:
            if name.removesuffix("-latin") not in anew:
                builder.know(options.out / name)
        for source in wanted:
            print(f"{source.name} ...", flush=True)
            built = builder.build(source)
            done = _read(listing) | built  # another run may have added a source meanwhile
            atomic.write_json(listing, done)
    show(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
