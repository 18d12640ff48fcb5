"""How long runs will take here: a few steps of each kind are measured, the rest is arithmetic.

Also the range test, which chooses a learning rate by a minute of fine-tuning.
"""

import dataclasses
import math
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from transformers import TrainerCallback, set_seed

from .. import data, machine, paper, profiles, tasks
from ..checks import check_vocabulary
from ..conditions import CONDITIONS
from ..profiles import Profile
from ..pruning import prunable_parameters
from ..tasks import Task
from ..training import (
    MagnitudePruning,
    fine_tune,
    load_classifier,
    load_mlm,
    predict,
    quiet,
    steps_of,
    train_mlm,
)
from .recipes import ROUNDS
from .runs import Run, checkpoint_of

WARM_UP, STEPS = 2, 10  # steps that are left out, and that are measured
ROWS = 256  # that are predicted
HELD_OUT = 2_000  # blocks of text on which each checkpoint's MLM loss is measured
BACKWARD = 3  # a step of training costs about three forward passes
LOOK = 300  # MLM steps of a first look


class Timer(TrainerCallback):
    """Seconds a step, the first ones left out."""

    def __init__(self):
        self.began, self.seconds = 0.0, float("nan")

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == WARM_UP:
            self.began = time.perf_counter()
        elif state.global_step == WARM_UP + STEPS:
            self.seconds = (time.perf_counter() - self.began) / STEPS


@dataclasses.dataclass(frozen=True)
class Costs:
    """What was measured with one profile's model.

    Attributes
    ----------
    mlm_step : float
        Seconds.
    tuning_step, row : dict of str to float
        Seconds a step of fine-tuning and a predicted row, by task.
    rows : dict of str to (int, int)
        By task, training rows, and rows of both splits.
    memory, checkpoint, work : int
        Bytes: the most that was held, those of a pruned checkpoint, and those that a training keeps
        on disk to resume from.
    """

    mlm_step: float
    tuning_step: dict
    row: dict
    rows: dict
    memory: int
    checkpoint: int
    work: int


def measure_costs(profile: Profile, names: list[str], mlm: bool = True) -> Costs:
    """Train a few steps of each kind with a profile's model and values.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    names : list of str
        Of the tasks.
    mlm : bool
        Whether MLM training is among what is to be done.

    Returns
    -------
    Costs
    """
    values, tuning, timer = profile.pretraining, profile.fine_tuning, Timer()
    tokenizer, where = data.load_tokenizer(profile.model), profiles.locate(profile.model)
    step, row, rows = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")  # the runs themselves will say it
        model = data.load(profile.model, lambda: load_mlm(where))
        parameters = sum(weight.numel() for weight in model.parameters())
        prunable = sum(weight.numel() for weight in prunable_parameters(model).values())
        if mlm:
            train_mlm(
                model,
                tokenizer,
                _blocks(tokenizer, values.max_length, values.batch * (WARM_UP + STEPS)),
                steps=WARM_UP + STEPS,
                batch_size=values.batch,
                learning_rate=values.learning_rate,
                mlm_probability=values.mlm_probability,
                pruning=MagnitudePruning(0.5, end=STEPS, frequency=values.frequency),
                output_dir=Path(folder) / "mlm",
                callbacks=[timer],
                **dict(values.options),
            )
        for name in names:
            task = tasks.get(name, profile)
            examples = data.load_task(profile, task)
            train = examples["train"]
            several = dict(tuning.options).get("gradient_accumulation_steps", 1)
            few = train.select(range(min(len(train), tuning.batch * several * (WARM_UP + STEPS))))
            classifier, of_task = load_classifier(where, task.labels), Timer()
            fine_tune(
                classifier,
                tokenizer,
                few,
                epochs=math.ceil((WARM_UP + STEPS) / steps_of(len(few), 1, tuning.batch, several)),
                batch_size=tuning.batch,
                learning_rate=LOWEST,
                output_dir=Path(folder) / name,
                callbacks=[of_task],
                **dict(tuning.options),
            )
            some = train.select(range(min(ROWS, len(train))))
            began = time.perf_counter()
            predict(classifier, tokenizer, some)
            row[name] = (time.perf_counter() - began) / len(some)
            step[name] = of_task.seconds
            rows[name] = len(train), len(train) + len(examples["validation"])
    memory = machine.peak_memory_mb() * 10**6
    if torch.cuda.is_available():
        memory = torch.cuda.max_memory_allocated()
    # the Trainer keeps two: weights, two moments each, the values under the masks, the masks
    work = 2 * (3 * 4 * parameters + 5 * prunable)
    checkpoint = 4 * parameters + prunable
    return Costs(timer.seconds, step, row, rows, memory, checkpoint, work)


