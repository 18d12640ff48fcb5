"""Widgets: controls, a figure and a sentence that says what it shows."""

from .base import choice, sparsity_slider
from .matrices import (
    bert_forgets,
    mask_overlap,
    schedule_explorer,
    sensitivity_map,
    threshold_explorer,
)
from .results import cost_calculator, results_explorer

__all__ = [
    "bert_forgets",
    "choice",
    "cost_calculator",
    "mask_overlap",
    "results_explorer",
    "schedule_explorer",
    "sensitivity_map",
    "sparsity_slider",
    "threshold_explorer",
]
