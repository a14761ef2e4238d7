"""What a source of text is to the builder: a name, and a function that yields raw lines by language."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from corpus_fetch import Cache, MissingError, Package
from corpus_text import LANGUAGES


@dataclass(frozen=True)
class Line:
    """A paragraph as its source has it; ``key`` is empty where there is no translation of it."""

    language: str
    key: str
    text: str
    variant: str = ""  # "latin": Serbian in Latin letters goes into the source "NAME-latin"


@dataclass
class Job:
    """What a source works with, and what it notes down about itself."""

    cache: Cache
    treebank_text: Path
    packages: list[Package] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def prepare(self, names: Iterable[str]) -> None:
        """Fetch Debian packages that will be asked for, in one go."""
        self.cache.fetch(names)

    def debian(self, name: str) -> Package | None:
        """The package, fetched and unpacked; None, said and noted, where it cannot be had."""
        return self._noted(name, lambda: self.cache.debian(name))

    def npm(self, name: str) -> Package | None:
        return self._noted(name, lambda: self.cache.npm(name))

    def _noted(self, name: str, fetch: Callable[[], Package]) -> Package | None:
        try:
            package = fetch()
        except MissingError as error:
            print(f"cannot fetch {name}: {error}; the rest goes on without it", flush=True)
            self.missing.append(name)
            return None
        self.packages.append(package)
        return package


@dataclass(frozen=True)
class Source:
    """A source by its name. ``filtered=False``: its lines are sentences already and only checked."""

    name: str
    description: str
    lines: Callable[[Job], Iterator[Line]]
    licence: str = ""  # where no package says it
    filtered: bool = True


_PREFERRED: dict[tuple[str, str], tuple[str, ...]] = {
    ("no", ""): ("nb", "nb-no", "no"),
    ("zh", ""): ("zh-cn", "zh-hans", "zh"),
    ("pt", ""): ("pt", "pt-pt", "pt-br"),
    ("en", ""): ("en", "en-us", "c"),
    ("sr", ""): ("sr", "sr-ec", "sr-cyrl", "sr-rs"),
    ("sr", "latin"): ("sr-latn", "sr-latin", "sr-el", "sr-rs-latin"),
}


def by_language(tags: Iterable[str]) -> dict[tuple[str, str], str]:
    """(language, variant) → the tag of ``tags`` (``pt_BR``, ``sr@latin``) that stands for it."""
    plain: Mapping[str, str] = {
        tag.replace("_", "-").replace("@", "-").partition(".")[0].casefold(): tag for tag in tags
    }
    found = {}
    for language, variant in [(code, "") for code in LANGUAGES] + [("sr", "latin")]:
        wanted = _PREFERRED.get((language, variant)) or (
            language,
            *sorted(tag for tag in plain if tag.partition("-")[0] == language and len(tag) == 5),
        )
        tag = next((plain[tag] for tag in wanted if tag in plain), None)
        if tag is not None:
            found[language, variant] = tag
    return found