def _blocks(tokenizer, length, count):
    """Blocks of random words, which cost what real ones do."""
    ids = np.random.default_rng(0).integers(len(tokenizer), size=(count, length))
    ids[:, 0], ids[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
    ends = np.zeros_like(ids)
    ends[:, [0, -1]] = 1
    columns = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "special_tokens_mask": ends,
    }
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = np.zeros_like(ids)
    return Dataset.from_dict({name: values.tolist() for name, values in columns.items()})


def epochs_of(run: Run) -> int:
    """Epochs of fine-tuning that a run takes in all; the lottery trains anew in each round."""
    epochs = run.profile.fine_tuning.epochs_for(run.condition, run.sparsity)
    if run.condition == "lottery":
        return (ROUNDS + 1) * epochs[1]
    return int(np.sum(epochs))


def seconds_of(runs: list[Run], costs: Costs, store) -> float:
    """How long runs take one after the other, with the checkpoints that the store lacks.

    Parameters
    ----------
    runs : list of helpers.lab.runs.Run
    costs : Costs
        Of their tasks, as measured.
    store : helpers.lab.store.RunStore

    Returns
    -------
    float
        Seconds.
    """
    total, needed = 0.0, {}
    for run in runs:
        tuning = run.profile.fine_tuning
        if not CONDITIONS[run.condition].trains:
            continue
        train, both = costs.rows[run.task]
        accumulation = dict(tuning.options).get("gradient_accumulation_steps", 1)
        steps = steps_of(train, 1, tuning.batch, accumulation) * epochs_of(run)
        total += steps * costs.tuning_step[run.task] + both * costs.row[run.task]
        checkpoint = checkpoint_of(run)
        if checkpoint and not store.has_checkpoint(checkpoint.key):
            values = run.profile.pretraining
            needed[checkpoint.key] = values.steps, values.batch
            needed[checkpoint.burn_in_key] = values.burn_in_steps, values.batch
    for key, (steps, batch) in needed.items():
        if steps and not store.has_checkpoint(key):
            total += _mlm_steps(steps, batch) * costs.mlm_step
    return total


def _mlm_steps(steps, batch):
    """Steps of training and, counted as such, the loss on held-out text after them."""
    return steps + HELD_OUT / batch / BACKWARD


def tell_costs(runs: list[Run], store, jobs: int = 1) -> list[str]:
    """Hours, memory and disk of runs on this machine, and of what of them decides which claim.

    Parameters
    ----------
    runs : list of helpers.lab.runs.Run
        Of one profile.
    store : helpers.lab.store.RunStore
        What it has already is not counted.
    jobs : int
        Processes that share the machine.

    Returns
    -------
    list of str
        Lines.
    """
    todo = [run for run in runs if store.read(run.key) is None]
    if not todo:
        return ["Nothing is left to do."]
    profile = todo[0].profile
    trained = [run for run in todo if CONDITIONS[run.condition].trains]
    names = list(dict.fromkeys(run.task for run in todo))
    lines = [check_vocabulary(profile, name) for name in names if tasks.get(name, profile).data]
    if not trained:
        return [*lines, "No model is trained, so it takes seconds."]
    checkpoints = {c.key for run in trained if (c := checkpoint_of(run))}
    keys = {key for key in checkpoints if not store.has_checkpoint(key)}
    costs = measure_costs(profile, list(dict.fromkeys(r.task for r in trained)), bool(keys))
    each = ", ".join(f"{1e3 * s:,.0f} ms on {tasks.title(t)}" for t, s in costs.tuning_step.items())
    mlm = f"a step of MLM training takes {1e3 * costs.mlm_step:,.0f} ms, " if keys else ""
    lines.append(f"Measured here, {STEPS} steps of each kind: {mlm}a step of fine-tuning {each}.")
    whole = seconds_of(todo, costs, store)
    shared = f", with --jobs {jobs} at best {_hours(whole / jobs)}" if jobs > 1 else ""
    every = f"All {len(todo)} runs" if len(todo) > 1 else "The run"
    lines.append(
        f"{every}: about {_hours(whole)}{shared}; more, if the machine does something else "
        "meanwhile. Text that must be fetched and tokenised first comes on top."
    )
    tuning = seconds_of(todo, dataclasses.replace(costs, mlm_step=0.0), store)
    if profile.pretraining.steps > LOOK and tuning < whole / 2:
        steps = _mlm_steps(LOOK, profile.pretraining.batch) * (len(keys) + 1)
        lines.append(
            f"{1 - tuning / whole:.0%} of that is MLM training. For a first look shorten it: --set "
            f"steps={LOOK} ramp_steps={LOOK // 2} burn_in_steps={LOOK}, about "
            f"{_hours(tuning + steps * costs.mlm_step)}. Take its shape, and not its numbers."
        )
    kind = "GPU memory" if torch.cuda.is_available() else "memory"
    kept = len(keys) * costs.checkpoint
    working = jobs * costs.work if profile.checkpoint_every else 0
    free = shutil.disk_usage(store.folder).free
    lines.append(
        f"About {_bytes(costs.memory)} of {kind} for each process; {_bytes(kept)} of disk for "
        f"{len(keys)} checkpoint{'s' * (len(keys) != 1)}, {_bytes(working)} more while training; "
        f"{_bytes(free)} are free in {store.folder}."
    )
    if kept + working > free:
        lines.append("That is more than there is: take another --out, or less sparsities or seeds.")
    for words, some in _subsets(todo):
        lines.append(f"  {words}: {len(some)} runs, {_hours(seconds_of(some, costs, store))}")
    return lines


