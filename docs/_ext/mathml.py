"""Formulas as MathML, which browsers show by themselves: no script, no network."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["mathml", "setup"]

SPELLED = {r"\iff": r"\;\Longleftrightarrow\;", r"\tfrac": r"\frac"}
"""Commands that docutils does not know → ones that it does."""


def mathml(tex: str, *, block: bool = False) -> str:
    """MathML of a formula; the formula as it was typed where docutils cannot read it."""
    for unknown, known in SPELLED.items():
        tex = tex.replace(unknown, known)
    try:
        return str(tex2mathml(tex, as_block=block))
    except MathError:
        return f"<code>{html.escape(tex)}</code>"


def inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def display(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    writer.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
