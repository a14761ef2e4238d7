"""Compare the mini treebanks of ``ud_data/mini`` with the real ones of a UD release, language by language.

    python ud_data/check_mini.py --treebanks UD_RELEASE [--langs eu,fi] [--json]

It says what breaks the format (``error``), and lists what differs from the use of the language's treebanks
there, all splits together: that may be a mistake here, an error there, or a word used in another way. The
treebanks compared with are read only: nothing of their sentences is shown but single forms' word classes.
Exit status 1: there are errors.
"""

import argparse
import json
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from build_mini import MINI, build
from mini_notation import IDS, SPLITS

from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.conllu import read
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks
from concept_align.treebanks.manifest import verify
from concept_align.treebanks.registry import CODES, language

FEW, SHARE = 5, 0.005  # a class with fewer words here and this share of the words there is too rare
DISTINCT = 20  # universal relations, at least
LEAVES = {"case", "mark", "aux", "cop", "cc", "punct", "det", "clf"}
BELOW_LEAVES = {"fixed", "goeswith", "punct", "conj", "cc"}


@dataclass(frozen=True)
class Token:
    sent_id: str
    place: int
    form: str
    upos: str
    relation: str  # with its subtype
    head: int

    @property
    def universal(self) -> str:
        return self.relation.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.sent_id.removeprefix('mini-')} {self.form} {self.upos} {self.relation}"


@dataclass
class Reference:
    """What the real treebanks of a language have."""

    names: list[str] = field(default_factory=list)
    words: int = 0
    upos: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # word class, universal relation
    forms: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    texts: set[str] = field(default_factory=set)


@dataclass
class Report:
    language: str
    treebank: str
    compared_with: list[str]
    reference_words: int
    sentences: int
    words: int
    errors: list[str]
    upos: dict[str, int]
    rare_upos: list[str]
    relations: dict[str, int]
    few_relations: bool
    subtypes_unseen: list[str]
    structure: list[str]
    disagreements: list[str]
    unseen_forms: list[str]
    pairs_unseen: list[str]
    seen_tokens: int
    agreement: float | None


def key(form: str) -> str:
    return unicodedata.normalize("NFC", form).lower()


