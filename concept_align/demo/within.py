"""Progress of a stage that is made of many small pieces of work: one bar for all of them."""

from ..progress import Bar, Progress, Silent


class Within:
    """A :class:`Progress` whose bars move one bar of ``pieces``, each by its ``share`` (0: not at all)."""

    def __init__(self, progress: Progress | None, name: str, pieces: int, *, share: float = 1.0) -> None:
        self.outer = progress or Silent()
        self.pieces, self.share, self.done = pieces, share, 0.0
        self._bar = self.outer.bar(name, pieces)

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        self._bar.note(name)
        inner = _Inner(self, self.share / total if total else 0.0)
        inner.advance(done)
        return inner

    def say(self, text: str) -> None:
        """Said as a note: a line for every piece would bury the bars."""
        self._bar.note(text)

    def advance(self, amount: float) -> None:
        amount = min(amount, self.pieces - self.done)
        self.done += amount
        self._bar.advance(amount)

    def finish(self) -> None:
        """Whatever was there already counts as done."""
        self.advance(self.pieces - self.done)
        self._bar.note("")


class _Inner:
    def __init__(self, owner: Within, scale: float) -> None:
        self.owner, self.scale = owner, scale

    def advance(self, amount: float = 1) -> None:
        self.owner.advance(amount * self.scale)

    def note(self, text: str) -> None:
        pass
