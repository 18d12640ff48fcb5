"""The experiment: pruned pre-training, fine-tuning as the condition says, tidy rows; and sweeps."""

import dataclasses
import datetime
import functools
import pkgutil
import time
import warnings

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from tqdm.auto import tqdm
from transformers import AutoConfig, AutoModelForSequenceClassification, set_seed

from .. import data, machine, profiles, tasks
from ..checks import check_profile, check_vocabulary
from ..conditions import CONDITIONS
from ..pruning import load_masks, random_masks, save_masks
from ..training import (
    IN_32_BITS,
    Interrupted,
    MagnitudePruning,
    fine_tune,
    label_options,
    load_classifier,
    load_mlm,
    mlm_loss,
    predict,
    quiet,
    train_mlm,
)
from .runs import Run, checkpoint_of, plan, superseded, tell, tell_superseded
from .store import COLUMNS, Busy, RunStore, as_store
from .values import check_jobs
from .workers import Here, OnRay, Processes, Task, carry_out

__all__ = ["Run", "RunStore", "checkpoints", "measure", "plan", "pretrain", "sweep", "tell"]


def pretrain(run, store, progress=False):
    """The checkpoint that a run fine-tunes, pruned during MLM training.

    It is made once for all runs that share it.

    Parameters
    ----------
    run : Run
    store : helpers.lab.store.RunStore
    progress : bool
        Show the Trainer's progress bar.

    Returns
    -------
    folder : pathlib.Path
        An ordinary checkpoint with exact zeros, and ``masks.safetensors``.
    info : dict
        With ``mlm_loss`` on held-out text, in nats.
    """
    checkpoint, values = checkpoint_of(run), run.profile.pretraining

    def make(folder, work):
        began = time.perf_counter()
        start = _start(run, store, progress)
        set_seed(checkpoint.seed)  # of weights that the checkpoint lacks
        model = data.load(values.model, lambda: load_mlm(start))
        if checkpoint.kind == "random":
            generator = torch.Generator().manual_seed(checkpoint.seed)
            pruning = MagnitudePruning(masks=random_masks(model, checkpoint.sparsity, generator))
        else:
            pruning = MagnitudePruning(
                checkpoint.sparsity, end=values.ramp_steps, frequency=values.frequency
            )
        options = {"steps": values.steps, "seed": checkpoint.seed, "pruning": pruning}
        loss = _train_and_save(model, run.profile, folder, work, progress, **options)
        save_masks(pruning.masks, folder / "masks.safetensors")
        seconds = round(time.perf_counter() - began, 2)
        said = {name: getattr(checkpoint, name) for name in ("kind", "sparsity", "seed")}
        return said | {"mlm_loss": loss, "wall_seconds": seconds}

    return store.checkpoint(checkpoint.key, make)


def _start(run, store, progress):
    """Where θ₀ is: the profile's checkpoint, burned in on MLM if the profile says so."""
    values = run.profile.pretraining
    if not values.burn_in_steps:
        return profiles.locate(values.model)

    def make(folder, work):
        set_seed(0)  # of a head that the checkpoint lacks
        model = data.load(values.model, lambda: load_mlm(profiles.locate(values.model)))
        loss = _train_and_save(
            model, run.profile, folder, work, progress, steps=values.burn_in_steps
        )
        return {"mlm_loss": loss}

    return str(store.checkpoint(checkpoint_of(run).burn_in_key, make)[0])


def _train_and_save(model, profile, folder, work, progress, **options):
    """MLM training with a profile's text and values; the loss on held-out text."""
    values, tokenizer = profile.pretraining, data.load_tokenizer(profile.model)
    held_out = data.load_text(profile, "validation")  # text that cannot be had is an error first
    train_mlm(
        model,
        tokenizer,
        data.load_text(profile),
        batch_size=values.batch,
        learning_rate=values.learning_rate,
        warmup_steps=values.warmup_steps,
        mlm_probability=values.mlm_probability,
        checkpoint_every=profile.checkpoint_every,
        output_dir=work,
        progress=progress,
        **data.comment_options(profile),
        **dict(values.options),
        **options,
    )
    loss = mlm_loss(model, tokenizer, held_out, mlm_probability=values.mlm_probability)
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return loss


def measure(run, store=None, progress=False):
    """Carry out one run, or fetch it from the store if it is already there.

    Parameters
    ----------
    run : Run
    store : RunStore or path, optional
        Default: the folder ``runs``.
    progress : bool
        Show the Trainer's progress bars.

    Returns
    -------
    pandas.DataFrame
        Tidy rows, one a metric: ``accuracy`` and the task's GLUE metrics on the validation set,
        ``train_loss`` over the whole training set, and the checkpoint's ``mlm_loss``.
    """
    store = as_store(store)
    record = store.read(run.key)
    if record is None:
        with store.lock(run.key):
            record = store.read(run.key)  # another process may have made it while this one waited
            if record is None:
                record = _carry_out(run, store, progress)
                store.write(run.key, record)
    return pd.DataFrame(record["rows"], columns=COLUMNS)


