"""Learning from labels that are often wrong, as those that an optical map gives a radar map.

An optical teacher labels the ground on a clear day; a student that sees radar alone learns from it,
and maps when it is cloudy. The teacher errs, so its labels are chosen and cleaned first.
"""

from __future__ import annotations

from minewatch.learn.noisy.confident_learning import LabelNoise, label_noise
from minewatch.learn.noisy.pseudo_labels import certainty, pseudo_label
from minewatch.learn.noisy.students import fit_student

__all__ = ["pseudo_label", "certainty", "label_noise", "LabelNoise", "fit_student"]
