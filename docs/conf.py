"""Sphinx: Markdown pages, a gallery of scripts that run, one page of reference a module.

Builds without a network: ``python -m sphinx -W -b html docs docs/_build``.
"""

from __future__ import annotations

import re
import sys
import warnings
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "minewatch"
author = "The minewatch developers"
copyright = author
release = metadata.version("minewatch")
version = release.partition("+")[0]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
exclude_patterns = ["_build", "_ext", "_templates", "gallery/*.py", "gallery/*.rst"]
templates_path = ["_templates"]

rst_prolog = r".. |γ| replace:: \|γ\|"  # the modulus of coherence, not a substitution

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"minewatch {version}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False  # what a module names in __all__ is what it shows
autodoc_typehints = "none"  # the docstring says dims and units, which types cannot
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("figures",),
    "capture_repr": ("_repr_html_", "__repr__"),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": True,
}

# distributed and others warn at exit; what an example warns of is shown in its page.
warnings.filterwarnings("ignore", category=PendingDeprecationWarning)

MAPS = """
| Activity and stability | Footprints |
|:--|:--|
| ![Share of pairs with activity, and the classes.][activity] | ![Probability of mine.][mines] |

[activity]: _gallery/images/sphx_glr_plot_1_activity_006.png
[mines]: _gallery/images/sphx_glr_plot_3_footprints_001.png
"""


def _dress(source: list[str]) -> None:
    """Give the HTML what plain Markdown on a code host cannot show.

    The two maps in the place of a comment, gallery pages for links to gallery scripts, and
    references for names of minewatch in backticks.
    """
    text = source[0].replace("<!-- the two maps -->", MAPS)
    text = re.sub(r"\]\((gallery)/(\w+)\.py\)", r"](_\1/\2.rst)", text)
    source[0] = re.sub(r"(?<![`\w])`(minewatch(?:\.\w+)+)`", r"{py:obj}`\1`", text)


def setup(app: object) -> None:
    """Register the hook above, for Markdown pages."""

    def read(_: object, name: str, source: list[str]) -> None:
        if (HERE / f"{name}.md").exists():
            _dress(source)

    app.connect("source-read", read)