def _carry_out(run, store, progress):
    began = time.perf_counter()
    profile, task = run.profile, tasks.get(run.task, run.profile)
    examples = data.load_task(profile, task)
    train, validation = examples["train"], examples["validation"]
    measured, splits = {}, (train, validation)
    if not CONDITIONS[run.condition].trains:
        results = [
            (tasks.constant_logits(task, train["labels"], len(split)), np.array(split["labels"]))
            for split in splits
        ]
    else:
        folder = None
        if checkpoint_of(run):
            folder, info = pretrain(run, store, progress)
            measured["mlm_loss"] = info["mlm_loss"]
        model = _fine_tuned(run, folder, train, store.folder / "work" / run.key, progress)
        tokenizer = data.load_tokenizer(profile.model)
        results = [predict(model, tokenizer, split) for split in splits]
    (train_logits, train_labels), (logits, labels) = results
    measured["train_loss"] = tasks.task_loss(task, train_logits, train_labels)
    measured |= tasks.score(task, logits, labels)
    values = {
        name: getattr(run, name)
        for name in ("condition", "sparsity", "task", "seed", "learning_rate")
    }
    common = {"profile": profile.name, "model": profile.model} | values
    return {
        "rows": [
            common | {"metric": name, "value": float(value)} for name, value in measured.items()
        ],
        "run": dataclasses.asdict(run),
        "provenance": machine.provenance()
        | {
            "train_rows": len(train),
            "dev_rows": len(validation),
            "wall_seconds": round(time.perf_counter() - began, 2),
            "peak_memory_mb": machine.peak_memory_mb(),
        },
    }


def _fine_tuned(run, folder, train, work, progress):
    """A model fine-tuned as the run's condition says."""
    profile, condition = run.profile, CONDITIONS[run.condition]
    set_seed(run.seed)
    labels = tasks.get(run.task, profile).labels
    model = _untrained(profile, labels) if folder is None else load_classifier(folder, labels)
    arguments = model, data.load_tokenizer(profile.model), train
    options = dict(
        epochs=profile.fine_tuning.epochs_for(run.condition, run.sparsity),
        batch_size=profile.fine_tuning.batch,
        learning_rate=run.learning_rate,
        seed=run.seed,
        progress=progress,
        checkpoint_every=profile.checkpoint_every,
        output_dir=work,
        **dict(profile.fine_tuning.options),
    )
    if condition.recipe:
        recipe = pkgutil.resolve_name(condition.recipe)
        recipe(run.sparsity, *arguments, frequency=profile.pretraining.frequency, **options)
    else:
        fixed = condition.fixed_masks and run.sparsity
        masks = load_masks(folder / "masks.safetensors") if fixed else None
        fine_tune(*arguments, pruning=MagnitudePruning(masks=masks) if fixed else None, **options)
    return model


def _untrained(profile, labels):
    config = AutoConfig.from_pretrained(profiles.locate(profile.model), **label_options(labels))
    return AutoModelForSequenceClassification.from_config(config, **IN_32_BITS)


