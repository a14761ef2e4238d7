"""``concept-align treebanks``: what there is, getting it, checking it, counting it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from ..errors import TreebankError, UsageError
from ..progress import terminal
from . import options
from .from_config import group
from .output import emit_json, emit_table, line_width, say, say_notices, table_width

if TYPE_CHECKING:
    from ..treebanks.corpus import Corpus

app = group(help="List, fetch, verify and count UD treebanks.", no_args_is_help=True)
Languages = Annotated[
    str | None,
    Option(
        "--langs",
        "-l",
        help="en,de,... or all, family:germanic, script:Cyrl, targets, meta-train, train, validation, "
        "low-resource, pud, UD_English-PUD; with - before an item it is left out (all,-en).",
    ),
]
Splits = Annotated[str, Option(help="Splits, with commas between: train,dev,test.")]


@app.command("list")
def list_(
    treebanks: Annotated[
        Path | None, Option("--treebanks", "-t", help="Say also which are in this folder.")
    ] = None,
    langs: Languages = None,
    json: options.Json = False,
) -> None:
    """List the registry: treebank, language, family, script, licence, named sets."""
    from ..treebanks import discover, registry

    here: dict[str, list[discover.TreebankFile]] = {}
    if treebanks is not None:
        for file in discover.find_treebanks(treebanks, every=True):
            here.setdefault(file.treebank, []).append(file)
    rows: list[dict[str, Any]] = [asdict(entry) for entry in registry.ENTRIES]
    known = {row["treebank"] for row in rows}
    rows += [_unregistered(name, files[0].language) for name, files in here.items() if name not in known]
    if langs is not None:
        asked = set(registry.select(langs))
        asked |= {registry.language(code).treebank for code in asked & set(registry.CODES)}
        rows = [row for row in rows if row["treebank"] in asked]
    for row in rows:
        if treebanks is not None:
            row["here"] = [file.split for file in here.get(row["treebank"], [])]
    rows.sort(key=lambda row: (row["language"], "pud" in row["roles"], row["treebank"]))
    if json:
        return emit_json(rows)
    columns = ["code", "treebank", "family", "script", "licence", "sets"]
    columns += ["here"] if treebanks is not None else []
    left_out = []
    for name in ("licence", "script", "family", "sets", "here"):
        if name in columns and table_width(columns, _lines(rows, columns)) > line_width():
            left_out.append(name)
            columns.remove(name)
    more = f"; no room for {', '.join(left_out)}: use a wider terminal or --json" if left_out else ""
    emit_table(f"{len(rows)} treebanks{more}", columns, _lines(rows, columns))


def _unregistered(treebank: str, code: str) -> dict[str, Any]:
    from ..treebanks.registry import known

    facts = {name: getattr(known(code), name, "") for name in ("name", "family", "branch", "script")}
    return {"treebank": treebank, "language": code, "licence": None, "roles": (), **facts}


def _lines(rows: list[dict[str, Any]], columns: list[str]) -> list[list[str]]:
    lines = []
    for row in rows:
        family = "/".join(dict.fromkeys((row["family"], row["branch"])))
        cells = row | {"code": row["language"], "family": family, "licence": row["licence"] or "?"}
        cells |= {"sets": " ".join(row["roles"]), "here": " ".join(row.get("here", []))}
        lines.append([cells[column] for column in columns])
    return lines


@app.command()
def fetch(
    release: Annotated[str, Option(help="UD release.")] = "2.10",
    out: Annotated[Path, Option("--out", "-o", help="Folder for the UD_* folders and the archive.")] = Path(
        "ud"
    ),
    langs: Languages = "all",
    whole: Annotated[
        bool, Option("--whole", help="All treebanks of the release, whatever --langs says.")
    ] = False,
    url: Annotated[
        str | None, Option(help="Another address of the archive (http or https, tar.gz, tar.xz).")
    ] = None,
    sha256: Annotated[
        str | None, Option("--sha256", help="What the archive must be, where it is not known here.")
    ] = None,
    unverified: Annotated[
        bool, Option("--unverified", help="Take the archive as it comes, and print its SHA-256.")
    ] = False,
    offline: Annotated[bool, Option("--offline", help="Use only the archive that lies in --out.")] = False,
    force: Annotated[bool, Option("--force", help="Replace treebanks that a fetch has put there.")] = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Download a UD release, verify it, and unpack the treebanks of --langs (all: the 43 of the registry).

    A download that broke off resumes when the command is run again. The archive stays in --out, so that
    more languages need no second download.
    """
    from ..treebanks import fetch as fetching

    asked = None if whole else langs
    settings: dict[str, Any] = {"release": release, "url": url, "sha256": sha256}
    settings |= {"unverified": unverified, "force": force}
    if dry_run:
        plan = fetching.plan(out, asked, **settings)
        report = _plain({**asdict(plan), "downloaded": plan.archive.is_file()})
    else:
        with terminal() as progress:
            result = fetching.fetch_treebanks(out, asked, offline=offline, progress=progress, **settings)
        report = _plain(asdict(result))
    if json:
        emit_json(report)
    elif dry_run:
        say("\n".join(f"{key}: {_shown(value)}" for key, value in report.items()))
    else:
        _say_fetched(report)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, frozenset | tuple):
            return sorted(value)
        return str(value) if isinstance(value, Path) else value

    return {key: plain(value) for key, value in values.items()}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)}: {' '.join(value)}"
    return "any" if value is None else str(value)


