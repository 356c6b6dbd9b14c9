"""A run told on one page: an HTML file that needs nothing but itself.

Pictures are inside the page, nothing is fetched and nothing is run. All text is escaped, since ids
and attributes of other people's catalogs end up here, and a content security policy forbids the
browser whatever an oversight might let through.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch._files import whole

if TYPE_CHECKING:
    import os

    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Section", "write_report"]

ROWS = 500
"""Rows of a table that are shown."""

DPI = 160

WIDTH = 100
"""Screen pixels for each inch of a figure; the finer bitmap keeps it sharp on dense screens."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: #fff;
  color: #1d1d1f;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-top: 1rem; border-top: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { max-width: 46rem; margin: .5rem 0; }
.byline, figcaption, .note { color: #555; font-size: .9rem; }
dl.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr));
  gap: .75rem; margin: 1.5rem 0 0; }
dl.summary div { border: 1px solid #ddd; border-radius: 6px; padding: .6rem .8rem; }
dl.summary dt { color: #555; font-size: .85rem; }
dl.summary dd { margin: 0; font-size: 1.2rem; font-weight: 600; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e6e6e6; }
thead th { border-bottom: 2px solid #999; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
.provenance th { font-weight: 500; color: #444; white-space: nowrap; }
.provenance td { overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; margin: .3rem 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; }
  figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Parameters
    ----------
    heading : str
        Its title.
    text : str
        Plain text; an empty line begins a new paragraph.
    figures : sequence
        Matplotlib figures, or pairs (figure, caption).
    table : sequence of mappings or pandas.DataFrame, optional
        One row each; columns as the first row has them.
    """

    heading: str
    text: str = ""
    figures: Sequence[Figure | tuple[Figure, str]] = ()
    table: Sequence[Mapping[str, object]] | pd.DataFrame | None = None


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    sections: Sequence[Section],
    provenance: Mapping[str, object],
    summary: Mapping[str, object] | None = None,
) -> Path:
    """Write a report as one HTML file, whole or not at all.

    Parameters
    ----------
    path : path-like
        File to write, ``*.html``; one that is there is replaced.
    title : str
        What it is about.
    sections : sequence of Section
        In order.
    provenance : mapping
        What would be needed to make it again: settings, versions, inputs, what was left out. Each
        value is a mapping, a dataclass, a list (of texts or of mappings) or a single thing.
    summary : mapping, optional
        A few numbers that a reader asks for first.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(
    ...         Path(folder) / "report.html",
    ...         title="Pit <1>",
    ...         sections=[Section("Pairs", table=[{"kept": 12, "mean": 0.91}])],
    ...         provenance={"inputs": ["a.tif", "b.tif"]},
    ...     )
    ...     "<h1>Pit &lt;1&gt;</h1>" in path.read_text(encoding="utf-8")
    True
    """
    parts = [f"<h1>{_text(title)}</h1>"]
    parts.append(f'<p class="byline">Made with minewatch, {_text(_now())}</p>')
    if summary:
        tiles = (f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in summary.items())
        parts.append(f'<dl class="summary">{"".join(tiles)}</dl>')
    parts += [_section(section) for section in sections]
    parts.append('<h2>Provenance</h2><div class="provenance">')
    parts += [f"<h3>{_text(key)}</h3>{_block(value)}" for key, value in provenance.items()]
    parts.append("</div>")
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
    with whole(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return Path(path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _section(section: Section) -> str:
    parts = [f"<h2>{_text(section.heading)}</h2>"]
    paragraphs = (part.strip() for part in section.text.split("\n\n"))
    parts += [f"<p>{_text(part)}</p>" for part in paragraphs if part]
    for item in section.figures:
        figure, caption = item if isinstance(item, tuple) else (item, "")
        parts.append(_picture(figure, caption, section.heading))
    if section.table is not None:
        parts.append(_table(section.table))
    return "\n".join(parts)


def _picture(figure: Figure, caption: str, heading: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    below = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img width="{round(figure.get_figwidth() * WIDTH)}" '
        f'alt="{_text(caption or heading)}" src="data:image/png;base64,{data}">'
        f"{below}</figure>"
    )


def _table(table: Sequence[Mapping[str, object]] | pd.DataFrame) -> str:
    rows: list[Any] = list(table) if isinstance(table, Sequence) else table.to_dict("records")
    if not rows:
        return '<p class="note">None.</p>'
    columns = list(rows[0])
    numeric = {
        column
        for column in columns
        if all(_is_number(row.get(column)) or row.get(column) is None for row in rows)
    }

    decimals = {column: _decimals([row.get(column) for row in rows]) for column in numeric}

    def cell(tag: str, column: Any, value: object) -> str:
        if column not in numeric:
            return f"<{tag}>{_text(value)}</{tag}>"
        if isinstance(value, float | np.floating) and math.isfinite(value):
            value = f"{value:,.{decimals[column]}f}"
        return f'<{tag} class="number">{_text(value)}</{tag}>'

    head = "".join(cell("th", column, str(column).replace("_", " ")) for column in columns)
    body = "\n".join(
        "<tr>" + "".join(cell("td", column, row.get(column)) for column in columns) + "</tr>"
        for row in rows[:ROWS]
    )
    more = f'<p class="note">and {len(rows) - ROWS} more rows</p>' if len(rows) > ROWS else ""
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>'
        f"</table></div>{more}"
    )


def _decimals(values: list[Any]) -> int:
    """So many that the largest number of a column shows four figures."""
    sizes = [abs(float(value)) for value in values if value is not None]
    largest = max((size for size in sizes if math.isfinite(size)), default=0.0)
    return min(max(3 - math.floor(math.log10(largest)), 0), 6) if largest > 0 else 0


def _block(value: object) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        rows = "\n".join(
            f"<tr><th>{_text(key)}</th><td>{_text(item)}</td></tr>" for key, item in value.items()
        )
        return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return '<p class="note">None.</p>'
        if all(isinstance(item, Mapping) for item in value):
            return _table(value)
        return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in value) + "</ul>"
    return f"<p>{_text(value)}</p>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def _text(value: object) -> str:
    """Anything as escaped text a reader can use."""
    return html.escape(_spelled(value), quote=True)


def _spelled(value: object) -> str:
    if value is None or str(value) in {"NaT", "<NA>"}:
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return "–"
        return f"{number:,.0f}" if 1000 <= abs(number) < 1e15 else f"{number:.4g}"
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[s]").item()
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        # Four figures of a degree are a kilometre: a box is told as it was given.
        return ", ".join(
            f"{item:.8g}" if isinstance(item, float) and math.isfinite(item) else _spelled(item)
            for item in value
        )
    return str(value)
