"""Runs: what one is, how a sweep is planned, and the keys that runs and checkpoints are filed under."""

import dataclasses
import operator
from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from .. import data, tasks
from ..conditions import CONDITIONS, check_condition
from ..profiles import Profile, content, current, get, locate
from ..pruning import check_sparsity
from .store import digest


@dataclass(frozen=True)
class Run:
    """One run: a condition at a sparsity, fine-tuned on a task with a seed and a learning rate.

    Parameters
    ----------
    condition : str
        One of `helpers.conditions.CONDITIONS`.
    task : str
        A GLUE task's name, such as "cola".
    sparsity : float
        In [0, 1); 0 for the conditions that prune nothing.
    seed : int
    learning_rate : float, optional
        Of fine-tuning; default the profile's first.
    profile : helpers.profiles.Profile or str, optional
        Default the current one.

    Raises
    ------
    ValueError, TypeError
        If a value is none that the run could take; the message lists the valid ones.
    """

    condition: str
    task: str
    sparsity: float = 0.0
    seed: int = 0
    learning_rate: float | None = None
    profile: Profile | None = None

    def __post_init__(self):
        check_condition(self.condition)
        tasks.check_task(self.task)
        profile = get(self.profile) if isinstance(self.profile, str) else self.profile or current()
        rate = profile.learning_rates[0] if self.learning_rate is None else self.learning_rate
        sparsity = check_sparsity(self.sparsity)
        if sparsity and not CONDITIONS[self.condition].prunes:
            raise ValueError(
                f"the condition {self.condition!r} prunes nothing; its sparsity must be 0, "
                f"got {self.sparsity!r}"
            )
        # numpy's numbers become Python's, so that they give the same key
        values = {
            "profile": profile,
            "sparsity": sparsity,
            "seed": operator.index(self.seed),
            "learning_rate": float(rate),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def key(self):
        """What the run store files this run under: the same for the same values, model and data."""
        name = f"{self.condition}-{self.sparsity:g}-{self.task}-{self.seed}"
        return f"{name}-{digest(self._depends_on())}"

    def _depends_on(self):
        profile = self.profile
        return {
            "learning_rate": self.learning_rate,
            "profile": profile.name,
            "pretraining": _with_content(profile),
            "fine_tuning": dataclasses.asdict(profile.fine_tuning),
            "task": data.task_content(profile, self.task),
        }


Checkpoint = namedtuple("Checkpoint", "kind sparsity seed key burn_in_key")


def checkpoint_of(run):
    """The checkpoint that a run fine-tunes, or None if its condition has no pre-training.

    Returns
    -------
    Checkpoint or None
        ``kind`` ("gradual" or "random"), ``sparsity``, ``seed``, and the keys that the store files it and the
        burned-in model under.
    """
    condition = CONDITIONS[run.condition]
    if condition.pretraining == "no pre-training":
        return None
    sparsity = run.sparsity if condition.prunes_pretraining else 0.0
    kind = "random" if condition.pretraining == "random" and sparsity else "gradual"
    part = run.profile.pretraining
    seed = run.seed if part.seed is None else part.seed
    values = _with_content(run.profile)
    key = f"{kind}-{sparsity:g}-{seed}-{digest(values)}"
    # the same for all that start from one checkpoint, however it is pruned
    before = {
        k: v for k, v in values.items() if k not in ("steps", "ramp_steps", "frequency", "seed")
    }
    return Checkpoint(kind, sparsity, seed, key, f"burn-in-{digest(before)}")


def _with_content(profile):
    """All values that MLM training depends on: the whole part, and what its model and its text hold."""
    model, text = content(locate(profile.model)), data.text_content(profile)
    return dataclasses.asdict(profile.pretraining) | {"model_content": model, "text_content": text}


def plan(conditions, sparsities, tasks, seeds, learning_rates=None, profile=None):
    """The runs of a sweep: every combination, each unpruned condition once for each task and seed.

    All values are checked before anything is run.

    Parameters
    ----------
    conditions, sparsities, tasks, seeds : iterable
    learning_rates : iterable of float, optional
        Default: the profile's.
    profile : helpers.profiles.Profile, optional
        Default: the current one.

    Returns
    -------
    list of Run
    """
    profile = profile or current()
    runs = {}
    for condition in map(check_condition, conditions):
        for sparsity in sparsities if CONDITIONS[condition].prunes else [0.0]:
            for task in tasks:
                for seed in seeds:
                    for rate in learning_rates or profile.learning_rates:
                        run = Run(condition, task, sparsity, seed, rate, profile)
                        runs[run.key] = run
    return list(runs.values())


def tell(runs, store):
    """How much work runs are, in words: runs, checkpoints, steps, and what is done already.

    Parameters
    ----------
    runs : list of Run
    store : helpers.lab.store.RunStore

    Returns
    -------
    str
    """
    todo = [run for run in runs if store.read(run.key) is None]
    steps, burn_ins = {}, {}
    for run in todo:
        if checkpoint := checkpoint_of(run):
            steps[checkpoint.key] = run.profile.pretraining.steps
            burn_ins[checkpoint.burn_in_key] = run.profile.pretraining.burn_in_steps
    fine_tuned = [run for run in todo if run.condition != "majority"]
    epochs = sum(
        int(np.sum(run.profile.fine_tuning.epochs_for(run.condition, run.sparsity)))
        for run in fine_tuned
    )
    return (
        f"{len(runs)} runs, {len(runs) - len(todo)} of them done. To do: {len(steps)} checkpoints with "
        f"{sum(steps.values()) + sum(burn_ins.values()):,} MLM steps in all, as far as they are not in "
        f"{store.folder} yet, and {len(fine_tuned)} fine-tunings with {epochs:,} epochs in all."
    )
