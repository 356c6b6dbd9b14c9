"""What is told to `minewatch plan`: the settings of a run, and where all numbers go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.detecting_settings import DetectSettings, DetectTrainSettings
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.settings import option
from minewatch.workflows.updating import UpdateSettings

__all__ = [
    "ActivityPlanSettings",
    "DetectPlanSettings",
    "DetectTrainPlanSettings",
    "PlanSettings",
    "UpdatePlanSettings",
]

JSON = "file for all numbers of the plan"


@dataclass(frozen=True)
class PlanSettings(MappingSettings):
    """The settings of a map, and what is told of it before."""

    json: str | None = option(None, JSON, path=True)
    rate: str | None = option(
        None, "folder of an earlier map made here, whose rate is taken", path=True
    )


@dataclass(frozen=True)
class ActivityPlanSettings(ActivitySettings):
    """The settings of a map of activity, and what is told of it before."""

    looks: Literal["20x4", "10x2", "5x1"] = option(
        "20x4", "of HyP3's jobs, where the input is a list of scenes: pixels of 80, 40 or 20 m"
    )
    json: str | None = option(None, JSON, path=True)


@dataclass(frozen=True)
class UpdatePlanSettings(UpdateSettings):
    """The settings of an update, and what is told of it before."""

    json: str | None = option(None, JSON, path=True)


@dataclass(frozen=True)
class DetectPlanSettings(DetectSettings):
    """The settings of a search for mines, and what is told of it before."""

    json: str | None = option(None, JSON, path=True)


@dataclass(frozen=True)
class DetectTrainPlanSettings(DetectTrainSettings):
    """The settings of a detector that is taught, and what is told of it before."""

    json: str | None = option(None, JSON, path=True)
