"""Runs: what one is, how a sweep is planned, and the keys that they are filed under."""

import dataclasses
import json
from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .. import data, tasks
from ..checks import check_profile
from ..conditions import CONDITIONS, check_condition
from ..profiles import FineTuning, Pretraining, Profile, content, current, get, locate
from ..pruning import check_sparsity
from ..suit import warn_outside
from ..tasks import Task, with_own
from .store import digest
from .values import check_learning_rate, check_ramp, check_seed, check_task_of, check_values


@dataclass(frozen=True)
class Run:
    """One run: a condition at a sparsity, fine-tuned on a task with a seed and a learning rate.

    Parameters
    ----------
    condition : str
        One of `helpers.conditions.CONDITIONS`.
    task : str or helpers.tasks.Task
        A GLUE task's name, such as "cola"; or a task of your own, from `helpers.own.describe`. Then
        the profile holds its description, and this is its name.
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
        profile = get(self.profile) if isinstance(self.profile, str) else self.profile or current()
        profile = tasks.with_own(profile, self.task)
        rate = profile.learning_rates[0] if self.learning_rate is None else self.learning_rate
        # 0.1 * 3 is meant as 0.3
        sparsity = round(check_sparsity(self.sparsity), 9)
        if sparsity and not CONDITIONS[self.condition].prunes:
            raise ValueError(
                f"the condition {self.condition!r} prunes nothing; its sparsity must be 0, "
                f"got {self.sparsity!r}"
            )
        # numpy's numbers become Python's, so that they give the same key
        values = {
            "profile": profile,
            "task": tasks.get(self.task, profile).name,
            "sparsity": sparsity,
            "seed": check_seed(self.seed),
            "learning_rate": check_learning_rate(rate),
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


def from_record(values: dict) -> Run:
    """The run that a store's record describes (``record["run"]``), with its own profile.

    Raises
    ------
    ValueError
        If an earlier version filed it, whose profiles had no parts.
    """
    profile = values["profile"]
    if not isinstance(profile.get("pretraining"), dict):
        raise ValueError(
            "a run of an earlier version, whose profile has no parts, cannot be read; judge its "
            "results.csv"
        )
    parts = {"pretraining": Pretraining, "fine_tuning": FineTuning}
    rest = {name: as_tuples(value) for name, value in profile.items() if name not in parts}
    own = tuple(
        Task(**{name: as_tuples(value) for name, value in task.items()})
        for task in profile.get("own_tasks", ())
    )
    read = {
        name: kind(**{field: as_tuples(value) for field, value in profile[name].items()})
        for name, kind in parts.items()
    }
    return Run(**values | {"profile": Profile(**rest | read | {"own_tasks": own})})


def as_tuples(value):
    """Lists of JSON or TOML, within one another, as tuples."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


Checkpoint = namedtuple("Checkpoint", "kind sparsity seed key burn_in_key")


def checkpoint_of(run):
    """The checkpoint that a run fine-tunes, or None if its condition has no pre-training.

    Returns
    -------
    Checkpoint or None
        ``kind`` ("gradual" or "random"), ``sparsity``, ``seed``, and the keys that the store files
        it and the burned-in model under.
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
    """All values that MLM training depends on: the whole part, and what model and text hold."""
    model, text = content(locate(profile.model)), data.text_content(profile)
    return dataclasses.asdict(profile.pretraining) | {"model_content": model, "text_content": text}


def plan(
    conditions: Iterable[str],
    sparsities: Iterable[float],
    tasks: Iterable[str | Task],
    seeds: Iterable[int],
    learning_rates: Iterable[float] | None = None,
    profile: Profile | None = None,
) -> list[Run]:
    """The runs of a sweep: every combination, each unpruned condition once for each task and seed.

    All values are checked before anything is run, those of the profile as well.

    Parameters
    ----------
    conditions, sparsities, tasks, seeds : iterable
        Tasks are names of GLUE's, or descriptions from `helpers.own.describe`.
    learning_rates : iterable of float, optional
        Default: the profile's.
    profile : helpers.profiles.Profile, optional
        Default: the current one.

    Returns
    -------
    list of Run

    Raises
    ------
    ValueError, TypeError
        If a value is none that a run could take, or there is nothing to run.
    """
    profile = profile or current()
    check_values(profile)
    check_ramp(profile)
    check_profile(profile)
    conditions, sparsities, tasks, seeds = map(list, (conditions, sparsities, tasks, seeds))
    rates = list(profile.learning_rates if learning_rates is None else learning_rates)
    warn_outside(profile.replace(learning_rates=tuple(rates)))
    for task in tasks:
        profile = with_own(profile, task)
    tasks = [check_task_of(profile, task) for task in tasks]
    runs = {}
    for condition in map(check_condition, conditions):
        for sparsity in sparsities if CONDITIONS[condition].prunes else [0.0]:
            for task in tasks:
                for seed in seeds:
                    for rate in rates:
                        run = Run(condition, task, sparsity, seed, rate, profile)
                        runs[run.key] = run
    if not runs:
        raise ValueError(
            "there is nothing to run: give at least one condition, task, seed and learning rate, "
            "and a sparsity for the conditions that prune"
        )
    return list(runs.values())


def superseded(runs, store):
    """Finished runs that differ from these in what model or data held, or in the course's version.

    Parameters
    ----------
    runs : iterable of Run
    store : helpers.lab.store.RunStore

    Returns
    -------
    list of str
        Their keys. The store keeps them, but their numbers are not those of what is here now.
    """
    by_name = {}
    for key in store.keys():
        by_name.setdefault(key.rpartition("-")[0], []).append(key)
    found = {}
    for run in runs:
        for key in by_name.get(run.key.rpartition("-")[0], ()):
            if key != run.key and key not in found:
                record = store.read(key)
                if record and _same_configuration(record["run"], run):
                    found[key] = True
    return list(found)


def _same_configuration(filed, run):
    """Whether a filed run has the values of this one, whatever its model and its data hold."""
    ours = json.loads(json.dumps(dataclasses.asdict(run)))
    theirs = filed["profile"]
    # earlier versions had no parts
    parts = [part for part in ("pretraining", "fine_tuning") if part in theirs]
    return (
        filed["learning_rate"] == ours["learning_rate"]
        and theirs["name"] == run.profile.name
        and all(theirs[part] == ours["profile"][part] for part in parts)
    )


def tell(runs: list[Run], store) -> str:
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
    fine_tuned = [run for run in todo if CONDITIONS[run.condition].trains]
    epochs = sum(
        int(np.sum(run.profile.fine_tuning.epochs_for(run.condition, run.sparsity)))
        for run in fine_tuned
    )
    told = (
        f"{len(runs)} runs, {len(runs) - len(todo)} of them done. To do: {len(steps)} checkpoints "
        f"with {sum(steps.values()) + sum(burn_ins.values()):,} MLM steps in all, as far as they "
        f"are not in {store.folder} yet, and {len(fine_tuned)} fine-tunings with {epochs:,} "
        "epochs in all."
    )
    old = superseded(todo, store)
    return f"{told} {tell_superseded(old, store)}" if old else told


def tell_superseded(keys: list[str], store) -> str:
    """What is said of old runs: how many, where they are, and why they are not used."""
    which = "1 finished run has" if len(keys) == 1 else f"{len(keys)} finished runs have"
    return (
        f"{which} the same settings, but came from another model, other data or an earlier version "
        f"of the course. What stands in {store.folder / 'runs'} stays there. It is not used, "
        "because what is here now may give other numbers; the runs are made anew."
    )
