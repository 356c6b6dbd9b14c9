"""The commands: each parses, calls one workflow and shows where the results are."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
from rich.console import Console
from rich.markup import escape

from minewatch.cli.asking import ask_first
from minewatch.cli.display import bars, show
from minewatch.cli.mistakes import MISTAKES, one_line
from minewatch.cli.options import settings_command
from minewatch.cli.planning import plans
from minewatch.workflows import (
    DETECT_PRESETS,
    MAP_PRESETS,
    PRESETS,
    SCORE_PRESETS,
    AblationSettings,
    ActivitySettings,
    AreaSettings,
    DemoSettings,
    DetectSettings,
    DetectTrainSettings,
    MappingSettings,
    RerunSettings,
    ScoreSettings,
    UpdateSettings,
    ablation_run,
    activity_run,
    area_run,
    demo_run,
    describe,
    detect_run,
    detect_train_run,
    mapping_run,
    report_run,
    rerun_run,
    score_run,
    simulate_run,
    update_run,
)

__all__ = ["app", "main"]

Kind = Literal["district", "open-pit"]

app = typer.Typer(
    name="minewatch",
    help="Watch mines from space: activity maps from radar coherence, footprints from images.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
detect = typer.Typer(
    help="See mines in radar patches, through any cloud: teach a detector, run it, score it.",
    no_args_is_help=True,
)
app.add_typer(detect, name="detect")
console = Console()

USAGE = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""What typer raises where options are not understood; it names no common class itself."""


@app.command()
@settings_command(DemoSettings, argument="output", metavar="[FOLDER]")
def demo(settings: DemoSettings) -> None:
    """See it all in two minutes: a simulated world, both maps, scored against the truth.

    Nothing is downloaded. Open report.html in the folder that it names.
    """
    _run(demo_run, settings)


@app.command()
@settings_command(
    ActivitySettings, argument="input", metavar="FOLDER", presets=PRESETS, ask=ask_first
)
def activity(settings: ActivitySettings) -> None:
    """Map where a mine was active and where it stood still, from coherence.

    FOLDER holds co-registered SLCs (OPERA CSLC .h5, SNAP .znap, complex GeoTIFF) or ready coherence
    rasters with two dates in their names (GAMMA, PyRate, HyP3).

    Example: minewatch activity hyp3/ --output pit-2024
    """
    _run(activity_run, settings)


@app.command()
@settings_command(UpdateSettings, argument="folder", metavar="FOLDER", ask=ask_first)
def update(settings: UpdateSettings) -> None:
    """Add the dates that came since to a finished activity run, and tell what changed.

    FOLDER is that of a finished run of activity. Only new pairs are read.

    Example: minewatch update pit-2024
    """
    _run(update_run, settings)


@app.command("map")
@settings_command(
    MappingSettings, argument="catalog", metavar="CATALOG", presets=MAP_PRESETS, ask=ask_first
)
def map_(settings: MappingSettings) -> None:
    """Map mine footprints by a random forest on optical and radar images.

    CATALOG is a STAC API address, a catalog.json or an item collection. REFERENCE is a polygon file
    with a column "label": 1 mine, 0 anything else.

    Example: minewatch map catalog.json --reference polygons.geojson --output mines
    """
    _run(mapping_run, settings)


@app.command()
@settings_command(AreaSettings, argument="points", metavar="POINTS")
def area(settings: AreaSettings) -> None:
    """Estimate areas of mines, with intervals, from labelled points of a map.

    POINTS is the points file of a run of map --points, its column "label" filled: 1 mine, 0
    anything else, empty where it cannot be told.

    Example: minewatch area mines/points.geojson --output mine-areas
    """
    _run(area_run, settings)


@app.command()
@settings_command(AblationSettings, argument="folder", metavar="FOLDER")
def ablation(settings: AblationSettings) -> None:
    """Compare each sensor alone with all of them, on the same unseen polygons.

    FOLDER is that of a finished run of map.

    Example: minewatch ablation mines
    """
    _run(ablation_run, settings)


@detect.command("train")
@settings_command(DetectTrainSettings, argument="catalog", metavar="CATALOG", ask=ask_first)
def detect_train(settings: DetectTrainSettings) -> None:
    """Teach a detector to tell mines from anything else in Sentinel-1 patches.

    CATALOG is a STAC API address, a catalog.json or an item collection. POINTS is a point file with
    a column "label": 1 mine, 0 anything else.

    Example: minewatch detect train catalog.json --points points.geojson --output detector
    """
    _run(detect_train_run, settings)


