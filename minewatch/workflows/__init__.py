"""Whole runs: from a folder or a catalogue to maps, tables and a page that explains them.

Each run is described by one frozen dataclass of settings, which is also its TOML file and its
command line, and leaves everything in one folder.
"""

from __future__ import annotations

from minewatch.workflows.activity import PRESETS, ActivitySettings, activity_run
from minewatch.workflows.demo import DemoSettings, demo_run
from minewatch.workflows.detecting import detect_run
from minewatch.workflows.detecting_scoring import score_run
from minewatch.workflows.detecting_settings import (
    DETECT_PRESETS,
    SCORE_PRESETS,
    DetectSettings,
    DetectTrainSettings,
    ScoreSettings,
)
from minewatch.workflows.detecting_training import detect_train_run
from minewatch.workflows.info import describe
from minewatch.workflows.mapping import mapping_run
from minewatch.workflows.mapping_ablation import AblationSettings, ablation_run
from minewatch.workflows.mapping_areas import AreaSettings, area_run
from minewatch.workflows.mapping_settings import MAP_PRESETS, MappingSettings
from minewatch.workflows.outputs import Notify, Result
from minewatch.workflows.planning import Plan, PlanSettings, plan, plan_run
from minewatch.workflows.planning_settings import (
    ActivityPlanSettings,
    DetectPlanSettings,
    DetectTrainPlanSettings,
    UpdatePlanSettings,
)
from minewatch.workflows.reporting import report_run
from minewatch.workflows.rerunning import RerunSettings, rerun_run
from minewatch.workflows.settings import read_settings, write_settings
from minewatch.workflows.updating import UpdateSettings, update_run
from minewatch.workflows.worlds import simulate_run

__all__ = [
    "PRESETS",
    "AblationSettings",
    "ActivityPlanSettings",
    "ablation_run",
    "ActivitySettings",
    "activity_run",
    "AreaSettings",
    "area_run",
    "DemoSettings",
    "demo_run",
    "describe",
    "DETECT_PRESETS",
    "detect_run",
    "detect_train_run",
    "DetectPlanSettings",
    "DetectSettings",
    "DetectTrainPlanSettings",
    "DetectTrainSettings",
    "MAP_PRESETS",
    "MappingSettings",
    "mapping_run",
    "Notify",
    "Plan",
    "plan",
    "plan_run",
    "PlanSettings",
    "read_settings",
    "report_run",
    "rerun_run",
    "RerunSettings",
    "Result",
    "SCORE_PRESETS",
    "score_run",
    "ScoreSettings",
    "simulate_run",
    "update_run",
    "UpdatePlanSettings",
    "UpdateSettings",
    "write_settings",
]
