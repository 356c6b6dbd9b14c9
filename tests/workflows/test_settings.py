"""A run's settings survive TOML, and a mistyped key says what was meant."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import pytest

from minewatch.workflows.settings import option, read_settings, set_aside, write_settings


@dataclasses.dataclass(frozen=True)
class Settings:
    input: str = option(dataclasses.MISSING, "the input folder", path=True)
    window: tuple[int, int] = option((3, 10), "rows, columns")
    bands: tuple[str, ...] = option((), "bands")
    limit: float | None = option(None, "a limit")
    rule: Literal["interval", "paper"] = option("interval", "a rule")
    overwrite: bool = option(False, "overwrite")


def test_settings_survive_toml(tmp_path: Path) -> None:
    text = 'quotes " and \\ and é and \x7f'
    settings = Settings("/pit", (2, 7), (text, "vv"), 1e-9, "paper", True)
    path = write_settings(settings, tmp_path / "run.toml", provenance={"xarray": "1", "items": []})
    assert read_settings(Settings, path) == settings
    assert [one.name for one in tmp_path.iterdir()] == ["run.toml"]


def test_settings_are_set_aside_until_there_are_new_ones(tmp_path: Path) -> None:
    set_aside(tmp_path / "run.toml")  # nothing to set aside
    path = write_settings(Settings("/pit", limit=1.0), tmp_path / "run.toml")
    set_aside(path)
    set_aside(path)
    assert [one.name for one in tmp_path.iterdir()] == ["run.earlier.toml"]
    assert read_settings(Settings, tmp_path / "run.earlier.toml").limit == 1.0
    write_settings(Settings("/pit", limit=2.0), path)
    assert [one.name for one in tmp_path.iterdir()] == ["run.toml"]


def test_paths_in_a_file_start_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('input = "slc"')
    assert read_settings(Settings, tmp_path / "run.toml").input == str(tmp_path / "slc")
    (tmp_path / "run.toml").write_text('input = "https://example.org/stac"')
    assert read_settings(Settings, tmp_path / "run.toml").input == "https://example.org/stac"
    given = read_settings(Settings, tmp_path / "run.toml", input="elsewhere", limit=3)
    assert (given.input, given.limit) == ("elsewhere", 3.0)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('input = "a"\nwindows = [3, 10]', "no setting 'windows'; did you mean 'window'"),
        ('input = "a"\nzzz = 1', "no setting 'zzz'; it has bands"),
        ('input = "a"\nwindow = [3]', "has 1 numbers, needs 2"),
        ('input = "a"\nwindow = "3x10"', r"needs a list, e.g. \[3, 10\]"),
        ('input = "a"\nwindow = [3.5, 10]', "3.5 is a float, needs a int"),
        ('input = "a"\nrule = "best"', "not one of 'interval', 'paper'"),
        ('input = "a"\nlimit = "high"', "'high' is a str, needs a float"),
        ('input = "a"\noverwrite = 1', "needs a bool"),
        ("window = [3, 10]", "needs 'input': input is the input folder"),
        ("window = [3, 10", "is not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_its_fix(tmp_path: Path, text: str, fix: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=fix):
        read_settings(Settings, path)


def test_settings_that_are_no_text_are_told_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match=r"run\.toml is not valid TOML .*; give the run.toml that"):
        read_settings(Settings, path)