def bare(text: str) -> str:
    """The letters and digits of ``text``."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def tokens(corpus: Corpus) -> Iterator[Token]:
    forms = list(corpus.forms)
    for sentence in range(corpus.sents):
        words = corpus.words_of(sentence)
        for place, word in enumerate(range(words.start, words.stop), 1):
            subtype = corpus.subtype_names[corpus.subtypes[word]]
            upos, code = int(corpus.upos[word]), int(corpus.relations[word])
            yield Token(
                corpus.sent_ids[sentence],
                place,
                forms[word],
                UPOS[upos] if upos >= 0 else "",
                (RELATIONS[code] if code >= 0 else "") + (f":{subtype.lstrip(':')}" if subtype else ""),
                int(corpus.heads[word]),
            )


def reference(release: Path, name: str) -> Reference:
    """All treebanks of the language called ``name`` in a UD release."""
    found = Reference()
    for folder in sorted(release.glob(f"UD_{name.replace(' ', '_')}-*")):
        found.names.append(folder.name)
        for path in sorted(folder.glob("*.conllu*")):
            corpus = read(path, lenient=True, trees=False)
            found.texts.update(map(bare, corpus.texts))
            for token in tokens(corpus):
                found.words += 1
                if token.upos:
                    found.upos[token.upos] += 1
                    found.forms[key(token.form)][token.upos] += 1
                    found.pairs[token.upos, token.universal] += 1
                found.relations[token.relation] += 1
    return found


def format_errors(code: str, folder: Path) -> tuple[list[Corpus], list[str]]:
    """The splits of a mini treebank, and what is wrong with its files."""
    files, problems = build(langs=[code])
    errors = [f"source: {problem}" for problem in problems]
    for path, text in files.items():
        if not path.exists() or path.read_text("utf-8") != text:
            errors.append(f"{path.name} is not what the source gives: run build_mini.py --langs {code}")
    if not folder.is_dir():
        return [], [*errors, f"no folder {folder.name}: run build_mini.py --langs {code}"]
    present = find_treebanks(folder)
    checks = verify(present)
    errors += [f"{check.path.name}: {problem}" for check in checks for problem in check.problems]
    if any(check.problems for check in checks):
        return [], errors
    corpora = [read(file.path) for file in present]
    for corpus in corpora:
        name = Path(corpus.source.path).name
        expected = [f"mini-{number:02}" for number in SPLITS[corpus.source.split]]
        if list(corpus.sent_ids) != expected:
            errors.append(f"{name}: its sentences are not {expected[0]} to {expected[-1]}")
        if corpus.rebuilt:
            errors.append(f"{name}: {corpus.rebuilt} sentences whose forms do not give their text")
        for index in range(corpus.sents):
            errors += _span_errors(corpus, index)
    sents = sum(corpus.sents for corpus in corpora)
    return corpora, errors + ([f"{sents} sentences of {len(IDS)}"] if sents != len(IDS) else [])


def _span_errors(corpus: Corpus, index: int) -> Iterator[str]:
    sentence = corpus.sentence(index)
    covered = set()
    for form, (begin, end), place in zip(sentence.forms, sentence.spans, sentence.ranges, strict=True):
        covered.update(range(begin, end))
        if not place and sentence.text[begin:end] != form:
            yield f"{sentence.id}: the span of {form!r} is {sentence.text[begin:end]!r}"
    if any(not c.isspace() and at not in covered for at, c in enumerate(sentence.text)):
        yield f"{sentence.id}: text outside of all words: {sentence.text}"


def structure(found: list[Token]) -> Iterator[str]:
    """Trees that are well formed, but not as UD has them, or unusual."""
    sentences: dict[str, dict[int, Token]] = defaultdict(dict)
    for token in found:
        sentences[token.sent_id][token.place] = token
    for words in sentences.values():
        for token in words.values():
            above = words.get(token.head)
            if above is None:  # the root
                continue
            if above.universal in LEAVES and token.universal not in BELOW_LEAVES:
                yield f"{token}: below the function word {above.form} {above.relation}"
            if above.universal == "punct":
                yield f"{token}: below a punctuation mark"
            if token.universal in ("conj", "flat", "fixed", "appos") and above.place > token.place:
                yield f"{token}: before its head {above.form}"
            low, high = sorted((token.place, above.place))
            for between in range(low + 1, high):
                up = between
                while up and up not in (low, high) and low < up < high:
                    up = words[up].head
                if up not in (low, high):
                    yield f"{token}: crosses another dependency (not projective)"
                    break


def check(code: str, release: Path) -> Report:
    name = language(code).name
    folder = MINI / f"UD_{name}-Mini"
    corpora, errors = format_errors(code, folder)
    real = reference(release, name)
    if not real.names:
        errors.append(f"no treebank of {name} in the release")
    found = [token for corpus in corpora for token in tokens(corpus)]
    for corpus in corpora:
        pairs = zip(corpus.sent_ids, corpus.texts, strict=True)
        errors += [f"{i}: a sentence of a treebank there" for i, text in pairs if bare(text) in real.texts]
    upos, relations = Counter(t.upos for t in found), Counter(t.universal for t in found)
    seen = [token for token in found if key(token.form) in real.forms]
    differing = []
    for token in seen:
        there = real.forms[key(token.form)]
        if there[token.upos] < max(there.values()):
            counts = ", ".join(f"{label} {count}" for label, count in there.most_common())
            differing.append(f"{token} (there: {counts})")
    unseen_pairs: dict[str, list[str]] = defaultdict(list)
    subtypes: dict[str, list[str]] = defaultdict(list)
    for token in found:
        if (token.upos, token.universal) not in real.pairs:
            unseen_pairs[f"{token.upos} {token.universal}"].append(f"{token.sent_id[5:]} {token.form}")
        if token.relation not in real.relations:
            subtypes[token.relation].append(f"{token.sent_id[5:]} {token.form}")
    shares = {label: count / max(real.words, 1) for label, count in real.upos.items()}
    return Report(
        language=code,
        treebank=folder.name,
        compared_with=real.names,
        reference_words=real.words,
        sentences=sum(corpus.sents for corpus in corpora),
        words=len(found),
        errors=errors,
        upos={label: upos[label] for label in UPOS},
        rare_upos=[
            f"{label}: {upos[label]} here, {100 * shares.get(label, 0):.1f}% there"
            for label in UPOS
            if label not in ("SYM", "X") and upos[label] < FEW and shares.get(label, 0) >= SHARE
        ],
        relations=dict(relations.most_common()),
        few_relations=len(relations) < DISTINCT,
        subtypes_unseen=[f"{relation}: {', '.join(where)}" for relation, where in subtypes.items()],
        structure=list(structure(found)),
        disagreements=differing,
        unseen_forms=sorted({f"{token.form} {token.upos}" for token in found if token not in seen}),
        pairs_unseen=[f"{pair}: {', '.join(where)}" for pair, where in unseen_pairs.items()],
        seen_tokens=len(seen),
        agreement=1 - len(differing) / len(seen) if seen else None,
    )


def lines(report: Report) -> Iterator[str]:
    yield f"{report.language} {report.treebank}: {report.sentences} sentences, {report.words} words; compared"
    yield f"  with {', '.join(report.compared_with) or 'nothing'} ({report.reference_words:,} words)"
    yield from (f"  error: {error}" for error in report.errors)
    yield "  classes: " + " ".join(f"{label} {count}" for label, count in report.upos.items())
    yield f"  relations: {len(report.relations)} universal ones" + (
        f", fewer than {DISTINCT}: " + " ".join(report.relations) if report.few_relations else ""
    )
    agreement = "-" if report.agreement is None else f"{100 * report.agreement:.1f}%"
    yield f"  agreement: {agreement} of {report.seen_tokens} words whose form is there"
    for title, rows in (
        ("too rare", report.rare_upos),
        ("trees to look at", report.structure),
        ("another class than most there", report.disagreements),
        ("relations not there", report.subtypes_unseen),
        ("class with relation not there", report.pairs_unseen),
    ):
        if rows:
            yield f"  {title}:"
            yield from (f"    {row}" for row in rows)
    if report.unseen_forms:
        yield f"  forms not there ({len(report.unseen_forms)}): {', '.join(report.unseen_forms)}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ud_data/mini with the treebanks of a UD release.")
    parser.add_argument("--treebanks", type=Path, required=True, help="a UD release (UD_* folders)")
    parser.add_argument("--langs", help="only these, by code: eu,fi (default: all that have a source)")
    parser.add_argument("--json", action="store_true", help="data alone, a list of reports")
    options = parser.parse_args()
    if not any(options.treebanks.glob("UD_*")):
        parser.error(f"no UD_* folder in {options.treebanks}")
    codes = sorted(path.stem for path in (MINI / "source").glob("*.txt"))
    if options.langs:
        codes = options.langs.replace(" ", "").strip(",").split(",")
    reports = []
    if unknown := [code for code in codes if code not in CODES]:
        parser.error(f"no language of the registry: {' '.join(unknown)}")
    for code in codes:
        reports.append(check(code, options.treebanks))
        if not options.json:
            sys.stdout.write("\n".join(lines(reports[-1])) + "\n\n")
            sys.stdout.flush()
    if options.json:
        sys.stdout.write(json.dumps([asdict(r) for r in reports], ensure_ascii=False, indent=1) + "\n")
    sys.exit(any(report.errors for report in reports))


if __name__ == "__main__":
    main()
