"""Which sentences of two treebanks say the same: those of equal ids, if both look like translations.

Equal ids alone are no proof: half of all treebanks call a sentence ``train-s1``. What says the same is about
as long, so the lengths of texts with equal ids go together in translations; elsewhere they do not.
"""

from collections.abc import Mapping

import numpy as np

LEAST = 100  # texts from which on lengths tell anything
AGREE = 0.5  # the least correlation of the lengths of translations; of other sentences it is about 0


def translated(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """The ids that two treebanks share, in the order of ``a``; none where they are no translations.

    ``a`` and ``b`` are texts by id. They are translations where the lengths of what they share go together;
    where they share too few to tell, if that is half of the smaller one.

    Example:
        >>> translated({"s1": "a dog", "s2": "no"}, {"s2": "nein", "s3": "ja"})
        ['s2']
    """
    shared = [one for one in a if one in b]
    if len(shared) < LEAST:
        return shared if 2 * len(shared) >= min(len(a), len(b)) else []
    agreement = length_agreement(a, b)
    return shared if agreement is not None and agreement >= AGREE else []


def length_agreement(a: Mapping[str, str], b: Mapping[str, str]) -> float | None:
    """The correlation of the log lengths of texts with equal ids: what says what the other says is as long.

    None where fewer than ``LEAST`` ids are shared, or all texts of a side are equally long.
    """
    shared = [one for one in a if one in b]
    if len(shared) < LEAST:
        return None
    lengths = np.log1p([[len(side[one]) for one in shared] for side in (a, b)])
    if min(np.ptp(lengths, axis=1)) == 0:
        return None
    return float(np.corrcoef(lengths)[0, 1])