@detect.command("run")
@settings_command(
    DetectSettings, argument="catalog", metavar="CATALOG", presets=DETECT_PRESETS, ask=ask_first
)
def detect_scenes(settings: DetectSettings) -> None:
    """Search Sentinel-1 images for mines with a detector.

    CATALOG is a STAC API address, a catalog.json or an item collection. DETECTOR is what detect
    train wrote.

    Example: minewatch detect run catalog.json --detector detector/detector.zip --output cells
    """
    _run(detect_run, settings)


@detect.command("score")
@settings_command(ScoreSettings, argument="detections", metavar="CELLS", presets=SCORE_PRESETS)
def detect_score(settings: ScoreSettings) -> None:
    """Score detected cells against polygons of known mines.

    CELLS is the cells.gpkg that detect run wrote, or any file of square cells with a column
    "probability".

    Example: minewatch detect score cells/cells.gpkg --reference mines.geojson
    """
    _run(score_run, settings)


@app.command()
def report(
    path: Annotated[
        str, typer.Argument(help="any result of a finished run, or its folder", metavar="FILE")
    ],
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance", help="tell all settings, versions, inputs and what was left out"
        ),
    ] = False,
) -> None:
    """Tell what a run left, whether it is still as written, and where it came from.

    FILE is any result of a finished run (a map, a table, a store), or its folder.

    Example: minewatch report --provenance pit-2024/activity.tif
    """
    show(console, report_run(path, provenance=provenance))


@app.command()
@settings_command(RerunSettings, argument="file", metavar="FILE", toml=False)
def rerun(settings: RerunSettings) -> None:
    """Make a run again from its record, and tell what comes out the same.

    FILE is any result of a finished run, its run.toml or its folder.

    Example: minewatch rerun pit-2024 --output pit-again
    """
    _run(rerun_run, settings)


app.add_typer(plans(lambda run, settings: _run(run, settings)), name="plan")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="where the world is written")],
    kind: Annotated[
        Kind, typer.Option(help="a district seen by five sensors, or one pit through five seasons")
    ] = "district",
    seed: Annotated[int, typer.Option(help="another seed, another world")] = 42,
    size: Annotated[
        int | None, typer.Option(help="rows of 10 m; 384 for a district, 240 for a pit")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace what is in the folder already")
    ] = False,
) -> None:
    """Write a simulated world as files: radar images, catalogue, polygons, tables."""
    with bars(console) as notify:
        result = simulate_run(
            folder, kind=kind, seed=seed, size=size, overwrite=overwrite, notify=notify
        )
    show(console, result)


@app.command()
def info(
    path: Annotated[
        str | None, typer.Argument(help="a Zarr store, a raster or a STAC catalogue to describe")
    ] = None,
) -> None:
    """Tell versions, extras and this machine; or what a store, raster or catalogue holds."""
    show(console, describe(path))


def _run(run: Any, settings: Any) -> None:
    with bars(console) as notify:
        result = run(settings, notify=notify)
    show(console, result)


def main() -> None:
    """Run the command line; an error a person can mend is one line, not a traceback."""
    arguments = [one for one in sys.argv[1:] if one != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    warnings.showwarning = _tell_warning
    try:
        raise SystemExit(app(arguments, standalone_mode=False) or 0)
    except typer.Abort:
        raise SystemExit(130) from None
    except USAGE as error:
        _tell_usage(error)
        raise SystemExit(2) from None
    except MISTAKES as error:
        if debug:
            raise
        _stderr().print(f"[red]error:[/red] {escape(one_line(error))}", highlight=False)
        _stderr().print("[dim]add --debug to see where[/dim]")
        raise SystemExit(1) from None


def _tell_usage(error: Any) -> None:
    """One line, as every other mistake, but for a command without anything: its help is shown."""
    text, context = error.format_message(), getattr(error, "ctx", None)
    if not text and context is not None:
        _stderr().print(context.get_help())
        return
    name = "minewatch" if context is None else context.command_path
    text = text.replace("Value error, ", "").rstrip(".")
    _stderr().print(f"[red]error:[/red] {escape(text)}; see {name} --help", highlight=False)


def _stderr() -> Console:
    return Console(stderr=True, soft_wrap=True)


def _tell_warning(message: Warning | str, *_: object, **__: object) -> None:
    _stderr().print(f"[yellow]warning:[/yellow] {escape(str(message))}", highlight=False)
