"""The experiment: conditions, one run = one config → tidy rows, and sweeps.

From a shell: ``python -m helpers.experiment --profile tiny --conditions prune_pretrain --sparsities 0.5 --out runs``.
"""

import dataclasses
import datetime
import functools
import json
import operator
import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from tqdm.auto import tqdm
from transformers import AutoConfig, set_seed

from . import data, later, profiles
from .pruning import check_sparsity, load_masks, magnitude_masks, random_masks, save_masks
from .store import COLUMNS, Busy, RunStore
from .store import digest as _digest
from .training import MagnitudePruning, fine_tune, label_options, load_classifier, load_mlm, mlm_loss, predict, quiet, train_mlm
from .workers import Here, OnRay, Processes, Task, carry_out

CONDITIONS = {
    "prune_pretrain": "pruned by magnitude during MLM training, fine-tuned with the masks fixed",
    "info_deletion": "the same pruned weights, but all of them free in fine-tuning",
    "prune_downstream": "fine-tuned dense, pruned in one shot, fine-tuned on with the masks fixed",
    "random": "random masks, the same MLM training, fine-tuned with the masks fixed",
    "dense": "nothing pruned: the reference",
    "from_scratch": "no pre-training at all: what transfer is worth",
    "majority": "always the most frequent label of the training set, or its mean score",
}
UNPRUNED = ("dense", "from_scratch", "majority")


@dataclass(frozen=True)
class Run:
    """One run: a condition at a sparsity, fine-tuned on a task with a seed and a learning rate.

    Parameters
    ----------
    condition : str
        One of `CONDITIONS` or of `helpers.later.CONDITIONS`.
    task : str
        A GLUE task's name, such as "cola".
    sparsity : float
        In [0, 1); 0 for the conditions that prune nothing.
    seed : int
    learning_rate : float, optional
        Of fine-tuning; default the profile's first.
    profile : helpers.profiles.Profile, optional
        Default the current one.
    """

    condition: str
    task: str
    sparsity: float = 0.0
    seed: int = 0
    learning_rate: float | None = None
    profile: profiles.Profile | None = None

    def __post_init__(self):
        if self.condition not in CONDITIONS | later.CONDITIONS:
            raise ValueError(f"unknown condition {self.condition!r}; choose from {', '.join(CONDITIONS | later.CONDITIONS)}")
        if isinstance(self.profile, str):
            object.__setattr__(self, "profile", profiles.get(self.profile))
        object.__setattr__(self, "profile", self.profile or profiles.current())
        data.check_task(self.task)
        object.__setattr__(self, "sparsity", check_sparsity(self.sparsity))
        if self.condition in UNPRUNED and self.sparsity:
            raise ValueError(f"the condition {self.condition!r} prunes nothing; its sparsity must be 0, got {self.sparsity!r}")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", self.profile.learning_rates[0])
        # numpy's numbers become Python's, so that they give the same key
        object.__setattr__(self, "seed", operator.index(self.seed))
        object.__setattr__(self, "learning_rate", float(self.learning_rate))

    @property
    def key(self):
        """What the run store files this run under: the same for the same configuration."""
        values = dataclasses.asdict(self)
        for name in ("tasks", "learning_rates", "seeds", "sparsities", "checkpoint_every"):
            del values["profile"][name]  # these say which runs a sweep makes, not what a run does
        return f"{self.condition}-{self.sparsity:g}-{self.task}-{self.seed}-{_digest(values)}"


def plan(conditions, sparsities, tasks, seeds, learning_rates=None, profile=None):
    """The runs of a sweep: every combination, each unpruned condition once for each task and seed.

    All values are checked before anything is run.
    """
    profile = profile or profiles.current()
    runs = {}
    for condition in conditions:
        for sparsity in [0.0] if condition in UNPRUNED else sparsities:
            for task in tasks:
                for seed in seeds:
                    for rate in learning_rates or profile.learning_rates:
                        run = Run(condition, task, sparsity, seed, rate, profile)
                        runs[run.key] = run
    return list(runs.values())


def _pretraining_of(run):
    """What a run's MLM training depends on: (kind, sparsity, seed, the profile's values for it), or None."""
    if run.condition in ("from_scratch", "majority"):
        return None
    kind = "random" if run.condition == "random" and run.sparsity else "gradual"
    sparsity = 0.0 if run.condition in ("dense", "prune_downstream", *later.CONDITIONS) else run.sparsity
    p = run.profile
    values = {f: getattr(p, f) for f in (
        "model", "text", "text_config", "max_length", "text_rows", "burn_in_steps", "mlm_steps", "ramp_steps", "frequency",
        "mlm_batch", "mlm_probability", "mlm_learning_rate", "warmup_steps", "trainer", "text_streaming")}
    return kind, sparsity, run.seed if p.mlm_seed is None else p.mlm_seed, values


