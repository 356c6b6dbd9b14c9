"""Save the figures of gallery scripts: those that minewatch.plots hands back, outside of pyplot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["_get_sg_image_scraper"]


def scrape(block: tuple[Any, ...], variables: Mapping[str, Any], conf: Mapping[str, Any]) -> str:
    """Save each figure that a block of the script made and return the markup that shows it."""
    del block
    made = [
        value
        for value in variables["example_globals"].values()
        if isinstance(value, Figure) and not getattr(value, "is_in_the_page", False)
    ]
    paths = []
    for figure, path in zip(made, variables["image_path_iterator"], strict=False):
        figure.savefig(path, dpi=120, facecolor="white")
        figure.is_in_the_page = True
        paths.append(path)
    return figure_rst(paths, conf["src_dir"])


def _get_sg_image_scraper() -> Any:
    return scrape
