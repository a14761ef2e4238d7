"""The mini treebanks: forty parallel sentences in 43 languages, in the public domain, that come with the
package (what they are: ``ud_data/mini/README.md``)."""

from pathlib import Path

from ..errors import UsageError

_PACKAGE = Path(__file__).parents[1]
# Inside the package where it was installed, beside it in a checkout: there is one copy of the data.
_PLACES = (_PACKAGE / "mini", _PACKAGE.parent / "ud_data" / "mini")


def mini_treebanks() -> Path:
    """The folder of the mini treebanks, laid out as a UD release. UsageError where there is none."""
    for place in _PLACES:
        if (place / "UD_English-Mini").is_dir():
            return place
    raise UsageError(
        "the mini treebanks are not in this installation",
        where="--treebanks",
        remedy="install concept-align again, or name a UD release with --treebanks",
    )
