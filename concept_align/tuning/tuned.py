"""A folder that tuning wrote: what was measured before and after, how training went, where the model is."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..config import read_toml
from ..errors import LearningError
from ..integrity import SUMS, check_sums
from ..reading import read_json_object, read_results, read_table
from ..showing import Showable
from .settings import TuneConfig

if TYPE_CHECKING:
    import pandas as pd

MODEL, ADAPTER, HISTORY, BEFORE_AFTER = "model", "adapter", "history.csv", "before-after"
AGAIN = "run tune again, or check the path"
# What SHA256SUMS lists at the top; model/ and adapter/ have lists of their own.
SUMMED = ("run.toml", "provenance.json", HISTORY, f"{BEFORE_AFTER}.csv", f"{BEFORE_AFTER}.parquet")


@dataclass(frozen=True, eq=False, repr=False)
class Tuned(Showable):
    """What a finished run of tuning left in ``folder``.

    Example:
        >>> import concept_align as ca
        >>> quick = {"steps": 1, "batch": 4, "answers": 2, "langs": ["en", "de"], "evaluate": ["none"]}
        >>> ca.tune("mini-decoder", "mini", out=tmp / "tuned", **quick)
        Tuned(mini-decoder, middle, in ...)
        >>> ca.Tuned.load(tmp / "tuned").model.name
        'model'
    """

    folder: Path
    config: TuneConfig
    facts: dict[str, Any]  # provenance.json: the model before, data, weights, versions
    seconds: float = 0.0  # 0 where the run had been finished before

    report_maker = "tune:tune_report"

    def __repr__(self) -> str:
        return f"Tuned({self.config.model}, {self.config.preset}, in {self.folder})"

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The finished run in ``folder``; LearningError where there is none, or files are not as written.

        The weights are not read.
        """
        folder = Path(folder)
        if not is_tuned(folder):
            raise LearningError("no finished run of tuning here", where=str(folder), remedy=AGAIN)
        check_sums(folder, error=LearningError, remedy=AGAIN)
        facts = read_json_object(folder / "provenance.json", error=LearningError, remedy=AGAIN)
        return cls(folder, read_toml(folder / "run.toml", TuneConfig), facts)

    @property
    def model(self) -> Path | None:
        """The folder of the tuned model, which other commands take as ``--model``; None without one."""
        return self._folder(MODEL)

    @property
    def adapter(self) -> Path | None:
        """The folder of the adapter (peft's); None where whole weights were tuned."""
        return self._folder(ADAPTER)

    @cached_property
    def before_after(self) -> "pd.DataFrame":
        """The tidy table of what was measured before and after; empty where nothing was."""
        import pandas as pd

        path = self.folder / f"{BEFORE_AFTER}.parquet"
        return read_results(path) if path.exists() else pd.DataFrame()

    @cached_property
    def history(self) -> "pd.DataFrame":
        """A row for each step: its losses, learning rate, and the norm of its gradient."""
        return read_table(self.folder / HISTORY)

    @property
    def layer(self) -> int | None:
        """The layer that was aligned."""
        found = self.facts.get("layer", self.config.layer)
        return found if isinstance(found, int) else None

    def plot_losses(self, *, path: str | Path | None = None) -> Any:
        """Every loss by step: a Matplotlib figure, saved to ``path`` where one is given."""
        return self._plot("tune_figures:losses_figure", self.history, path=path)

    def plot_retrieval(
        self, source: str = "held-out", *, path: str | Path | None = None, **options: Any
    ) -> Any:
        """Translation retrieval by layer, before and after: a Matplotlib figure. ``options``: ``metric``."""
        return self._plot(
            "tune_figures:retrieval_figure", self.before_after, source, path=path, layer=self.layer, **options
        )

    def plot_gains(self, source: str = "held-out", *, path: str | Path | None = None, **options: Any) -> Any:
        """What tuning adds in its layer, by language: a Matplotlib figure. ``options``: ``metric``."""
        return self._plot(
            "tune_figures:gains_figure", self.before_after, source, path=path, layer=self.layer, **options
        )

    def plot_costs(self, *, path: str | Path | None = None, **options: Any) -> Any:
        """The loss of plain text before and after, by language: a Matplotlib figure."""
        return self._plot("tune_figures:cost_figure", self.before_after, path=path, **options)

    def _folder(self, name: str) -> Path | None:
        return self.folder / name if (self.folder / name / SUMS).is_file() else None


def is_tuned(folder: Path) -> bool:
    """Whether a finished run is in ``folder``: its hashes are written last."""
    return (folder / SUMS).is_file() and (folder / "run.toml").is_file()
