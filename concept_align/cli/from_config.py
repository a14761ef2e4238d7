"""Commands whose options are the fields of their configuration's dataclass.

A field's name is the option's, the string below it is the help, its type decides what may be written, its
default is shown. What counts, in this order: ``--set``, options, the file of ``--config``, defaults. The
dataclass is imported when its command is called, not before: some come with torch.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from .. import aliases
from ..config import field_docs, fitted, from_mapping, members, parse_settings, read_mapping
from ..errors import UsageError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SHORT = {
    "aligner": "-a", "langs": "-l", "model": "-m", "out": "-o", "store": "-s", "support": "-S",
    "treebanks": "-t", "unlabelled": "-u",
}  # fmt: skip

AGAIN = "run the same command again to resume"

Run = Callable[..., None]


@dataclass(frozen=True)
class ConfigOption:
    """One option: its place in the configuration (``("sweep", "rank")``), and the field there."""

    path: tuple[str, ...]
    hint: Any
    default: Any
    doc: str

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def parameter(self) -> inspect.Parameter:
        """As typer wants it in a signature."""
        kind, metavar = _written(self.hint)
        flags = [f"{self.flag}/--no-{self.flag[2:]}" if kind is bool else self.flag]
        if kind == list[str] and self.name.endswith("s"):
            flags.append(self.flag[:-1])
        if self.name in SHORT:
            flags.append(SHORT[self.name])
        option = typer.Option(
            *flags, help=f"{self.doc}{self._default()}", show_default=False, metavar=metavar
        )
        return _parameter(self.name, kind | None, option)

    def _default(self) -> str:
        if self.default is MISSING:
            return " [required]"
        if self.default is None or self.default in ("", (), {}):
            return ""
        value = self.default
        if isinstance(value, bool):
            text = self.name.replace("_", "-") if value else f"no-{self.name.replace('_', '-')}"
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return f" [default: {text}]"


def options_of(cls: type, path: tuple[str, ...] = ()) -> Iterator[ConfigOption]:
    """The options of a configuration; those of a dataclass in it stand among its own.

    A field that is a dictionary is none: its entries are given by ``--set``.
    """
    hints, docs = get_type_hints(cls), field_docs(cls)
    for field in fields(cls):
        hint = hints[field.name]
        if not field.init or members(hint)[0] is dict or get_origin(members(hint)[0]) is dict:
            continue
        if is_dataclass(hint):
            yield from options_of(hint, (*path, field.name))  # type: ignore[arg-type]
        else:
            yield ConfigOption((*path, field.name), hint, _default_of(field), docs.get(field.name, ""))


def collect(
    cls: type, given: Mapping[str, Any], file: Path | None = None, settings: tuple[str, ...] | list[str] = ()
) -> Any:
    """The configuration of ``cls``: options that are not None, over those of a TOML file, under ``--set``."""
    values: dict[str, Any] = {}
    if file is not None:
        values = read_mapping(file)
        fitted(cls, values, where=str(file))
    known = {option.name: option for option in options_of(cls)}
    for name, value in given.items():
        if value is not None:
            _put(values, known[name].path, _joined(known[name].hint, value))
    for name, value in parse_settings(settings).items():
        _put(values, _place(cls, known, name), value)
    there = aliases.rename(values, [field.name for field in fields(cls)])
    for option in known.values():
        if option.default is MISSING and len(option.path) == 1 and option.name not in there:
            raise UsageError("is missing", option=option.name, remedy="give it, here or in a --config file")
    return from_mapping(cls, values)


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _place(cls: type, known: Mapping[str, ConfigOption], name: str) -> tuple[str, ...]:
    """Where ``--set NAME=...`` belongs: an option, a setting (``a.b`` for one of two), or an entry."""
    if "." in name:
        return tuple(name.split("."))
    if name in known:
        return known[name].path
    free = [field.name for field in fields(cls) if get_type_hints(cls)[field.name] in (dict, dict[str, Any])]
    old = [now for now in aliases.KEYS.get(name, ()) if now in known]
    return (free[0], name) if len(free) == 1 and not old else (name,)


def _joined(hint: Any, value: Any) -> Any:
    """Lists of paths stay what they are; other lists may be given in one, with commas between."""
    if not isinstance(value, list):
        return value
    items = [get_args(kind)[0] for kind in members(hint) if get_origin(kind) is tuple]
    return value if Path in items else ",".join(value)


def _written(hint: Any) -> tuple[Any, str | None]:
    """How the command line writes a type: Python's, and what the help shows in the value's place."""
    kinds = members(hint)
    names = [str(name) for one in kinds if get_origin(one) is Literal for name in get_args(one)]
    items = [item for one in kinds if get_origin(one) is tuple for item in members(get_args(one)[0])]
    if items:
        words = {int: "N,N,...", float: "X,X,...", Path: "PATH"}
        return list[str], "|".join([words.get(items[0], "NAME,NAME,..."), *names])
    if names:
        return str, f"[{'|'.join(names)}]"
    one = {bool: None, int: "N", float: "X", Path: "PATH"}
    return (kinds[0], one[kinds[0]]) if kinds[0] in one else (str, "TEXT")


def _default_of(field: Field) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


class Commands(TyperGroup):
    """Commands that are known by name and help; one that is called is made then."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, made(command), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stopped(f"what was finished is kept; {AGAIN}")


