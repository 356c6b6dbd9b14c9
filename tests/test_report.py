"""Reports: one page that needs nothing, lets nothing in and says everything."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from minewatch import plots
from minewatch.report import ROWS, Section, write_report

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>"\'&'
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.text.append(data.strip())

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)

    def rows(self):
        return self.count("tr")


def page(tmp_path, *sections, provenance=None, **options):
    path = write_report(
        tmp_path / "report.html",
        title=options.pop("title", "Pit"),
        sections=sections,
        provenance=provenance or {},
        **options,
    )
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    return Page(path.read_text(encoding="utf-8"))


def figure():
    return plots.map_figure(xr.DataArray(np.eye(4), dims=("y", "x")))


def test_a_report_says_all_it_was_given(tmp_path):
    found = page(
        tmp_path,
        Section("Pairs", "First.\n\nSecond,\nstill second.", table=[{"pair": 1, "kept": True}]),
        Section("Maps", figures=[figure(), (figure(), "A map")]),
        summary={"active": "12 ha", "threshold": 0.19},
        provenance={"settings": {"window": (3, 10)}, "inputs": ["a.tif"], "note": "by hand"},
    )
    text = found.text
    for expected in ("Pit", "Pairs", "First.", "yes", "A map", "12 ha", "0.19", "3, 10", "a.tif",
                     "by hand", "Provenance", "settings"):  # fmt: skip
        assert expected in text
    assert found.count("p") == 4  # the date, two paragraphs, the note
    assert found.count("img") == 2


def test_pictures_are_inside_and_nothing_is_fetched(tmp_path):
    from matplotlib.image import imread

    found = page(tmp_path, Section("Map", figures=[(figure(), EVIL)]))
    image = next(attrs for tag, attrs in found.tags if tag == "img")
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64"
    picture = imread(io.BytesIO(base64.b64decode(data)))
    # sharp also on a screen with 1.6 dots for a pixel
    assert picture.shape[1] == pytest.approx(1.6 * int(image["width"]), abs=2)
    assert image["alt"] == EVIL
    for tag, attrs in found.tags:
        assert tag not in {"script", "link", "iframe"}
        assert not any(
            str(value).startswith(("http", "//", "javascript")) for value in attrs.values()
        )
        assert not any(name.startswith("on") for name in attrs)
    policy = next(a["content"] for t, a in found.tags if "http-equiv" in a and t == "meta")
    assert policy.startswith("default-src 'none'")


def test_other_peoples_text_stays_text(tmp_path):
    @dataclass(frozen=True)
    class Settings:
        name: str = EVIL

    found = page(
        tmp_path,
        Section(EVIL, EVIL, table=[{EVIL: EVIL}]),
        title=EVIL,
        summary={EVIL: EVIL},
        provenance={
            EVIL: {EVIL: EVIL},
            "list": [EVIL, [EVIL]],
            "table": [{EVIL: EVIL}],
            "one": EVIL,
            "settings": Settings(),
        },
    )
    assert found.count("script") == 0
    assert found.count("img") == 0
    # EVIL is text wherever it was given (in a column head with spaces for underscores, as here)
    assert sum(EVIL in text for text in found.text) >= 15


def test_numbers_are_readable(tmp_path):
    table = pd.DataFrame(
        {
            "mean": [0.9123456, 0.62, np.nan],
            "baseline": [-43.21, 120.0, 7.5],
            "count": [1234, 5, 2024],
            "area": [12345.678, 1.0, np.inf],
            "when": pd.to_datetime(["2022-01-04", "2022-01-16 09:12:33", None], format="mixed"),
            "kept": [True, False, None],
            "none": [None, None, None],
        }
    )
    found = page(tmp_path, Section("Numbers", table=table), summary={"area": 12345.678, "p": 0.05})
    text = found.text
    for expected in ("0.9123", "0.6200", "-43.2", "120.0", "1234", "2024", "12,346", "2022-01-04",
                     "2022-01-16 09:12:33", "yes", "no", "–", "inf", "0.05"):  # fmt: skip
        assert expected in text, expected
    numeric = [attrs for tag, attrs in found.tags if tag == "th" and attrs.get("class") == "number"]
    assert len(numeric) == 5  # mean, baseline, count, area, and the column of nothing


def test_a_box_of_degrees_is_told_as_it_was_given(tmp_path):
    box = {"bbox": (-56.8188, -6.8081, -56.7725, -6.785), "window": (3, 10)}
    found = page(tmp_path, provenance={"settings": box})
    assert "-56.8188, -6.8081, -56.7725, -6.785" in found.text
    assert "3, 10" in found.text


def test_dates_arrays_and_nothing(tmp_path):
    found = page(
        tmp_path,
        Section("Empty", table=[]),
        provenance={
            "when": np.datetime64("2022-01-04T09:12:33"),
            "never": np.datetime64("NaT"),
            "bounds": np.array([1.5, 2.5]),
            "nothing": [],
        },
    )
    assert found.text.count("None.") == 2
    assert {"2022-01-04 09:12:33", "1.5, 2.5"} <= set(found.text)
    assert "–" in found.text


def test_long_tables_are_cut_and_say_so(tmp_path):
    found = page(tmp_path, Section("Long", table=[{"pair": i} for i in range(ROWS + 7)]))
    assert found.rows() == ROWS + 1
    assert "and 7 more rows" in found.text


def test_a_report_that_fails_leaves_the_old_one(tmp_path):
    page(tmp_path, Section("Old"))
    with pytest.raises(AttributeError):
        write_report(
            tmp_path / "report.html", title="New", sections=[Section("A", figures=["no figure"])],
            provenance={},
        )  # fmt: skip
    assert "Old" in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
