"""Commands whose options are the fields of their configuration's dataclass.

A field's name is the option's, the string below it is the help, its type decides what may be written, its
default is shown. What counts, in this order: ``--set``, options, the file of ``--config``, defaults. The
dataclass is imported when its command is called, not before: some come with torch.
"""

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from .. import aliases
from ..config import field_docs, fitted, from_mapping, members, parse_settings, read_mapping
from ..errors import UsageError
from .options import RunOptions

SHORT = {
    "aligners": "-a", "langs": "-l", "model": "-m", "out": "-o", "store": "-s", "support": "-S",
    "treebanks": "-t", "unlabelled": "-u",
}  # fmt: skip
METAVARS = {bool: None, int: "N", float: "X", Path: "PATH"}
WHOLE = re.compile(r"-?\d+")
NOT_GIVEN: tuple[Any, ...] = (None, [])
AGAIN = "run the same command again to resume"

Command = Callable[..., None]


def group(**own: Any) -> typer.Typer:
    """A group of commands, with what all have in common."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # a square bracket in a help text is a square bracket
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **own,
    )


@dataclass(frozen=True)
class CommandOption:
    """One option: its place in the configuration (``("sweep", "rank")``), and what stands there."""

    path: tuple[str, ...]
    hint: Any
    default: Any  # MISSING where one must be given
    doc: str
    of_run: bool = False  # of the command itself (--out, --json), not of its configuration

    @property
    def name(self) -> str:
        return self.path[-1]

    def parameter(self) -> inspect.Parameter:
        """As typer wants it in a signature; None says that it is not given."""
        kind, metavar = self._written()
        name = flag(self.name)
        flags = [f"{name}/--no-{name[2:]}" if kind is bool and not self._is_switch else name]
        if kind == list[str] and self.name.endswith("s"):
            flags.append(name[:-1])
        if self.name in SHORT:
            flags.append(SHORT[self.name])
        text = f"{self.doc}{self._default()}"
        option = typer.Option(*flags, help=text, show_default=False, metavar=metavar)
        return _parameter(self.name, kind, option)

    @property
    def _is_switch(self) -> bool:
        return self.of_run and self.default is False

    def _written(self) -> tuple[Any, str | None]:
        """How the command line writes its type: Python's, and what the help shows in the value's place."""
        kinds = members(self.hint)
        names = [str(name) for one in kinds if get_origin(one) is Literal for name in get_args(one)]
        lists = [one for one in kinds if get_origin(one) in (tuple, list)]
        items = [item for one in lists for item in members(get_args(one)[0])]
        if items:
            one = METAVARS.get(items[0]) or "NAME"
            several = one if get_origin(kinds[0]) is list or Path in items else f"{one},{one},..."
            return list[str], "|".join([several, *names])
        if names:
            return str, f"[{'|'.join(names)}]"
        return (kinds[0], METAVARS[kinds[0]]) if kinds[0] in METAVARS else (str, "TEXT")

    def _default(self) -> str:
        value = self.default
        if value is MISSING:
            return " [required]"
        if value is None or value in ("", (), {}) or self._is_switch:
            return ""
        if isinstance(value, bool):
            return f" [default: {'' if value else 'no-'}{flag(self.name)[2:]}]"
        return f" [default: {','.join(map(str, value)) if isinstance(value, tuple) else value}]"

    def read(self, given: Any) -> Any:
        """What the command line gave: a list may be given in one, with commas between, but for paths."""
        kinds = members(self.hint)
        if int in kinds and isinstance(given, str) and WHOLE.fullmatch(given):  # a number, or a name
            return int(given)
        if not isinstance(given, list):
            return given
        whole = get_origin(kinds[0]) is list or any(get_args(one)[:1] == (Path,) for one in kinds)
        return given if whole else ",".join(given)


def options_of(cls: type, path: tuple[str, ...] = ()) -> Iterator[CommandOption]:
    """The options of a configuration; those of a dataclass in it stand among its own.

    A field that is a dictionary is none: its entries are given by ``--set``.
    """
    hints, docs = get_type_hints(cls), field_docs(cls)
    for field in (one for one in fields(cls) if one.init):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from options_of(hint, (*path, field.name))  # type: ignore[arg-type]
        elif not _is_dictionary(hint):
            default = field.default if field.default_factory is MISSING else field.default_factory()
            yield CommandOption((*path, field.name), hint, default, docs.get(field.name, ""))


def _is_dictionary(hint: Any) -> bool:
    return dict in (members(hint)[0], get_origin(members(hint)[0]))


def collect(
    cls: type,
    options: Sequence[CommandOption],
    given: Mapping[str, Any],
    file: Path | None,
    words: Sequence[str],
) -> tuple[Any, RunOptions]:
    """The configuration of ``cls``, and what is said of the run.

    ``given``: values by option, None where it is not given; ``words``: those of ``--set``.
    """
    known = {option.name: option for option in options}
    values = {} if file is None else read_mapping(file)

    def taken(where: str | None = None) -> dict[str, Any]:
        own = {one.name: values.pop(one.name) for one in options if one.of_run and one.name in values}
        return fitted(RunOptions, own, where=where)

    found = taken(str(file))
    fitted(cls, values, where=str(file))
    for name, value in given.items():
        if value not in NOT_GIVEN:
            _put(values, known[name].path, known[name].read(value))
    for name, value in parse_settings(words).items():
        _put(values, _place(cls, known, name), value)
    found |= taken()
    there = {*found, *aliases.rename(values, [field.name for field in fields(cls)])}
    for option in options:
        if option.default is MISSING and option.path[0] not in there:
            raise UsageError("is missing", option=option.name, remedy="give it, here or in a --config file")
        if option.of_run:
            found.setdefault(option.name, option.default)
    return from_mapping(cls, values), RunOptions(**found)


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _place(cls: type, known: Mapping[str, CommandOption], name: str) -> tuple[str, ...]:
    """Where ``--set NAME=...`` belongs: an option, by its old name too, else the one dictionary there is."""
    if "." in name:
        return tuple(name.split("."))
    if name in known:
        return known[name].path
    free = [key for key, hint in get_type_hints(cls).items() if _is_dictionary(hint)]
    old = any(now in known for now in aliases.KEYS.get(name, ()))
    return (free[0], name) if len(free) == 1 and not old else (name,)


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:
    """That of an option which may be left out."""
    hint = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)


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


def configured(
    config: str, *, kept: str, needs: Collection[str] = (), without: Collection[str] = ("figures",)
) -> Callable[[Command], Command]:
    """Make a function of a configuration and :class:`RunOptions` a command of its name, for ``app.command``.

    ``config`` is ``room.module:Class``. The function's further parameters, annotated for typer, are
    arguments. ``kept`` says what a run that is stopped leaves, with the options' names in braces. ``needs``
    names options that must be given though they have a default, ``without`` those of every run that the
    command lacks. A run goes to ``runs/NAME`` unless told otherwise, or where the configuration says.
    """

    def decorate(run: Command) -> Command:
        def build() -> Any:
            module, _, attribute = config.partition(":")
            cls = getattr(import_module(f"..{module}", __package__), attribute)
            single, name = group(), run.__name__.replace("_", "-")
            options = {one.name: one for one in options_of(cls)}
            for one in options_of(RunOptions):
                if one.name not in (*without, *options):
                    default = Path("runs") / name if one.name == "out" else one.default
                    options[one.name] = replace(one, of_run=True, default=default)
            options |= {one: replace(options[one], default=MISSING) for one in needs}
            single.command(name)(_callback(run, cls, name, list(options.values()), kept))
            return typer.main.get_command(single)

        def stub() -> None:
            raise AssertionError("build() makes the command")

        stub.__doc__ = run.__doc__
        stub.build = build  # type: ignore[attr-defined]
        return stub

    return decorate


def _callback(run: Command, cls: type, command: str, options: list[CommandOption], kept: str) -> Command:
    """What typer calls: it has the options in its signature, makes the configuration and runs."""
    arguments = list(inspect.signature(run).parameters.values())[2:]
    options = sorted(options, key=lambda option: (option.default is not MISSING, option.of_run))
    parameters = [*arguments, *(option.parameter() for option in options)]
    file = typer.Option("--config", metavar="FILE", help="TOML file of options, such as a run.toml.")
    setting = typer.Option("--set", metavar="NAME=VALUE", help="Set one option or setting, over all others.")
    parameters += [_parameter("file", Path, file), _parameter("words", list[str], setting)]
    old = _old(command, parameters)

    def callback(**given: Any) -> None:
        for before, (now, parameter) in old.items():
            value = given.pop(parameter.name)
            if value not in NOT_GIVEN:
                aliases.warn(before, flag(now))
                given[now] = value if given[now] in NOT_GIVEN else given[now]
        placed = {argument.name: given.pop(argument.name) for argument in arguments}
        file, words = given.pop("file"), given.pop("words") or []
        config, asked = collect(cls, options, given, file, words)
        try:
            run(config, asked, **placed)
        except KeyboardInterrupt:
            stopped(kept.format_map({**vars(asked), **vars(config), "again": AGAIN}))

    callback.__doc__ = run.__doc__
    parameters += [parameter for _, parameter in old.values()]
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return callback


def _old(command: str, parameters: list[inspect.Parameter]) -> dict[str, tuple[str, inspect.Parameter]]:
    """Options of the last release, hidden: what each is called now, and its parameter."""
    now = {parameter.name: parameter for parameter in parameters}
    found = {}
    for before, after in aliases.OPTIONS.get(command, {}).items():
        name = after.lstrip("-").replace("-", "_")
        if name in now and before.lstrip("-").replace("-", "_") not in now:
            option = typer.Option(before, hidden=True, help=f"Now {after}.")
            found[before] = name, _parameter(f"old_{name}", get_args(now[name].annotation)[0], option)
    return found


def flag(name: str) -> str:
    """An argument's name as the command line writes it: ``--max-words``."""
    return "--" + name.replace("_", "-")


class InterruptExit(SystemExit):
    """The end after Ctrl-C, which has been announced."""


def stopped(kept: str) -> None:
    """Say after Ctrl-C what is left and how to resume, and exit as a stopped program does."""
    sys.stderr.write(f"\nstopped; {kept}\n")
    raise InterruptExit(130)
