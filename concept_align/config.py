"""Typed configuration: a frozen dataclass to TOML and back; unknown keys are refused.

A configuration is saved beside the results it made and can be given back to the command that made them.
"""

import difflib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from .errors import UsageError

T = TypeVar("T")


def from_mapping(cls: type[T], values: Mapping[str, Any], *, where: str | None = None) -> T:
    """A ``cls`` from keys and values. UsageError names an unknown key, a missing one or a wrong type."""
    assert is_dataclass(cls)
    known = {field.name: field for field in fields(cls)}
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise UsageError(
                f"unknown key {key!r}",
                where=where,
                remedy=f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}",
            )
    hints = typing.get_type_hints(cls)
    chosen: dict[str, Any] = {}
    for name, field in known.items():
        if name in values:
            chosen[name] = _checked(hints[name], values[name], name, where)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UsageError(f"missing key {name!r}", where=where, remedy=f"add {name} = ...")
    return typing.cast(T, cls(**chosen))


def _checked(hint: Any, value: Any, name: str, where: str | None) -> Any:
    """``value`` as ``hint`` wants it: lists become tuples, whole numbers floats, nothing else changes."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        wanted = [argument for argument in arguments if argument is not type(None)]
        return (
            None
            if value is None and len(wanted) < len(arguments)
            else _checked(wanted[0], value, name, where)
        )
    if is_dataclass(hint) and isinstance(value, Mapping):
        return from_mapping(typing.cast(type, hint), value, where=f"{where or ''}[{name}]")
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_checked(arguments[0], item, name, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is Literal:
        fits = value in arguments
    else:
        fits = (
            isinstance(hint, type)
            and isinstance(value, hint)
            and not (hint is int and isinstance(value, bool))
        )
    if fits:
        return value
    wish = " or ".join(map(repr, arguments)) if origin is Literal else getattr(hint, "__name__", str(hint))
    raise UsageError(f"{name} = {value!r} is not {wish}", where=where, remedy="correct the value")


def read_toml(path: str | Path, cls: type[T]) -> T:
    """The configuration in a TOML file."""
    import tomllib

    try:
        with Path(path).open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise UsageError(
            f"cannot read: {error.strerror}", where=str(path), remedy="check --config"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"not TOML: {error}", where=str(path), remedy="correct the file") from error
    return from_mapping(cls, values, where=str(path))


def parse_settings(words: Sequence[str], *, where: str) -> dict[str, Any]:
    """Keys and values of ``NAME=VALUE`` words; a value that is not TOML (``adapts=head``) is text.

    UsageError, at the option ``where``, for a word without a name or a value.
    """
    import tomllib

    found: dict[str, Any] = {}
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if not name or not value:
            raise UsageError(f"{word!r} is not NAME=VALUE", where=where, remedy=f"say {where} epochs=5")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def to_mapping(config: Any) -> dict[str, Any]:
    """Keys and values of a configuration; what is None is left out, for TOML has no null."""
    found: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if value is not None:
            found[field.name] = to_mapping(value) if is_dataclass(value) else _plain(value)
    return found


def _plain(value: Any) -> Any:
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
