from concept_align.demo.within import Within


class Recorded:
    """A progress that keeps what it was told."""

    def __init__(self):
        self.bars, self.total, self.notes = [], 0.0, []

    def bar(self, name, total, *, done=0, unit=""):
        self.bars.append((name, total))
        return self

    def advance(self, amount=1):
        self.total += amount

    def note(self, text):
        self.notes.append(text)

    def say(self, text):
        raise AssertionError("nothing is said beside the bar")


def test_many_bars_move_one():
    outer = Recorded()
    within = Within(outer, "states", 2)
    for words in (10, 40):
        inner = within.bar("a file", words)
        for _ in range(2):
            inner.advance(words / 2)
    assert outer.bars == [("states", 2)]
    assert outer.total == 2
    within.say("already there")
    assert outer.notes == ["a file", "a file", "already there"]


def test_what_was_there_already_counts_as_done_and_no_bar_overflows():
    outer = Recorded()
    within = Within(outer, "tests", 3)
    within.bar("again and again", 1, done=1).advance(7)
    within.finish()
    assert outer.total == 3


def test_work_without_a_share_only_says_its_name():
    outer = Recorded()
    within = Within(outer, "learning", 4, share=0)
    within.bar("epochs", 10).advance(10)
    assert outer.total == 0 and outer.notes == ["epochs"]
    within.bar("unknown", None).advance(5)
    within.advance(1)
    assert outer.total == 1
