"""Class colours: fixed for what minewatch means, told apart by everyone."""

from __future__ import annotations

import itertools

import pytest

from minewatch.conventions.colours import FIXED, MISSING_COLOUR, OKABE_ITO, class_colours


def test_known_meanings_keep_their_colour_whatever_stands_beside_them():
    few = class_colours({"flag_values": [2], "flag_meanings": "active"})
    many = class_colours({"flag_values": [0, 1, 2], "flag_meanings": "undecided stable active"})
    assert few[2] == many[2] == ("active", FIXED["active"])


def test_unknown_meanings_take_the_next_free_colour_and_lose_their_underscores():
    found = class_colours({"flag_values": [1, 2, 7], "flag_meanings": "old_pit stable dump"})
    assert found == {
        1: ("old pit", OKABE_ITO[0]),
        2: ("stable", FIXED["stable"]),
        7: ("dump", OKABE_ITO[1]),
    }


def test_colours_that_are_given_rule():
    attrs = {"flag_values": [0, 1], "flag_meanings": "a stable", "flag_colors": "#000000 #ffffff"}
    assert class_colours(attrs) == {0: ("a", "#000000"), 1: ("stable", "#ffffff")}
    assert class_colours({}) == {}
    assert class_colours({"flag_values": 3, "flag_meanings": "one"})[3][0] == "one"


def test_flags_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="no_data"):
        class_colours({"flag_values": [0, 1], "flag_meanings": "no data here"})


def test_neighbouring_classes_differ_in_lightness_also_without_colour():
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    shown = [FIXED["undecided"], FIXED["stable"], FIXED["active"], MISSING_COLOUR]
    pairs = itertools.combinations([lightness(colour) for colour in shown], 2)
    assert min(abs(a - b) for a, b in pairs) > 0.03
