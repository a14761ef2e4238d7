"""The tidy form of alignability: a row a pair of concept spaces, layer and measure."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Score:
    """How alike two languages' concept spaces are, and what that is worth.

    ``null_mean`` ... ``p`` come from relabelling the target's concepts at random; ``q`` is p after
    Benjamini and Hochberg over all pairs and layers of the measure. ``low`` and ``high`` bound the interval
    over resampled sentences. The ceiling is the geometric mean of what either language scores against
    itself, with prototypes from disjoint halves of its sentences.
    """

    model: str
    revision: str
    layer: str
    task: str
    space: str
    measure: str
    source: str
    target: str
    value: float
    low: float  # NaN without replicates
    high: float
    null_mean: float  # NaN without permutations, as the next four
    null_sd: float
    z: float
    p: float
    q: float
    ceiling: float  # NaN without halves
    n: int  # concepts compared
    left_out: str  # concepts that one of both has too few words of: "INTJ;SYM"
    dim: int
    against: str = ""  # across spaces, "MODEL@REVISION:LAYER" of the target
    note: str = ""  # why there is no value


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Score))
TEXT: tuple[str, ...] = tuple(field.name for field in fields(Score) if field.type in (str, "str"))
VALUES: tuple[str, ...] = tuple(field.name for field in fields(Score) if field.type in (float, "float"))
