"""Between which two dates ground changed, as far as pairs that saw it can prove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Bracket", "bracket"]


class Bracket(NamedTuple):
    """When a change was, and which pairs say so, by their positions."""

    after: np.datetime64
    before: np.datetime64
    first: int
    confirming: int | None
    independent: bool


def bracket(
    reference: npt.NDArray[np.datetime64],
    secondary: npt.NDArray[np.datetime64],
    changed: npt.NDArray[np.bool_],
    quiet: npt.NDArray[np.bool_],
) -> Bracket:
    """The tightest time that a first change is known to lie in.

    A pair that changed proves a change between its two images, a quiet one that there was none.
    The first change lies within all changed pairs that end with the earliest later image, and
    outside of quiet ones; where these leave no time at all, they contradict each other and are not
    asked. Another pair confirms the change if it ends with another image: a bad one, which spoils
    all pairs that end with it, cannot confirm itself.

    Parameters
    ----------
    reference, secondary : numpy.ndarray
        Dates of the pairs, datetime64, in the order of `secondary`, then of `reference`.
    changed, quiet : numpy.ndarray
        Which pairs saw a change, which saw that there was none; bool. One changed at least.

    Returns
    -------
    Bracket
        ``after`` and ``before``; ``first``, the shortest of the changed pairs with the earliest
        later image; ``confirming``, the first pair that confirms it, or None; ``independent``,
        whether a changed pair shares no image with the first.

    Examples
    --------
    >>> days = np.array(["2022-06-01", "2022-06-13", "2022-06-25"], "M8[D]")
    >>> of = [0, 0, 1], [1, 2, 2]  # the second date is quiet, so the change came after it
    >>> found = bracket(
    ...     days[of[0]], days[of[1]], np.array([False, True, True]), np.array([1, 0, 0])
    ... )
    >>> str(found.after), str(found.before), found.first, found.confirming
    ('2022-06-13', '2022-06-25', 2, None)
    """
    saw = np.flatnonzero(changed)
    until = secondary[saw[0]]
    first = int(saw[secondary[saw] == until][-1])
    low, high = _without(reference[first], until, reference, secondary, np.flatnonzero(quiet))
    others = saw[secondary[saw] != until]
    images = (reference[first], until)
    apart = ~np.isin(reference[others], images) & ~np.isin(secondary[others], images)
    return Bracket(low, high, first, int(others[0]) if others.size else None, bool(apart.any()))


def _without(
    low: Any,
    high: Any,
    reference: npt.NDArray[np.datetime64],
    secondary: npt.NDArray[np.datetime64],
    quiet: npt.NDArray[np.intp],
) -> tuple[Any, Any]:
    """Cut the time of quiet pairs off both ends; all of it is kept if nothing would be left."""
    begin, end = low, high
    for pair in quiet:  # by their later image, so that each may go on where another ends
        if reference[pair] <= begin < secondary[pair]:
            begin = secondary[pair]
    for pair in quiet[np.argsort(reference[quiet], kind="stable")[::-1]]:
        if reference[pair] < end <= secondary[pair]:
            end = reference[pair]
    return (begin, end) if begin < end else (low, high)
