"""One colour per class, the same in figures, in GeoTIFFs and in legends.

Meanings that minewatch itself gives have fixed colours; any others take the colour-blind-safe set
of Okabe and Ito (2008), https://jfly.uni-koeln.de/color/, in the order of their codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MISSING_COLOUR", "class_colours"]

MISSING_COLOUR = "#d9d9d9"
"""Light grey: not seen, outside, masked."""

FIXED = {
    "undecided": "#f0e0b6",
    "stable": "#3b6ea5",
    "active": "#d1495b",
    "none": "#f4f4f0",
    "other": "#e8e4d9",
    "mine": "#d1495b",
    "kept": "#3b6ea5",
}

OKABE_ITO = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#7a7a7a",
)  # fmt: skip


def class_colours(attrs: Mapping[str, object]) -> dict[int, tuple[str, str]]:
    """Code → (meaning, colour) of a class map, from its CF flags.

    Parameters
    ----------
    attrs : mapping
        Attributes with ``flag_values`` and ``flag_meanings``; ``flag_colors`` (hexadecimal, in
        the same order) rules where it is given.

    Returns
    -------
    dict
        In the order of the flags; empty if there are none.

    Raises
    ------
    ValueError
        If meanings and codes are not equally many.

    Examples
    --------
    >>> class_colours({"flag_values": [1, 2], "flag_meanings": "stable active"})
    {1: ('stable', '#3b6ea5'), 2: ('active', '#d1495b')}
    """
    codes = _listed(attrs.get("flag_values"))
    meanings = _listed(attrs.get("flag_meanings"))
    colours = _listed(attrs.get("flag_colors"))
    if len(codes) != len(meanings) or (colours and len(colours) != len(codes)):
        message = (
            f"flag_values {codes}, flag_meanings {meanings} and flag_colors {colours} must be "
            "equally many; write each meaning as one word, e.g. 'no_data'"
        )
        raise ValueError(message)
    spare = (OKABE_ITO[i % len(OKABE_ITO)] for i in range(len(codes)))
    chosen = colours or [FIXED.get(meaning) or next(spare) for meaning in meanings]
    return {
        int(code): (meaning.replace("_", " "), colour)
        for code, meaning, colour in zip(codes, meanings, chosen, strict=True)
    }


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split()
    return [str(item) for item in value] if hasattr(value, "__iter__") else [str(value)]