def _say_fetched(report: dict[str, Any]) -> None:
    say(
        f"{len(report['written'])} treebanks unpacked into {report['folder']}, "
        f"{len(report['present'])} were there already"
    )
    if report["archive"]:
        state = "verified" if report["verified"] else "NOT verified"
        say(f"archive {report['archive']} ({state}), SHA-256 {report['sha256']}")
    if report["foreign"]:
        say(f"left as they are, not put there by a fetch: {' '.join(report['foreign'])}")
    if report["missing"]:
        say(f"not part of UD {report['release']}: {' '.join(report['missing'])}")


@app.command()
def verify(
    treebanks: options.Treebanks,
    langs: Languages = None,
    splits: Splits = "train,dev,test",
    json: options.Json = False,
) -> None:
    """Read every file to its end and compare it with the folder's MANIFEST.json; exit 1 if one is wrong."""
    from ..treebanks import discover
    from ..treebanks.manifest import verify as check

    files = discover.find_treebanks(treebanks, langs, _list(splits), every=True)
    with terminal() as progress:
        checks = check(files, splits=_list(splits), progress=progress)
    bad = [item for item in checks if item.problems]
    if json:
        emit_json([_plain(asdict(item)) for item in checks])
    else:
        for item in bad:
            say(f"{item.treebank} {item.split}: {'; '.join(item.problems)}")
        listed = sum(item.listed for item in checks)
        say(
            f"{len(checks)} files of {len({item.treebank for item in checks})} treebanks read, "
            f"{sum(item.sentences or 0 for item in checks):,} sentences, "
            f"{sum(item.words or 0 for item in checks):,} words; {listed} compared with a manifest"
        )
    if bad:
        raise TreebankError(
            f"{len(bad)} of {len(checks)} files are not as they should be",
            where=str(treebanks),
            remedy="fetch these treebanks again with --force",
        )


@app.command()
def stats(
    treebanks: options.Treebanks,
    langs: Languages = None,
    splits: Splits = "train,dev,test",
    task: Annotated[str, Option(help="Concepts shown: upos or relation.")] = "upos",
    top: Annotated[int, Option(min=1, help="How many of the most frequent concepts to show.")] = 5,
    json: options.Json = False,
) -> None:
    """Count sentences, words, multiword tokens, empty nodes and concepts of each treebank and split.

    A text is rebuilt from its words where no "# text" holds them; forms that only stand for a text which is
    not there (_) are told.
    """
    from ..treebanks import discover
    from ..treebanks.conllu import read

    if task not in ("upos", "relation"):
        raise UsageError(f"no counts of {task!r}", option="task", remedy="use upos or relation")
    counted = []
    with terminal() as progress:
        files = discover.find_treebanks(treebanks, langs, _list(splits))
        bar = progress.bar("count", len(files), unit="files")
        for file in files:
            corpus = read(file.path, language=file.language, treebank=file.treebank, split=file.split)
            counted.append(_counts(corpus))
            bar.advance()
    say_notices(
        [
            f"{one['treebank']} {one['split']}: its text is withheld: most forms are only placeholders"
            for one in counted
            if one["text_withheld"]
        ]
    )
    if json:
        return emit_json(counted)
    columns = ["treebank", "split", "sents", "words", "longest", "MWT", "empty", "rebuilt"]
    columns.append("most frequent, % of words")
    rows = []
    for one in counted:
        names = ("sentences", "words", "longest", "multiword_tokens", "empty_nodes", "rebuilt_texts")
        numbers = [one[name] for name in names]
        most = list(one["upos" if task == "upos" else "relations"].items())[:top]
        frequent = " ".join(f"{name} {100 * times / one['words']:.0f}" for name, times in most)
        rows.append([one["treebank"], one["split"], *(f"{number:,}" for number in numbers), frequent])
    title = f"{len(rows)} files, {sum(one['words'] for one in counted):,} words"
    emit_table(title, columns, rows, right={2, 3, 4, 5, 6, 7})


def _counts(corpus: "Corpus") -> dict[str, Any]:
    """What a split holds; counts of concepts are of their words, most frequent first."""
    import numpy as np

    from ..treebanks.concepts import RELATIONS, UPOS

    def frequent(codes: Any, names: tuple[str, ...]) -> dict[str, int]:
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        order = np.argsort(-counts, kind="stable")
        return {names[code]: int(counts[code]) for code in order if counts[code]}

    return {
        "treebank": corpus.source.treebank,
        "language": corpus.source.language,
        "split": corpus.source.split,
        "sentences": corpus.sents,
        "words": corpus.words,
        "multiword_tokens": int((corpus.ranges == 1).sum()),
        "empty_nodes": corpus.empty_nodes,
        "rebuilt_texts": corpus.rebuilt,
        "text_withheld": 2 * corpus.withheld > corpus.words,
        "skipped": corpus.skipped,
        "longest": int(np.diff(corpus.offsets).max(initial=0)),
        "upos": frequent(corpus.upos, UPOS),
        "relations": frequent(corpus.relations, RELATIONS),
    }


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