def _subsets(runs):
    """Parts of a sweep that answer something by themselves, each with its words."""
    seeds = sorted({run.seed for run in runs})
    if len(seeds) > 1:
        yield "the first seed alone", [run for run in runs if run.seed == seeds[0]]
    needed = {}
    for number, claim in paper.claims().dropna(subset="conditions").iterrows():
        wanted = claim.conditions.split()
        some = [run for run in runs if run.condition in wanted and _is_between(run, claim)]
        if number == 6 and len({run.task for run in runs}) < 2:
            continue  # it compares two tasks
        if {run.condition for run in some} == set(wanted) and any(run.sparsity for run in some):
            needed.setdefault(tuple(run.key for run in some), (some, []))[1].append(str(number))
    for some, numbers in needed.values():
        several = len(numbers) > 1
        yield f"claim{'s' * several} {', '.join(numbers)} need{'s' * (not several)}", some


def _is_between(run, claim):
    prunes = CONDITIONS[run.condition].prunes
    return not prunes or claim.least - 1e-9 <= run.sparsity <= claim.most + 1e-9


def _hours(seconds):
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3_600:.1f} hours"


def _bytes(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


TESTED, LOWEST, HIGHEST = 60, 1e-6, 1e-2  # steps of the range test, and its rates
BELOW = 3  # the rate that is taken lies by this factor below the one where the loss is lowest


class RisingRate(TrainerCallback):
    """Raises the learning rate by the same factor every step, and notes the losses."""

    def __init__(self):
        self.rates, self.losses = np.geomspace(LOWEST, HIGHEST, TESTED), []

    def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
        for group in optimizer.param_groups:
            group["lr"] = self.rates[min(state.global_step, TESTED - 1)]

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in (logs or {}):
            self.losses.append(float(logs["loss"]))


def range_test(profile: Profile, task: str | Task) -> tuple[float, str]:
    """A learning rate of fine-tuning, from one short training whose rate rises at every step.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    task : str or helpers.tasks.Task

    Returns
    -------
    rate : float
        A third of the rate at which the smoothed loss is lowest; the profile's own, if the loss
        still falls at the highest rate.
    told : str
        What was measured.

    References
    ----------
    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", Sec. 3.3.
    """
    task, tuning = tasks.get(task, profile), profile.fine_tuning
    train = data.load_task(profile, task)["train"]
    several = dict(tuning.options).get("gradient_accumulation_steps", 1)
    few = train.shuffle(seed=0).select(range(min(len(train), TESTED * tuning.batch * several)))
    tester = RisingRate()
    set_seed(0)  # the classification layer is new, and the same command must find the same rate
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        fine_tune(
            load_classifier(profiles.locate(profile.model), task.labels),
            data.load_tokenizer(profile.model),
            few,
            epochs=math.ceil(TESTED / steps_of(len(few), 1, tuning.batch, several)),
            batch_size=tuning.batch,
            learning_rate=LOWEST,
            output_dir=folder,
            callbacks=[tester],
            **dict(tuning.options) | {"logging_strategy": "steps", "logging_steps": 1},
        )
    losses = pd.Series(tester.losses[:TESTED]).ewm(alpha=0.1).mean()
    lowest = int(losses.idxmin())
    best = float(tester.rates[lowest])
    told = (
        f"Range test on {task.title}: in {len(losses)} steps the rate rose from {LOWEST:g} to "
        f"{HIGHEST:g}; the smoothed loss was lowest, {losses.min():.3f}, at {best:.1e}"
    )
    if lowest == len(losses) - 1:  # an easy task is learnt before any rate is too high for it
        rate = float(profile.learning_rates[0])
        return rate, f"{told}, the end. So the test finds no limit, and {rate:g} is kept."
    rate = float(f"{best / BELOW:.0e}")
    return rate, f"{told}. A third of it, {rate:g}, is taken."
