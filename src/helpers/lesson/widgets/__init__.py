"""Widgets: controls, a figure and a sentence that says what it shows.

`live` has those that carry out runs; it is imported by itself, since it needs the lab.
"""

from .base import Explorer, TextExplorer, choice, offered, sparsity_slider
from .matrices import (
    bert_forgets,
    mask_overlap,
    schedule_explorer,
    sensitivity_map,
    threshold_explorer,
)
from .results import cost_calculator, results_explorer

__all__ = [
    "Explorer",
    "TextExplorer",
    "bert_forgets",
    "choice",
    "cost_calculator",
    "mask_overlap",
    "offered",
    "results_explorer",
    "schedule_explorer",
    "sensitivity_map",
    "sparsity_slider",
    "threshold_explorer",
]
