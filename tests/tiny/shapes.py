"""Shapes and dtypes of arrays, checked while the tests run.

``Float[torch.Tensor, "words dim"]`` in a signature costs users nothing and checks nothing by itself. Here an
import hook makes every such function of the package refuse, under test, what its annotation does not allow.
Functions without an annotated array, and arguments that are none, are left as they are: stand-ins for a model
or a store need not be of the real class.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

import jaxtyping
from beartype import beartype


def mentions_array(hint: Any) -> bool:
    """Whether an annotation holds a jaxtyping array, at any depth."""
    if isinstance(hint, str):
        return bool(re.search(r"\b(Float|Int|Integer|Bool|Num|Shaped)\d*\[", hint))
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(mentions_array(part) for part in get_args(hint) if not isinstance(part, str))


def arrays(function: Any) -> Any:
    """``function`` checked by beartype in its arrays alone."""
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if mentions_array(hint)}
    return beartype(function)


def install(package: str) -> Any:
    """Check every module of ``package`` imported from now on; ``uninstall()`` of the result ends it."""
    return jaxtyping.install_import_hook(package, "shapes.arrays")


def _decorator(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """``jaxtyped``, which the hook puts on everything, for what has annotated arrays alone."""

    def decorate(*, typechecker: Any) -> Callable[[Any], Any]:
        def checked(thing: Any) -> Any:
            hints = getattr(getattr(thing, "fget", None) or thing, "__annotations__", {})
            return (
                jaxtyped(thing, typechecker=typechecker)
                if any(map(mentions_array, hints.values()))
                else thing
            )

        return checked

    return decorate


jaxtyping.jaxtyped = _decorator(jaxtyping.jaxtyped)
