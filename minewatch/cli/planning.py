"""``minewatch plan``: what any run will take, as a command for each kind of run."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from minewatch.cli.options import settings_command
from minewatch.workflows import (
    DETECT_PRESETS,
    MAP_PRESETS,
    PRESETS,
    ActivityPlanSettings,
    DetectPlanSettings,
    DetectTrainPlanSettings,
    PlanSettings,
    UpdatePlanSettings,
    plan_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["plans"]

BY_SETTINGS = {
    "ActivitySettings": "activity",
    "UpdateSettings": "update",
    "DetectSettings": "detect-run",
    "DetectTrainSettings": "detect-train",
}
"""Kind of settings, as the record of a run names it → the plan of such a run."""

USUAL = "map"
"""What is planned where no kind is named."""


class PlanGroup(TyperGroup):
    """Commands of which one need not be named: that of a map, or of the record that is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the kind of run in front, where it is not there."""
        named = not args or args[0] in self.commands or args[0] in ("-h", "--help")
        if not named and not _is_slip(args[0], self.commands):
            args = [_kind_of(args[0]), *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


def _is_slip(argument: str, commands: Iterable[str]) -> bool:
    """Whether it is the name of a command with a slip of the pen, and of nothing that is there."""
    return not Path(argument).exists() and bool(difflib.get_close_matches(argument, commands))


def _kind_of(argument: str) -> str:
    """The kind of run that a record tells of; of anything else a map."""
    path = Path(argument)
    if path.suffix != ".toml" or not path.is_file():
        return USUAL
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return USUAL
    return BY_SETTINGS.get(str(told.get("provenance", {}).get("settings")), USUAL)


def plans(run: Callable[[Any, Any], None]) -> typer.Typer:
    """The commands that plan.

    Parameters
    ----------
    run : callable
        ``run(workflow, settings)`` runs a workflow and shows its result.

    Returns
    -------
    typer.Typer
        The group of commands.
    """
    app = typer.Typer(
        cls=PlanGroup,
        help="Tell what a run will read, hold, write and take, before it begins. A map if no kind "
        "of run is named; of a run.toml the run that wrote it.",
        no_args_is_help=True,
    )

    @app.command("activity")
    @settings_command(ActivityPlanSettings, argument="input", metavar="FOLDER", presets=PRESETS)
    def activity(settings: ActivityPlanSettings) -> None:
        """Tell what a map of activity will take; one block of the input is read.

        FOLDER holds SLCs or ready coherence, as for minewatch activity; or it is a list of scenes
        of an ASF search (.geojson, .json), whose coherence would be ordered from HyP3.

        Example: minewatch plan activity hyp3/
        """
        run(plan_run, settings)

    @app.command("update")
    @settings_command(UpdatePlanSettings, argument="folder", metavar="FOLDER")
    def update(settings: UpdatePlanSettings) -> None:
        """Tell what an update will take, and how many pairs are new.

        FOLDER is that of a finished run of activity.

        Example: minewatch plan update pit-2024
        """
        run(plan_run, settings)

    @app.command("map")
    @settings_command(PlanSettings, argument="catalog", metavar="CATALOG", presets=MAP_PRESETS)
    def map_(settings: PlanSettings) -> None:
        """Tell what a map will take, before any pixel is read.

        Takes what "minewatch map" takes, and writes nothing but what --json names.

        Example: minewatch plan map catalog.json --reference polygons.geojson --resolution 20
        """
        run(plan_run, settings)

    @app.command("detect-run")
    @settings_command(
        DetectPlanSettings, argument="catalog", metavar="CATALOG", presets=DETECT_PRESETS
    )
    def detect_run(settings: DetectPlanSettings) -> None:
        """Tell what a search for mines will take; one block of an image is read.

        Takes what "minewatch detect run" takes.

        Example: minewatch plan detect-run catalog.json --detector detector/detector.zip
        """
        run(plan_run, settings)

    @app.command("detect-train")
    @settings_command(DetectTrainPlanSettings, argument="catalog", metavar="CATALOG")
    def detect_train(settings: DetectTrainPlanSettings) -> None:
        """Tell what it takes to teach a detector; one block of an image is read.

        Takes what "minewatch detect train" takes.

        Example: minewatch plan detect-train catalog.json --points points.geojson
        """
        run(plan_run, settings)

    return app