def pretrain(run, store, progress=False):
    """The checkpoint that a run fine-tunes, pruned during MLM training; made once for all runs that share it.

    Returns
    -------
    folder : pathlib.Path
        An ordinary checkpoint with exact zeros, and ``masks.safetensors``.
    info : dict
        With ``mlm_loss`` on held-out text.
    """
    kind, sparsity, seed, _ = _pretraining_of(run)
    profile = run.profile

    def make(folder, work):
        began = time.perf_counter()
        tokenizer = data.load_tokenizer(profile.model)
        start = _start(run, store, progress)
        model = data._load(profile.model, lambda: load_mlm(start))
        if kind == "random":
            masks = random_masks(model, sparsity, torch.Generator().manual_seed(seed))
            pruning = MagnitudePruning(masks=masks)
        else:
            pruning = MagnitudePruning(sparsity, end=profile.ramp_steps, frequency=profile.frequency)
        _train_mlm(model, tokenizer, profile, steps=profile.mlm_steps, seed=seed, pruning=pruning, output_dir=work, progress=progress)
        loss = mlm_loss(model, tokenizer, data.load_text(profile, "validation"), mlm_probability=profile.mlm_probability)
        with quiet():
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        save_masks(pruning.masks, folder / "masks.safetensors")
        return {"kind": kind, "sparsity": sparsity, "seed": seed, "mlm_loss": loss, "wall_seconds": round(time.perf_counter() - began, 2)}

    return store.checkpoint(_checkpoint_key(run), make)


def _checkpoint_key(run):
    kind, sparsity, seed, values = _pretraining_of(run)
    return f"{kind}-{sparsity:g}-{seed}-{_digest(values)}"


def _burn_in_key(run):
    """The same for all that start from one checkpoint, however it is pruned."""
    values = {name: value for name, value in _pretraining_of(run)[3].items() if name not in ("mlm_steps", "ramp_steps", "frequency")}
    return f"burn-in-{_digest(values)}"


def _train_mlm(model, tokenizer, profile, **options):
    """`helpers.training.train_mlm` with a profile's text and values."""
    return train_mlm(model, tokenizer, data.load_text(profile), batch_size=profile.mlm_batch, learning_rate=profile.mlm_learning_rate,
                     warmup_steps=profile.warmup_steps, mlm_probability=profile.mlm_probability,
                     checkpoint_every=profile.checkpoint_every, **dict(profile.trainer), **options)


def _start(run, store, progress):
    """Where θ₀ is: the profile's checkpoint, burned in on MLM if the profile says so."""
    profile = run.profile
    if not profile.burn_in_steps:
        return profiles.locate(profile.model)

    def make(folder, work):
        tokenizer = data.load_tokenizer(profile.model)
        model = data._load(profile.model, lambda: load_mlm(profiles.locate(profile.model)))
        _train_mlm(model, tokenizer, profile, steps=profile.burn_in_steps, output_dir=work, progress=progress)
        with quiet():
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return {"mlm_loss": mlm_loss(model, tokenizer, data.load_text(profile, "validation"), mlm_probability=profile.mlm_probability)}

    return str(store.checkpoint(_burn_in_key(run), make)[0])


