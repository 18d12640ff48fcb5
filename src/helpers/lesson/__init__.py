"""What makes it a course: exercises, predictions, widgets, the board of claims.

A notebook opens with ``course = lesson.start()``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .. import claims as claims
from .. import machine, plots, profiles
from .saying import say

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


__all__ = ["Course", "say", "start"]


@dataclass(frozen=True)
class Course:
    """What a notebook works with.

    Attributes
    ----------
    profile : helpers.profiles.Profile
    store : str
        The folder of the run store, beside the notebooks.
    """

    profile: profiles.Profile
    store: str = "runs"

    @property
    def jobs(self) -> int:
        """Runs side by side in a notebook's sweeps: two where there are cores and memory for two.

        More would be faster on a large machine, and too many where a class shares it.
        ``OMP_NUM_THREADS=1`` makes it one.
        """
        return min(2, machine.cores(), max(1, machine.free_memory_mb() // 1_500))

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of the profile's model."""
        from .. import data

        return data.load_tokenizer(self.profile.model)

    def load_model(self) -> PreTrainedModel:
        """The profile's pre-trained model with its MLM head, loaded anew each time."""
        from .. import data, training

        where = profiles.locate(self.profile.model)
        return data.load(self.profile.model, lambda: training.load_mlm(where)).eval()


def start(**changes) -> Course:
    """Set the course's look for figures, and say what the notebook works with.

    Parameters
    ----------
    **changes
        Other values of the profile, as for `helpers.profiles.current`.

    Returns
    -------
    Course
    """
    plots.use_style()
    return Course(profiles.current(**changes))
