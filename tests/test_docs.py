"""What the documentation says is so: links lead somewhere, options exist, numbers come out."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
GALLERY = sorted((DOCS / "gallery").glob("plot_*.py"))
REFERENCE = DOCS / "api.rst"
TEXTS = [*PAGES, REFERENCE, DOCS / "gallery" / "GALLERY_HEADER.rst", *GALLERY]


def name_of(path: Path) -> str:
    return path.name


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\S*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def tables(text: str) -> Iterator[list[list[str]]]:
    """Cells of each Markdown table, its header first."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line for line in table.splitlines() if not re.fullmatch(r"[|\s:-]+", line)]
        yield [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# Numbers of the papers


def typed_rows() -> list[tuple[str, str]]:
    """Number and expression of every row that ends in an expression."""
    return [
        (row[-2], row[-1].strip("`"))
        for table in tables(prose(DOCS / "papers.md"))
        for row in table
        if row[-1].startswith("`")
    ]


def grid_cells() -> list[tuple[str, str]]:
    """The same of tables whose every cell follows from its row and column."""
    found = []
    pattern = r"<!-- every cell: (.+?) -->\n\n((?:\|.*\n)+)"
    for expression, text in re.findall(pattern, (DOCS / "papers.md").read_text()):
        (table,) = tables(text)
        (_, *columns), *lines = table
        found += [
            (cell, expression.format(row=label, column=column))
            for label, *cells in lines
            for column, cell in zip(columns, cells, strict=True)
        ]
    return found


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page says that its expressions use."""
    (code,) = [text for language, text in blocks(DOCS / "papers.md") if language == "python"]
    space: dict[str, Any] = {}
    exec(compile(code, "papers.md", "exec"), space)
    return space


@pytest.mark.parametrize(("shown", "expression"), [*typed_rows(), *grid_cells()])
def test_numbers_of_the_papers_come_out(names: dict[str, Any], shown: str, expression: str) -> None:
    plain = shown.replace("−", "-").replace(",", "").removesuffix("%").strip()
    _, _, digits = plain.partition(".")
    value = eval(expression, names)
    assert f"{value:.{len(digits)}f}" == plain, f"{expression} is {value}"


def test_what_is_called_recomputed_is_recomputed() -> None:
    for page in PAGES:
        for header, *lines in tables(prose(page)):
            if "recomputed" in header:
                assert header[-1] == "expression", page.name
                assert all(line[-1].startswith("`") for line in lines), page.name
    assert len(typed_rows()) > 90
    assert len(grid_cells()) == 8 * 11 + 3 + 6


# Links and names


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        aim = page.parent / path if path else page
        assert aim.is_file(), f"{page.name} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", aim.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in slugs, f"{page.name} links to {target}"


def test_tests_that_the_page_of_reliability_names_exist() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (DOCS / "reliability.md").read_text()))
    files = (DOCS.parent / "tests").rglob("test_*.py")
    written = {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())}
    assert len(named) > 20
    assert named <= written


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = " ".join(text for language, text in blocks(DOCS / "index.md") if "toctree" in language)
    for page in DOCS.glob("*.md"):
        assert page.stem == "index" or page.stem in listed.split(), page.name


def exists(dotted: str) -> bool:
    """Whether a dotted name can be imported, attribute by attribute."""
    parts = dotted.split(".")
    thing = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        if hasattr(thing, part):
            thing = getattr(thing, part)
            continue
        try:
            thing = importlib.import_module(".".join(parts[:place]))
        except ImportError:
            return False
    return True


@pytest.mark.parametrize("text", TEXTS, ids=name_of)
def test_names_of_minewatch_exist(text: Path) -> None:
    content = text.read_text()
    pattern = r"(?:`~?|:\w+:`|\bimport )(minewatch(?:\.\w+)+)|\b(mw(?:\.[A-Za-z_]\w*)+)"
    for full, short in re.findall(pattern, content):
        dotted = full or short.replace("mw", "minewatch", 1)
        assert exists(dotted), f"{text.name} names {dotted}"


def test_the_reference_has_every_public_module() -> None:
    import minewatch

    listed = set(re.findall(r"^ {3}(minewatch[\w.]+)$", REFERENCE.read_text(), re.MULTILINE))
    for name in set(minewatch.__all__) - {"__version__", "sources"}:
        assert f"minewatch.{name}" in listed
    for name in set(minewatch.sources.__all__) - {"search", "load"}:
        assert f"minewatch.sources.{name}" in listed
    assert all(exists(name) for name in listed)


@pytest.mark.parametrize("text", TEXTS, ids=name_of)
def test_pages_are_plain(text: Path) -> None:
    """No address of one machine, nothing unfinished; lines that a terminal can show."""
    content = text.read_text()
    assert not re.search(r"/(?:work|tmp|home|root|opt)/|TODO|FIXME|\bTBD\b|file://", content)
    outside = "\n".join(line for line in content.splitlines() if not line.startswith("|"))
    assert max(len(line) for line in outside.splitlines()) <= 120


@pytest.mark.filterwarnings("ignore:.*perpendicular baseline")
def test_codes_are_those_of_the_layers() -> None:
    import numpy as np
    import xarray as xr

    from minewatch import activity

    days = np.arange("2022-06-01", "2022-06-05", dtype="datetime64[D]").astype("datetime64[ns]")
    coherence = xr.DataArray(
        np.full((3, 6, 6), 0.9, "float32"),
        dims=("pair", "y", "x"),
        coords={"reference_time": ("pair", days[:-1]), "secondary_time": ("pair", days[1:])},
    )
    ledger = activity.screen_pairs(coherence, activity.stable_pixels(coherence))
    layers = {
        "activity": activity.tai(coherence, ledger, threshold=0.2).activity,
        "reason": ledger.reason,
    }
    listed = [table for table in tables(prose(DOCS / "data-model.md")) if table[0][1] == "codes"]
    shown = {row[0].split("`")[1]: row[1] for row in listed[0][1:]}
    for name, layer in layers.items():
        meanings = layer.attrs["flag_meanings"].split()
        for code, meaning in zip(layer.attrs["flag_values"], meanings, strict=True):
            assert f"{code} {meaning.replace('_', ' ')}" in shown[name]


# Command line


def settings_of() -> dict[str, type]:
    from minewatch.workflows import (
        AblationSettings,
        ActivitySettings,
        AreaSettings,
        DemoSettings,
        DetectSettings,
        DetectTrainSettings,
        MappingSettings,
        ScoreSettings,
    )

    return {
        "demo": DemoSettings,
        "activity": ActivitySettings,
        "map": MappingSettings,
        "area": AreaSettings,
        "ablation": AblationSettings,
        "detect train": DetectTrainSettings,
        "detect run": DetectSettings,
        "detect score": ScoreSettings,
    }


def documented() -> dict[str, dict[str, str]]:
    """Command → option → default, as the tables of cli.md have it."""
    sections = re.split(r"^## minewatch ([\w -]+)$", prose(DOCS / "cli.md"), flags=re.MULTILINE)
    return {
        command: {
            row[0].strip("`"): row[1]
            for header, *lines in tables(text)
            if header[0] == "option"
            for row in lines
        }
        for command, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def shown_default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "needed"
    if field.default in (None, ()):
        return ""
    return " ".join(
        map(str, field.default if isinstance(field.default, tuple) else [field.default])
    )


@pytest.mark.parametrize(
    "command",
    [
        "demo", "activity", "map", "area", "ablation", "detect train", "detect run", "detect score",
    ],
)  # fmt: skip
def test_every_option_is_documented_with_its_default(command: str) -> None:
    fields = dataclasses.fields(settings_of()[command])
    arguments = {
        "demo": "output", "activity": "input", "map": "catalog", "area": "points",
        "ablation": "folder", "detect train": "catalog", "detect run": "catalog",
        "detect score": "detections",
    }  # fmt: skip
    expected = {
        f"--{field.name.replace('_', '-')}": shown_default(field)
        for field in fields
        if field.name != arguments[command]
    }
    assert documented()[command] == expected


def commands() -> dict[str, Any]:
    import typer

    from minewatch.cli.commands import app

    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        parts = getattr(command, "commands", None)
        found |= {name: command} if parts is None else {f"{name} {k}": v for k, v in parts.items()}
    return found


def test_every_command_has_its_section() -> None:
    assert set(documented()) == set(commands())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_that_are_typed_exist(page: Path) -> None:
    known = commands()
    shell = "\n".join(text for language, text in blocks(page) if language == "sh")
    shell = re.sub(r"\\\n\s*", "", re.sub(r"#.*", "", shell))
    inline = re.findall(r"`(minewatch [^`]+)`", prose(page))
    for line in [*shell.splitlines(), *inline]:
        _, found, rest = line.partition("minewatch ")
        if not found or not line.strip().startswith(("minewatch ", ".venv/bin/minewatch ")):
            continue
        command, *words = rest.split()
        if any(name.startswith(f"{command} ") for name in known):  # a group of commands
            if not words:
                continue
            command = f"{command} {words.pop(0)}"
        assert command in known, f"{page.name}: {line}"
        options = {
            option
            for parameter in known[command].params
            for option in [*parameter.opts, *parameter.secondary_opts]
        }
        used = {word for word in words if word.startswith("--")}
        assert used <= options | {"--help", "--debug"}, f"{page.name}: {line}"


# Code


@pytest.mark.slow
@pytest.mark.parametrize("script", GALLERY, ids=name_of)
def test_gallery_scripts_run_and_end_in_a_figure(script: Path) -> None:
    from matplotlib.figure import Figure

    space: dict[str, Any] = {"__name__": "gallery"}
    exec(compile(script.read_text(), str(script), "exec"), space)
    assert isinstance(space["figure"], Figure)
    assert "figure" in script.read_text().rsplit("# %%", 1)[-1]


def typed(language: str, code: str) -> str:
    """What a block prints when it is typed; commands of minewatch run in this process."""
    from minewatch.cli.commands import app

    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        if language == "python":
            exec(compile(code, "a block", "exec"), {"__name__": "__main__"})
        else:
            _, *words = shlex.split(os.path.expandvars(code).replace("\\\n", " "))
            app(words, standalone_mode=False)
    return shown.getvalue()


def assert_said(expected: str, output: str) -> None:
    """Each line is there, its words exactly, its numbers within 3 %.

    Forests differ a little between versions of scikit-learn, and so do scores that follow from
    them; counts and areas of the other chains do not.
    """
    number = re.compile(r"-?\d[\d,]*\.?\d*")
    said = [
        (number.sub("#", " ".join(line.split())), number.findall(line))
        for line in output.splitlines()
    ]
    for line in expected.splitlines():
        words = number.sub("#", " ".join(line.split()))
        values = [float(value.replace(",", "")) for value in number.findall(line)]
        matches = [
            [float(value.replace(",", "")) for value in found]
            for other, found in said
            if other == words
        ]
        assert any(match == pytest.approx(values, rel=0.03) for match in matches), (
            f"{line!r} is not in\n{output}"
        )


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.filterwarnings("ignore")  # a terminal would show warnings and go on
def test_real_data_give_what_the_page_says(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINEWATCH_TEST_DATA", str(real_data))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the page adds to it
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    output, checked = "", 0
    for language, text in blocks(DOCS / "real-data.md"):
        if language == "text":
            assert_said(text, output)
            checked += 1
        elif language == "python" or text.startswith("minewatch"):
            output = typed(language, text)
    assert checked == 10


@pytest.mark.slow
def test_python_of_the_cluster_page_runs(tmp_path: Path) -> None:
    """In a script of its own, as the page says, because worker processes import it."""
    (code,) = [text for language, text in blocks(DOCS / "cluster.md") if language == "python"]
    first, _, body = code.partition("\n\n")
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    script = tmp_path / "script.py"
    script.write_text(f"{first}\n\nif __name__ == '__main__':\n{indented}\n")
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, check=True, timeout=300)