def run(config, store=None, progress=False):
    """Carry out one run, or fetch it from the store if it is already there.

    Parameters
    ----------
    config : Run
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
    store = store if isinstance(store, RunStore) else RunStore(store or "runs")
    record = store.read(config.key)
    if record is None:
        with store.lock(config.key):
            record = store.read(config.key)  # another process may have made it while this one waited
            if record is None:
                record = _carry_out(config, store, progress)
                store.write(config.key, record)
    return pd.DataFrame(record["rows"], columns=COLUMNS)


def _carry_out(config, store, progress):
    began = time.perf_counter()
    profile, task = config.profile, config.task
    examples = data.load_task(profile, task)
    train, validation = examples["train"], examples["validation"]
    measured = {}
    if config.condition == "majority":
        results = [(data.constant_logits(task, train["labels"], len(split)), np.array(split["labels"])) for split in (train, validation)]
    else:
        if config.condition == "from_scratch":
            folder = None
        else:
            folder, info = pretrain(config, store, progress)
            measured["mlm_loss"] = info["mlm_loss"]
        model = _fine_tuned(config, folder, train, store.folder / "work" / config.key, progress)
        tokenizer = data.load_tokenizer(profile.model)
        results = [predict(model, tokenizer, split) for split in (train, validation)]
    (train_logits, train_labels), (logits, labels) = results
    measured["train_loss"] = data.task_loss(task, train_logits, train_labels)
    measured |= data.score(task, logits, labels)
    common = {"profile": profile.name, "model": profile.model, "condition": config.condition, "sparsity": config.sparsity,
              "task": task, "seed": config.seed, "learning_rate": config.learning_rate}
    return {
        "rows": [common | {"metric": metric, "value": float(value)} for metric, value in measured.items()],
        "run": dataclasses.asdict(config),
        "provenance": profiles.provenance() | {
            "train_rows": len(train), "dev_rows": len(validation), "wall_seconds": round(time.perf_counter() - began, 2),
            "peak_memory_mb": profiles.peak_memory_mb(),
        },
    }


def _fine_tuned(config, folder, train, work, progress):
    """A model fine-tuned as the condition says."""
    profile, condition = config.profile, config.condition
    set_seed(config.seed)
    labels = data.LABELS[config.task]
    if folder is None:
        model = _untrained(profile, labels)
    else:
        model = load_classifier(folder, labels)
    tokenizer = data.load_tokenizer(profile.model)
    options = dict(batch_size=profile.batch, learning_rate=config.learning_rate, seed=config.seed, progress=progress,
                   checkpoint_every=profile.checkpoint_every, **dict(profile.trainer + profile.fine_tuning))
    epochs = profile.epochs_for(condition, config.sparsity)
    if condition in later.CONDITIONS:
        return later.fine_tuned(condition, config.sparsity, model, tokenizer, train, output_dir=work, frequency=profile.frequency,
                                epochs=profile.epochs_for("prune_downstream", config.sparsity), **options)
    if condition == "prune_downstream":
        before, after = epochs
        fine_tune(model, tokenizer, train, epochs=before, output_dir=work / "before", **options)
        pruning = MagnitudePruning(masks=magnitude_masks(model, config.sparsity))
        fine_tune(model, tokenizer, train, epochs=after, output_dir=work / "after", pruning=pruning, **options)
        return model
    fixed = condition in ("prune_pretrain", "random") and config.sparsity
    pruning = MagnitudePruning(masks=load_masks(folder / "masks.safetensors")) if fixed else None
    fine_tune(model, tokenizer, train, epochs=epochs, output_dir=work, pruning=pruning, **options)
    return model


def _untrained(profile, labels):
    from transformers import AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(profiles.locate(profile.model), **label_options(labels))
    return AutoModelForSequenceClassification.from_config(config)


def sweep(runs, store=None, jobs=1, progress=True, ray=None, cpus=1, gpus=None, on_result=None):
    """Carry out many runs; finished ones are fetched, an interrupted sweep goes on where it was.

    A run starts as soon as the checkpoint it fine-tunes is ready. Several sweeps, also on several machines, may share
    a store: each leaves to the others what they are at.

    Parameters
    ----------
    runs : list of Run
        For example from `plan`.
    store : RunStore or path, optional
    jobs : int
        Processes on this machine; the cores are divided among them, and each sees one GPU, if there are any.
    progress : bool
        Show a progress bar over the runs and the checkpoints they need.
    ray : True or str, optional
        Carry the runs out on a Ray cluster: the one at this address, or, if True, the one that RAY_ADDRESS names or a
        new one on this machine. The store's folder must then be the same on all machines.
    cpus, gpus : float
        For each run on the Ray cluster; by default one core and, where the cluster has any, one GPU.
    on_result : callable, optional
        Called with the tidy rows of each run, first of those that are fetched, then of the others as they are finished.

    Returns
    -------
    pandas.DataFrame
        The tidy rows of these runs.

    Raises
    ------
    helpers.workers.FailedTasks
        If runs failed: after all others were carried out.
    """
    if operator.index(jobs) < 1:
        raise ValueError(f"jobs must be at least 1 process, got {jobs!r}")
    store = store if isinstance(store, RunStore) else RunStore(store or "runs")
    engine = OnRay(ray, cpus, gpus) if ray else Processes(jobs) if jobs > 1 else Here()
    for profile, task in {(r.profile, r.task) for r in runs}:
        data.load_examples(profile, task)  # what cannot be loaded is an error before any work is done
    store.clean()
    todo = {r.key: r for r in runs if store.read(r.key) is None}
    show = lambda r: on_result and on_result(run(r, store))
    for r in runs:
        if r.key not in todo:
            show(r)
    carry_out(_tasks(todo.values(), store.folder.absolute()), engine, progress, on_done=lambda name: name in todo and show(todo[name]))
    return pd.concat([run(r, store) for r in runs], ignore_index=True)


def tell(runs, store):
    """How much work runs are, in words: runs, checkpoints, steps, and what is done already."""
    todo = [r for r in runs if store.read(r.key) is None]
    pretrained = [r for r in todo if _pretraining_of(r) is not None]
    checkpoints, burn_ins = {_checkpoint_key(r): r.profile.mlm_steps for r in pretrained}, {_burn_in_key(r): r.profile.burn_in_steps for r in pretrained}
    finetuned = [r for r in todo if r.condition != "majority"]
    epochs = sum(int(np.sum(r.profile.epochs_for("prune_downstream" if r.condition in later.CONDITIONS else r.condition, r.sparsity))) for r in finetuned)
    return (f"{len(runs)} runs, {len(runs) - len(todo)} of them done. To do: {len(checkpoints)} checkpoints with {sum(checkpoints.values()) + sum(burn_ins.values()):,} MLM steps in all, "
            f"as far as they are not in {store.folder} yet, and {len(finetuned)} fine-tunings with {epochs:,} epochs in all.")


def _tasks(runs, folder):
    """Each run, and once ahead of all that need it: its checkpoint, and the burn-in and the tokenised text of that."""
    tasks = {}

    def add(name, function, config, needs=()):
        tasks.setdefault(name, Task(name, function, (config, folder), tuple(needs)))
        return [name]

    for r in runs:
        needs = []
        if _pretraining_of(r) is not None:
            first = add(_burn_in_key(r), _only_prepare, r) if r.profile.burn_in_steps or r.profile.text != profiles.POCKET else []
            needs = add(_checkpoint_key(r), _only_pretrain, r, first)
        add(r.key, _only_run, r, needs)
    return list(tasks.values())


def _unless_busy(function):
    """Make a task of a function of a run and a store: False, at once, where another process is at the same thing."""

    @functools.wraps(function)
    def task(config, folder):
        try:
            function(config, RunStore(folder, wait=False))
        except Busy:
            return False

    return task


@_unless_busy
def _only_prepare(config, store):
    for split in ("train", "validation"):
        data.load_text(config.profile, split)  # fills the cache, so that the checkpoints' processes need not do it all at once
    _start(config, store, False)


@_unless_busy
def _only_pretrain(config, store):
    pretrain(config, store)


@_unless_busy
def _only_run(config, store):
    run(config, store)


def checkpoints(runs, store, progress=True):
    """Make only the checkpoints that runs need, one after the other.

    This is what several processes can do together: ``accelerate launch -m helpers.experiment --checkpoints-only ...``.
    The batches are divided among them, and the first process alone writes to the store.
    """
    # the others wait while the first tokenises and saves
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=datetime.timedelta(days=1))
    if state.is_main_process:
        store.clean()
    needed = {json.dumps(_pretraining_of(r)): r for r in runs if _pretraining_of(r) is not None}
    for r in tqdm(needed.values(), desc="checkpoints", disable=not progress or not state.is_main_process):
        with state.main_process_first():
            for split in ("train", "validation"):
                data.load_text(r.profile, split)
        pretrain(r, store)


# The results that ship with the course, under the names they have in figures
REFERENCES = {"tiny": "pocket BERT", "bert-tiny": "BERT-tiny", "minilm": "MiniLM-L6"}


def reference(name):
    """Results that ship with the course, as tidy rows.

    Parameters
    ----------
    name : str
        One of `REFERENCES`: "tiny" is the pocket BERT, "bert-tiny" and "minilm" are real models on real GLUE, with reduced
        settings (see `reference_note`).
    """
    return pd.read_csv(_reference_file(name, "csv"))


def references():
    """All of `REFERENCES`: name in figures → tidy rows, as `helpers.plots.curves` takes them."""
    return {label: reference(name) for name, label in REFERENCES.items()}


def reference_note(name, commands=True):
    """A few sentences on how `reference` results were made, with the commands if wanted."""
    note = json.loads(_reference_file(name, "json").read_text())
    text = (f"Reference results '{name}': {note['runs']} runs with seeds {', '.join(map(str, note['seeds']))}, at most {note['train_rows']:,} training and "
            f"{note['dev_rows']:,} validation examples a task, {note['mlm_steps']:,} MLM steps; {note['date']}, {note['machine']}, {note['wall_minutes']} minutes of one core.")
    return "\n".join([text, *([f"  {note['remark']}"] if "remark" in note else []), *(f"  {command}" for command in note["commands"] if commands)])


def _reference_file(name, suffix):
    path = profiles.ASSETS / "reference" / f"{name}.{suffix}"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise ValueError(f"no reference results {name!r}; there are {', '.join(known) or 'none'}")
    return path


if __name__ == "__main__":
    from helpers.cli import main  # which imports this module under its own name, the one that other processes find

    sys.exit(main())