def made(command: Any) -> Any:
    """The command with its options, where they are still to be read off its configuration."""
    build = getattr(getattr(command, "callback", None), "build", None)
    return build() if build else command


def configured(name: str, config: str, *, kept: str) -> Callable[[Run], Run]:
    """Make a function ``run(config, *, out, json, ...)`` the command ``name``, to give to ``app.command``.

    ``config`` is ``room.module:Class``. The function's own further parameters, annotated for typer, are
    options as well. ``kept`` says what a run that is stopped leaves, with the options' names in braces.
    """

    def decorate(run: Run) -> Run:
        def build() -> Any:
            module, _, attribute = config.partition(":")
            cls = getattr(import_module(f"..{module}", __package__), attribute)
            single = typer.Typer(
                add_completion=False,
                pretty_exceptions_enable=False,
                rich_markup_mode=None,
                context_settings=SETTINGS,
            )
            single.command(name)(_callback(run, cls, name, kept))
            return typer.main.get_command(single)

        def stub() -> None:
            raise AssertionError("build() makes the command")

        stub.__doc__ = run.__doc__
        stub.build = build  # type: ignore[attr-defined]
        return stub

    return decorate


def _callback(run: Run, cls: type, name: str, kept: str) -> Run:
    options = sorted(options_of(cls), key=lambda option: option.default is not MISSING)
    own = list(inspect.signature(run).parameters.values())[1:]
    taken = {parameter.name for parameter in own}
    options = [option for option in options if option.name not in taken]
    parameters = [option.parameter() for option in options]
    parameters += [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    file = typer.Option("--config", help="TOML file of options, such as the run.toml of another run.")
    parameters.append(_parameter("config_file", Path | None, file))
    setting = typer.Option(
        "--set", metavar="NAME=VALUE", help="One option or setting, over all others; may be repeated."
    )
    parameters.append(_parameter("settings", list[str] | None, setting))
    old = _old(name, parameters)
    parameters += old.values()

    def callback(**given: Any) -> None:
        for before, parameter in old.items():
            value = given.pop(parameter.name)
            now = aliases.OPTIONS[name][before]
            if value:
                aliases.warn(before, now)
                if given[_identifier(now)] in (None, []):
                    given[_identifier(now)] = value
        chosen = {
            option.name: given[option.name] or None if given[option.name] == [] else given[option.name]
            for option in options
        }
        try:
            made = collect(cls, chosen, given["config_file"], given["settings"] or [])
            given |= vars(made)
            run(made, **{key: given[key] for key in taken})
        except KeyboardInterrupt:
            stopped(kept.format_map({**given, "again": AGAIN}))

    callback.__doc__ = run.__doc__
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return callback


def _old(command: str, parameters: list[inspect.Parameter]) -> dict[str, inspect.Parameter]:
    """Options of the last release by their names then, hidden, with the types of those they are now."""
    now = {parameter.name: parameter for parameter in parameters}
    found = {}
    for before, after in aliases.OPTIONS.get(command, {}).items():
        meant = now.get(_identifier(after))
        if meant is not None and _identifier(before) not in now:
            kind = get_args(meant.annotation)[0]
            option = typer.Option(before, hidden=True, help=f"Now {after}.")
            found[before] = _parameter(f"old_{_identifier(before)}", kind, option)
    return found


def _identifier(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def stopped(kept: str) -> None:
    """Say after Ctrl-C what is left and how to resume, and exit as a stopped program does."""
    print(f"\nstopped; {kept or 'nothing is kept'}", file=sys.stderr)  # noqa: T201
    raise SystemExit(130)
