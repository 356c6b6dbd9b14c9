"""What a run will read, hold, write and take, told before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.detecting_settings import DetectSettings, DetectTrainSettings
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, quiet
from minewatch.workflows.planning_activity import plan_activity
from minewatch.workflows.planning_detecting import plan_detect, plan_teach
from minewatch.workflows.planning_mapping import plan_map
from minewatch.workflows.planning_plans import Plan, workers_of
from minewatch.workflows.planning_probes import ActivityRates
from minewatch.workflows.planning_rates import Rates
from minewatch.workflows.planning_settings import PlanSettings
from minewatch.workflows.planning_updates import plan_update
from minewatch.workflows.updating import UpdateSettings

__all__ = ["Plan", "PlanSettings", "plan", "plan_run"]

PLANNED: dict[type[Any], tuple[Any, tuple[type, ...], str]] = {
    ActivitySettings: (plan_activity, (ActivityRates,), "ActivityRates"),
    MappingSettings: (plan_map, (Rates, str, Path), "Rates, or the folder of an earlier map"),
    UpdateSettings: (plan_update, (ActivityRates,), "ActivityRates"),
    DetectSettings: (plan_detect, (float,), "seconds for a pixel of a date"),
    DetectTrainSettings: (plan_teach, (float,), "seconds for a pixel of a date"),
}
"""Settings of a run → what plans it, the rates that it knows, and what they are."""


def plan(
    settings: Any,
    *,
    rate: Rates | ActivityRates | float | str | Path | None = None,
    notify: Notify = quiet,
) -> Plan:
    """Say what a run will take, by the kind of its settings.

    Search, grid and pairs are those of the run; its graph is drawn and its tasks are counted (of a
    large map those of a part, and scaled). Memory is a model of what is alive at once, meant to be
    enough and at most 1.6 times what is needed. Time is from a rate that is measured on this
    machine.

    Of a map catalogue and polygons are read, and no image: bytes come from what items say of their
    files, the rate from a simulated scrap of land. Of all others headers are opened, and a block of
    the input is run through.

    Parameters
    ----------
    settings : ActivitySettings, UpdateSettings, MappingSettings, …
        The run.
    rate : Rates, ActivityRates, float or path-like, optional
        How fast it goes (of a detector, seconds for a pixel of a date), or the folder of an earlier
        map made on such a machine; measured, or known from an earlier measurement, if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        Its ``summary`` is for people, ``write`` for programs.

    Raises
    ------
    TypeError
        If they are no settings of a run that can be planned, or the rate is one of another run.
    ValueError
        If a setting makes no sense or nothing is found.
    FileNotFoundError
        If the input, the reference or the catalogue is not there.

    See Also
    --------
    activity_run, mapping_run : do it.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> plan(MappingSettings(catalog="https://example.org", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    for kind, (planned, rates, meant) in PLANNED.items():
        if isinstance(settings, kind):
            if rate is not None and not isinstance(rate, rates):
                message = f"rate is {meant}, got {rate!r}; leave it out to measure it"
                raise TypeError(message)
            workers_of(settings.cluster)  # refuses what is none before anything is measured
            made: Plan = planned(settings, rate=rate, notify=notify)
            return made
    known = ", ".join(kind.__name__ for kind in PLANNED)
    message = f"plan knows no run of {type(settings).__name__}; give one of {known}"
    raise TypeError(message)


def plan_run(settings: Any, *, notify: Notify = quiet) -> Result:
    """Plan a run as the command line shows it.

    Parameters
    ----------
    settings : PlanSettings
        The run, with ``json`` and, of a map, ``rate``.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Summary and, if asked for, the file.

    See Also
    --------
    plan : the same as an object.

    Examples
    --------
    >>> plan_run(PlanSettings(catalog="https://example.org", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    if settings.json is not None and not Path(settings.json).resolve().parent.is_dir():
        message = f"{settings.json} is in no folder that there is; make it first"
        raise FileNotFoundError(message)
    if settings.json is not None and Path(settings.json).is_dir():
        message = f"{settings.json} is a folder; give the name of a file, e.g. plan.json"
        raise IsADirectoryError(message)
    rate = settings.rate if isinstance(settings, PlanSettings) else None
    found = plan(settings, rate=rate, notify=notify)
    if settings.json is None:
        return Result(Path.cwd(), found.summary, {})
    path = found.write(settings.json).resolve()
    return Result(path.parent, found.summary, {"all numbers of the plan": path})
