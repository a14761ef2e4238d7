"""What pages take from the code: the help of commands and the public names."""

import inspect
import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`~?\.*")

BLOCK = """
::: {path}
    options:
      heading: ca.{name}
      toc_label: ca.{name}
      heading_level: 3
      show_root_heading: true
      show_root_toc_entry: true
"""


class Docstrings(griffe.Extension):
    """Docstrings as Markdown: examples fenced, cross references as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """``docstring`` with examples in fences, without roles and directives."""
    lines, fenced, indent = [], False, 0
    for line in ROLE.sub("`", docstring).splitlines():
        example = line.lstrip().startswith(">>>")
        if example and not fenced:
            lines, indent = (
                [*lines, "", "```pycon"],
                len(line) - len(line.lstrip()),
            )
        elif fenced and not line.strip():
            lines.append("```")
        fenced = example or (fenced and bool(line.strip()))
        shown = re.sub(r" *# doctest:.*", "", line[indent:]) if fenced else line
        lines.append(
            "**Example**"
            if shown.strip() in ("Example:", "Examples:")
            else shown
        )
    return "\n".join([*lines, "```"] if fenced else lines)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the pages that are made from the code."""
    made = {"commands.md": command_line, "reference.md": reference}.get(
        page.file.src_uri
    )
    return f"{markdown}\n{made()}" if made else markdown


def reference() -> str:
    """A heading and a mkdocstrings block for every public name, verbs first."""
    import concept_align

    names = [
        name
        for name in getattr(concept_align, "__all__", ())
        if not name.startswith("_")
    ]
    verbs = [name for name in names if not name[0].isupper()]
    parts = []
    for title, chosen in (
        ("Functions", verbs),
        ("Classes", [name for name in names if name[0].isupper()]),
    ):
        parts.append(f"\n## {title}\n")
        for name in chosen:
            thing = getattr(concept_align, name)
            shown = name
            if inspect.ismodule(thing):  # ca.select, of one function
                shown, thing = f"{name}.fit", thing.fit
            parts.append(
                BLOCK.format(
                    name=shown, path=f"{thing.__module__}.{thing.__qualname__}"
                )
            )
    return "\n".join(parts)


def command_line() -> str:
    """Every command with its help and a table of its options."""
    from typer.main import get_command

    from concept_align.cli.commands import app

    return "\n".join(_command("concept-align", get_command(app)))


def _command(path: str, command: Any) -> list[str]:
    from concept_align.cli.from_config import made

    command = made(command)
    parts = [f"\n## `{path}`\n", _text(command.help or ""), ""]
    options = [
        option
        for option in command.params
        if option.name != "help" and not getattr(option, "hidden", False)
    ]
    if options:
        parts += [
            "| option | default | meaning |",
            "|---|---|---|",
            *map(_option, options),
        ]
    for name, inner in getattr(command, "commands", {}).items():
        parts += _command(f"{path} {name}", inner)
    return parts


def _option(option: Any) -> str:
    flags = ", ".join(
        f"`{flag}`" for flag in [*option.opts, *option.secondary_opts]
    )
    help = " ".join((getattr(option, "help", "") or "").split())
    meaning, _, rest = (
        help.partition(" [default: ")
        if " [default: " in help
        else help.partition(" [required")
    )
    default = (
        "required"
        if option.required or help.endswith("[required]")
        else rest.rstrip("]")
    )
    if (
        not default
        and option.default not in (None, False, "", (), [])
        and not callable(option.default)
    ):
        default = str(option.default)
    return f"| {flags} | {_text(default)} | {_text(meaning)} |"


def _text(help: str) -> str:
    paragraphs = [
        " ".join(part.split()) for part in help.replace("\b", "").split("\n\n")
    ]
    return "\n\n".join(paragraphs).replace("|", "\\|").replace("<", "&lt;")
