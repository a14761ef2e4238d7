"""Typed configuration: a frozen dataclass to TOML and back; unknown keys are refused.

A configuration is saved beside the results it made and can be given back to the command that made them.
"""

import ast
import inspect
import itertools
import json
import textwrap
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from . import aliases, reading
from .errors import UsageError
from .layers import PART
from .registration import suggest

T = TypeVar("T")


@cache
def field_docs(cls: type) -> dict[str, str]:
    """What the string right below each field of a dataclass says, in one line; inherited fields too.

    A field without such a string is left out. Needs the class's source.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not is_dataclass(base):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = typing.cast(ast.ClassDef, definition).body
        for field, below in itertools.pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def from_mapping(cls: type[T], values: Mapping[str, Any], *, where: str | None = None) -> T:
    """A ``cls`` from keys and values, as TOML, JSON or a command line has them.

    Keys of the last release are taken under their new names, with a DeprecationWarning. A tuple may be
    written as text: ``"en,de"``; with whole numbers also ranges, ``"0-3,7"``. UsageError names an unknown
    key, a missing one or a wrong type.
    """
    chosen = fitted(cls, values, where=where)
    for field in fields(typing.cast(Any, cls)):
        needed = field.init and field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in chosen:
            raise UsageError(f"missing key {field.name!r}", where=where, remedy=f"add {field.name} = ...")
    return cls(**chosen)


def fitted(cls: type, values: Mapping[str, Any], *, where: str | None = None) -> dict[str, Any]:
    """Arguments for a ``cls`` out of ``values``, as :func:`from_mapping` takes them; some may be missing."""
    assert is_dataclass(cls)
    known = [field.name for field in fields(cls) if field.init]
    values = aliases.rename(values, known)
    for key in values:
        if key not in known:
            remedy = suggest(key, known, f"known keys: {', '.join(known)}")
            raise UsageError(f"unknown key {key!r}", where=where, remedy=remedy)
    hints = typing.get_type_hints(cls)
    return {key: checked(hints[key], value, key, where=where) for key, value in values.items()}


def changed(config: T, given: Mapping[str, Any]) -> T:
    """``config`` with what is ``given`` in place of its own, as :func:`checked` takes it, but None."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(typing.cast(Any, config), **fitted(type(config), chosen))


def checked(hint: Any, value: Any, name: str, *, where: str | None = None) -> Any:
    """``value`` as the type ``hint`` wants it; UsageError, for the option ``name``, where it is not that.

    Lists and comma strings become tuples, whole numbers floats, text paths; nothing else changes.
    """
    found = _fitted(hint, value, name, where)
    if found is _MISFIT:
        names = [str(one) for kind in members(hint) if get_origin(kind) is Literal for one in get_args(kind)]
        remedy = suggest(str(value), names, "correct the value")
        raise UsageError(f"{value!r} is not {describe(hint)}", option=name, where=where, remedy=remedy)
    return found


_MISFIT = object()


def _fitted(hint: Any, value: Any, name: str, where: str | None) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays, torch's tensors
        value = value.tolist()
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, name, where)
    if is_dataclass(hint) and isinstance(value, Mapping):
        return from_mapping(typing.cast(type, hint), value, where=f"{where or ''}[{name}]")
    if origin is tuple:
        return _tuple(arguments, value, name, where)
    if origin is Literal:
        fits = any(type(one) is type(value) and one == value for one in arguments)
    else:
        kind = origin or hint
        if kind in (float, Path) and isinstance(value, int if kind is float else str):
            value = kind(value) if not isinstance(value, bool) else value
        fits = kind is Any or (isinstance(value, kind) and not (kind is int and isinstance(value, bool)))
    return value if fits else _MISFIT


def _one_of(hints: tuple[Any, ...], value: Any, name: str, where: str | None) -> Any:
    """``value`` as the first of some types that it fits.

    Text is looked for among fixed names first; it is a list of names only where it has a comma.
    """

    def rank(hint: Any) -> int:
        if get_origin(hint) is Literal:
            return 0
        if get_origin(hint) is tuple:
            return 1 if "," in value or str not in members(get_args(hint)[0]) else 3
        return 2

    for hint in sorted(hints, key=rank) if isinstance(value, str) else hints:
        found = _fitted(hint, value, name, where)
        if found is not _MISFIT:
            return found
    return _MISFIT


def _tuple(arguments: tuple[Any, ...], value: Any, name: str, where: str | None) -> Any:
    if isinstance(value, str):
        words = [part.strip() for part in value.split(",") if part.strip()]
        parts = [part for word in words for part in _numbers(word, members(arguments[0]))]
    else:
        parts = list(value) if isinstance(value, (list, tuple, range)) else [value]
    hints = [arguments[0]] * len(parts) if arguments[-1] is Ellipsis else list(arguments)
    if len(hints) != len(parts):
        return _MISFIT
    found = [_fitted(hint, part, name, where) for hint, part in zip(hints, parts, strict=True)]
    return _MISFIT if any(one is _MISFIT for one in found) else tuple(found)


def _numbers(word: str, kinds: tuple[Any, ...]) -> list[Any]:
    """The number that a word is, the whole ones of a range (``0-3``, ``-3--1``), or the word itself."""
    match = PART.match(word) if int in kinds else None
    if match and match[2]:
        low, high = int(match[1]), int(match[2])
        return [word] if high < low or low < 0 <= high else list(range(low, high + 1))
    for kind in (int, float):
        if kind in kinds:
            with suppress(ValueError):
                return [kind(word)]
    return [word]


def members(hint: Any) -> tuple[Any, ...]:
    """The types that ``hint`` allows, but for None."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(one for one in get_args(hint) if one is not type(None))
    return (hint,)


def describe(hint: Any) -> str:
    """A type in words: ``a whole number``, ``'a' or 'b'``, ``names``."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(describe, members(hint)))
    if origin is tuple:
        words = {int: "whole numbers", float: "numbers", str: "names"}
        return " or ".join(words.get(one) or describe(one) for one in members(arguments[0]))
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def read_toml(path: str | Path, cls: type[T]) -> T:
    """The configuration in a TOML file."""
    return from_mapping(cls, read_mapping(path), where=str(path))


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Keys and values of a TOML file; UsageError where it cannot be read."""
    return reading.read_toml(path, error=UsageError, remedy="check the path, or correct the file")


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """Keys and values of ``NAME=VALUE`` words; a value that is not TOML (``adapts=head``) is text.

    UsageError, for the option ``set``, for a word without a name or a value.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if not name or not value:
            raise UsageError(f"{word!r} is not NAME=VALUE", option="set", remedy="write it as epochs=5")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def to_mapping(config: Any) -> dict[str, Any]:
    """Keys and values of a configuration; what is None is left out, for TOML has no null."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def to_toml(config: Any) -> str:
    """TOML that :func:`read_toml` reads back as an equal configuration."""
    plain, sections = [], []
    for key, value in to_mapping(config).items():
        if isinstance(value, dict):
            sections.append(f"\n[{key}]")
            sections.extend(f"{inner} = {_toml(item)}" for inner, item in value.items())
        else:
            plain.append(f"{key} = {_toml(value)}")
    return "\n".join([*plain, *sections]) + "\n"


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists of them are TOML's, but for characters JSON need not escape.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