def sweep(runs, store=None, jobs=1, progress=True, ray=None, cpus=1, gpus=None, on_result=None):
    """Carry out many runs; finished ones are fetched, an interrupted sweep goes on where it was.

    A run starts as soon as the checkpoint it fine-tunes is ready. Several sweeps, also on several
    machines, may share a store: each leaves to the others what they are at.

    Parameters
    ----------
    runs : list of Run
        For example from `plan`.
    store : RunStore or path, optional
    jobs : int or None
        Processes on this machine, at most one for each run that is to be done. The cores are
        divided among them, and each sees one GPU, if there are any. None: one for each core.
    progress : bool
        Show a progress bar over the runs and the checkpoints they need.
    ray : True or str, optional
        Carry the runs out on a Ray cluster: the one at this address, or, if True, the one that
        RAY_ADDRESS names or a new one on this machine. The store's folder must then be the same on
        all machines.
    cpus, gpus : float
        For each run on the Ray cluster; by default one core and, where the cluster has any, one
        GPU.
    on_result : callable, optional
        Called with the tidy rows of each run, first of those that are fetched, then of the others
        as they are finished.

    Returns
    -------
    pandas.DataFrame
        The tidy rows of these runs.

    Raises
    ------
    helpers.lab.workers.FailedTasks
        If runs failed: after all others were carried out.
    ValueError, OSError
        If something that the runs need cannot be loaded: before any work is done.

    Warns
    -----
    UserWarning
        If the store has finished runs with the same settings that another model, other data or an
        earlier version made.
    """
    check_jobs(jobs)
    runs, store = list(runs), as_store(store)
    store.clean()
    todo = {run.key: run for run in runs if store.read(run.key) is None}
    jobs = min(jobs or machine.cores(), max(1, len(todo)))
    if ray:
        engine = OnRay(ray, cpus, gpus)
    else:
        engine = Processes(jobs, [__name__]) if jobs > 1 else Here()
    _load_what_is_needed(todo.values(), store)
    if old := superseded(todo.values(), store):
        warnings.warn(tell_superseded(old, store), stacklevel=2)

    def show(run):
        if on_result:
            on_result(measure(run, store))

    for run in runs:
        if run.key not in todo:
            show(run)
    try:
        carry_out(
            _tasks(todo.values(), store.folder.absolute()),
            engine,
            progress,
            on_done=lambda name: name in todo and show(todo[name]),
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted. Finished runs are kept in {store.folder}; the same call goes on from "
            "there."
        ) from None
    tables = [measure(run, store) for run in runs]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def _load_what_is_needed(runs, store):
    """Load what runs need, so that what is missing or of no use is an error before any work."""
    for profile in {run.profile: None for run in runs if CONDITIONS[run.condition].trains}:
        check_profile(profile)
    for profile, task in {(run.profile, run.task): None for run in runs}:
        data.load_examples(profile, task)
        rehearse_metric(tasks.get(task, profile))
        if tasks.get(task, profile).data:
            check_vocabulary(profile, task)
    checkpoints = {checkpoint.key: run for run in runs if (checkpoint := checkpoint_of(run))}
    for key, run in checkpoints.items():
        if not store.has_checkpoint(key):
            data.check_corpora(run.profile)


def rehearse_metric(task):
    """Compute a task's metrics once: a cache that cannot be written fails before the training.

    Raises
    ------
    OSError
        It names the environment variable that says where the cache is.
    """
    try:
        tasks.score(task, tasks.constant_logits(task, [0, 1], 2), np.array([0, 1]))
    except OSError as error:
        raise type(error)(
            f"`evaluate` cannot keep its files: {error}. Set HF_HOME to a folder that you may "
            "write to"
        ) from error


def _tasks(runs, folder):
    """Each run, and once, ahead of all that need it, its checkpoint with its burn-in and text."""
    tasks, store = {}, RunStore(folder)

    def add(name, function, run, needs=()):
        tasks.setdefault(name, Task(name, function, (run, folder), tuple(needs)))
        return [name]

    for run in runs:
        needs = []
        if checkpoint := checkpoint_of(run):
            values = run.profile.pretraining
            made = store.has_checkpoint(checkpoint.key)
            if not made and (values.burn_in_steps or values.text != profiles.POCKET):
                needs = add(checkpoint.burn_in_key, _only_prepare, run)
            needs = add(checkpoint.key, _only_pretrain, run, needs)
        add(run.key, _only_run, run, needs)
    return list(tasks.values())


def _unless_busy(function):
    """Make a task of a function of a run and a store.

    It gives False, at once, where another process is at the same thing.
    """

    @functools.wraps(function)
    def task(run, folder):
        try:
            function(run, RunStore(folder, wait=False))
        except Busy:
            return False

    return task


@_unless_busy
def _only_prepare(run, store):
    _load_texts(run.profile)  # so that the checkpoints' processes need not do it all at once
    _start(run, store, False)


@_unless_busy
def _only_pretrain(run, store):
    pretrain(run, store)


@_unless_busy
def _only_run(run, store):
    measure(run, store)


def _load_texts(profile):
    for split in ("train", "validation"):
        data.load_text(profile, split)


def checkpoints(runs, store, progress=True):
    """Make only the checkpoints that runs need, one after the other.

    This is what several processes can do together, with ``accelerate launch -m helpers.lab
    --checkpoints-only ...``. The batches are divided among them, and the first process alone writes
    to the store.

    Parameters
    ----------
    runs : list of Run
    store : RunStore
    progress : bool
    """
    # the others wait while the first tokenises and saves
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=datetime.timedelta(days=1))
    if state.is_main_process:
        store.clean()
    needed = {checkpoint.key: run for run in runs if (checkpoint := checkpoint_of(run))}
    hidden = not progress or not state.is_main_process
    for run in tqdm(needed.values(), desc="checkpoints", disable=hidden):
        with state.main_process_first():
            _load_texts(run.profile)
        pretrain(run, store)
