"""The sources of the training text, in the order they are built."""

from collections.abc import Iterator

import corpus_messages as messages
import corpus_pages as pages
from corpus_source import Job, Line, Source
from corpus_text import LANGUAGES


def treebanks(job: Job) -> Iterator[Line]:
    for language in LANGUAGES:
        path = job.treebank_text / f"{language}.txt"
        if not path.is_file():
            print(f"no {path.name} in the treebank text; the rest goes on without it", flush=True)
            job.missing.append(path.name)
            continue
        for text in path.read_text("utf-8").splitlines():
            yield Line(language, "", text)


SOURCES: tuple[Source, ...] = (
    Source(
        "treebanks",
        "Sentences of the training parts of the Universal Dependencies treebanks, without dev, test and PUD.",
        treebanks,
        licence="each treebank's own (see the registry of concept_align.treebanks); some are non-commercial",
        filtered=False,
    ),
    Source("libreoffice-help", "LibreOffice's help, paragraph by paragraph.", pages.libreoffice_help),
    Source("mediawiki", "MediaWiki's interface messages, without wiki markup.", messages.mediawiki),
    Source("udhr", "The Universal Declaration of Human Rights, article by article.", pages.declaration),
    Source("gnome", "Help pages of desktop programs, aligned by place on the page.", pages.desktop_help),
    Source("libreoffice-ui", "LibreOffice's interface and function descriptions.", messages.office),
    Source("firefox", "Firefox's interface messages without choices.", messages.firefox),
    Source("wordpress", "WordPress's interface messages.", messages.wordpress),
    Source("programs", "Messages of free programs of many languages.", messages.programs),
)
