"""The experiment: conditions, one run = one config → tidy rows, the run store, and sweeps.

From a shell: ``python -m helpers.experiment --profile tiny --conditions prune_pretrain --sparsities 0.5 --out runs``.
"""

import argparse
import dataclasses
import hashlib
import json
import operator
import os
import shutil
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm
from transformers import AutoConfig, set_seed

from . import data, profiles
from .pruning import apply_masks, check_sparsity, load_masks, magnitude_masks, random_masks, save_masks
from .training import MagnitudePruning, fine_tune, label_options, load_classifier, load_mlm, mlm_loss, predict, quiet, train_mlm

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
COLUMNS = ["profile", "model", "condition", "sparsity", "task", "seed", "learning_rate", "metric", "value"]


@dataclass(frozen=True)
class Run:
    """One run: a condition at a sparsity, fine-tuned on a task with a seed and a learning rate.

    Parameters
    ----------
    condition : str
        One of `CONDITIONS`.
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
        if self.condition not in CONDITIONS:
            raise ValueError(f"unknown condition {self.condition!r}; choose from {', '.join(CONDITIONS)}")
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
        if not self.profile.text_streaming:
            del values["profile"]["text_streaming"]
        return f"{self.condition}-{self.sparsity:g}-{self.task}-{self.seed}-{_digest(values)}"


def _digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


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


class RunStore:
    """Finished runs and pruned checkpoints in a folder, filed by their configuration.

    Every file is written under another name first and then renamed, so that an interruption leaves either
    the whole of it or nothing. A file that was damaged later is noticed by its checksum and made again.

    Parameters
    ----------
    folder : str or path
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        for part in ("runs", "checkpoints", "work"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def read(self, key):
        """The record of a finished run (``rows``, ``run``, ``provenance``), or None."""
        path = self.folder / "runs" / f"{key}.json"
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text())
            if record.pop("checksum") == _digest(record):
                return record
        except (ValueError, KeyError, AttributeError, TypeError):
            pass
        warnings.warn(f"{path} is damaged; the run will be made again", stacklevel=2)
        return None

    def write(self, key, record):
        """File a finished run."""
        record = json.loads(json.dumps(record))
        handle, name = tempfile.mkstemp(dir=self.folder / "work")
        with os.fdopen(handle, "w") as file:
            json.dump(record | {"checksum": _digest(record)}, file, indent=1)
        os.replace(name, self.folder / "runs" / f"{key}.json")

    def rows(self):
        """The tidy rows of all finished runs, as a data frame."""
        records = [self.read(path.stem) for path in sorted((self.folder / "runs").glob("*.json"))]
        return pd.DataFrame([row for record in records if record for row in record["rows"]], columns=COLUMNS)

    def checkpoint(self, key, make):
        """The folder of a checkpoint, made by ``make(folder, work)`` if it is not there or was damaged."""
        folder, work = self.folder / "checkpoints" / key, self.folder / "work" / key
        if folder.is_dir():
            try:
                info = json.loads((folder / "info.json").read_text())
                if all(_file_digest(folder / name) == digest for name, digest in info["files"].items()):
                    return folder, info
            except (OSError, ValueError, KeyError, AttributeError, TypeError):
                pass
            warnings.warn(f"{folder} is damaged; the checkpoint will be made again", stacklevel=2)
        shutil.rmtree(folder, ignore_errors=True)
        part = Path(tempfile.mkdtemp(dir=self.folder / "work"))
        info = make(part, work)
        info["files"] = {path.name: _file_digest(path) for path in sorted(part.iterdir())}
        (part / "info.json").write_text(json.dumps(info, indent=1))
        try:
            part.rename(folder)
        except OSError:
            if not (folder / "info.json").is_file():
                raise
            shutil.rmtree(part)  # another process made the same checkpoint meanwhile; the two are equal
        shutil.rmtree(work, ignore_errors=True)
        return folder, info


def _file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pretraining_of(run):
    """What a run's MLM training depends on: (kind, sparsity, seed, the profile's values for it), or None."""
    if run.condition in ("from_scratch", "majority"):
        return None
    kind = "random" if run.condition == "random" and run.sparsity else "gradual"
    sparsity = 0.0 if run.condition in ("dense", "prune_downstream") else run.sparsity
    p = run.profile
    values = {f: getattr(p, f) for f in (
        "model", "text", "text_config", "max_length", "text_rows", "burn_in_steps", "mlm_steps", "ramp_steps", "frequency",
        "mlm_batch", "mlm_probability", "mlm_learning_rate", "warmup_steps", "trainer", *["text_streaming"] * p.text_streaming)}
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
    kind, sparsity, seed, values = _pretraining_of(run)
    profile = run.profile
    key = f"{kind}-{sparsity:g}-{seed}-{_digest(values)}"

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

    return store.checkpoint(key, make)


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
    values = {name: value for name, value in _pretraining_of(run)[3].items() if name not in ("mlm_steps", "ramp_steps", "frequency")}

    def make(folder, work):
        tokenizer = data.load_tokenizer(profile.model)
        model = data._load(profile.model, lambda: load_mlm(profiles.locate(profile.model)))
        _train_mlm(model, tokenizer, profile, steps=profile.burn_in_steps, output_dir=work, progress=progress)
        with quiet():
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return {"mlm_loss": mlm_loss(model, tokenizer, data.load_text(profile, "validation"), mlm_probability=profile.mlm_probability)}

    return str(store.checkpoint(f"burn-in-{_digest(values)}", make)[0])


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
        shutil.rmtree(store.folder / "work" / config.key, ignore_errors=True)
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


def sweep(runs, store=None, jobs=1, progress=True, on_result=None):
    """Carry out many runs; finished ones are fetched, an interrupted sweep goes on where it was.

    Parameters
    ----------
    runs : list of Run
        For example from `plan`.
    store : RunStore or path, optional
    jobs : int
        Processes; the cores are divided among them.
    progress : bool
        Show a progress bar over the runs.
    on_result : callable, optional
        Called with the tidy rows of each run, first of those that are fetched, then of the others as they are finished.

    Returns
    -------
    pandas.DataFrame
        The tidy rows of these runs.
    """
    store = store if isinstance(store, RunStore) else RunStore(store or "runs")
    for profile, task in {(r.profile, r.task) for r in runs}:
        data.load_examples(profile, task)  # what cannot be loaded is an error before any work is done
    todo = [r for r in runs if store.read(r.key) is None]
    show = lambda r: on_result and on_result(run(r, store))
    for r in runs:
        if r not in todo:
            show(r)
    first = {}
    for r in todo:
        need = _pretraining_of(r)
        if need is not None:
            first.setdefault(json.dumps(need), r)
    for r in first.values():  # here and not in the processes, which would all make the same one
        _start(r, store, False)
    with tqdm(total=len(first) + len(todo), desc="sweep", disable=not progress) as bar:
        for what, tasks in (("pre-training", list(first.values())), ("fine-tuning", todo)):
            work = _pretrain_only if what == "pre-training" else _run_only
            bar.set_postfix_str(what)
            if jobs == 1:
                for r in tasks:
                    work(r, store.folder)
                    bar.update()
                    if tasks is todo:
                        show(r)
            elif tasks:
                threads = max(1, (os.cpu_count() or 1) // jobs)
                pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,))
                try:
                    futures = {pool.submit(work, r, store.folder): r for r in tasks}
                    for done in as_completed(futures):
                        done.result()
                        bar.update()
                        if tasks is todo:
                            show(futures[done])
                finally:
                    pool.shutdown(cancel_futures=True)
    return pd.concat([run(r, store) for r in runs], ignore_index=True)


def _pretrain_only(config, folder):
    pretrain(config, RunStore(folder))


def _run_only(config, folder):
    run(config, RunStore(folder))


def reference(name):
    """The results that ship with the course, as tidy rows.

    Parameters
    ----------
    name : str
        "tiny": the pocket BERT, all conditions, 3 seeds.
    """
    return pd.read_csv(_reference_file(name, "csv"))


def reference_note(name):
    """One sentence on how `reference` results were made."""
    note = json.loads(_reference_file(name, "json").read_text())
    return (f"Reference results '{name}': {note['runs']} runs with seeds {', '.join(map(str, note['seeds']))}, {note['train_rows']:,} training and "
            f"{note['dev_rows']:,} validation examples a task, {note['mlm_steps']:,} MLM steps; {note['date']}, {note['machine']}, {note['wall_minutes']} minutes of one core.\n"
            + "\n".join(f"  {command}" for command in note["commands"]))


def _reference_file(name, suffix):
    path = profiles.ASSETS / "reference" / f"{name}.{suffix}"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise ValueError(f"no reference results {name!r}; there are {', '.join(known) or 'none'}")
    return path


def main(arguments=None):
    """The command line; see ``python -m helpers.experiment --help``."""
    parser = argparse.ArgumentParser(prog="python -m helpers.experiment", description=__doc__.split("\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--profile", default=None, help=f"one of {', '.join(profiles.PROFILES)}; default: PRUNING_PROFILE or tiny")
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), metavar="C", help=f"of {', '.join(CONDITIONS)}")
    parser.add_argument("--sparsities", nargs="+", type=float, metavar="S", help="fractions in [0, 1); default: the profile's")
    parser.add_argument("--tasks", nargs="+", metavar="T", help="GLUE tasks; default: the profile's")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="default: the profile's")
    parser.add_argument("--learning-rates", nargs="+", type=float, metavar="LR", help="of fine-tuning; default: the profile's")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="other values of the profile, such as mlm_steps=100")
    parser.add_argument("--out", default="runs", metavar="DIR", help="the run store; results.csv, with all its runs, is written there too")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the cores")
    options = parser.parse_args(arguments)
    try:
        profile = profiles.get(options.profile) if options.profile else profiles.current()
        profile = dataclasses.replace(profile, **dict(_setting(profile, text) for text in options.set))
        runs = plan(options.conditions, options.sparsities or profile.sparsities, options.tasks or profile.tasks,
                    options.seeds or profile.seeds, options.learning_rates, profile)
        store = RunStore(options.out)
        rows = sweep(runs, store, options.jobs)
    except (ValueError, TypeError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"\ninterrupted; finished runs are kept in {options.out}, the same command goes on from there\n")
    path = Path(options.out) / "results.csv"
    store.rows().to_csv(path, index=False)
    path.with_suffix(".json").write_text(json.dumps(_summary(store, profile, path.with_suffix(".json")), indent=1) + "\n")
    table = rows[rows.metric == rows.task.map(data.main_metric)].pivot_table(index=["condition", "sparsity"], columns="task", values="value")
    print((100 * table).round(1).to_string())
    print(f"accuracy in %{', for stsb 100 × Pearson correlation' if 'stsb' in table else ''}, mean over {rows.seed.nunique()} seed(s); {len(rows)} rows in {path}")


def _summary(store, profile, earlier):
    """Provenance of all that a store holds; `earlier` is the summary of the commands that went before."""
    records = [store.read(path.stem) for path in (store.folder / "runs").glob("*.json")]
    notes = [record["provenance"] for record in records if record]
    latest = max(notes, key=lambda note: note["date"])
    checkpoints = [json.loads(path.read_text()) for path in (store.folder / "checkpoints").glob("*/info.json")]
    commands = json.loads(earlier.read_text())["commands"] if earlier.is_file() else []
    command = "python -m helpers.experiment " + " ".join(sys.argv[1:])
    return {key: latest[key] for key in ("machine", "python", "versions", "commit", "date")} | {
        "commands": commands + [command] * (command not in commands), "runs": len(notes),
        "seeds": sorted({record["run"]["seed"] for record in records if record}),
        "train_rows": max(note["train_rows"] for note in notes), "dev_rows": max(note["dev_rows"] for note in notes),
        "mlm_steps": profile.mlm_steps, "wall_minutes": round(sum(n.get("wall_seconds", 0) for n in notes + checkpoints) / 60),
        "peak_memory_mb": max(note["peak_memory_mb"] or 0 for note in notes), "profile": dataclasses.asdict(profile)}


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _setting(profile, text):
    name, _, value = text.partition("=")
    kinds = {field.name: field.type for field in dataclasses.fields(profile)}
    if name not in kinds:
        raise ValueError(f"the profile has no field {name!r}; it has {', '.join(f.name for f in dataclasses.fields(profile))}")
    kind = kinds[name]
    try:
        value = json.loads(value) if kind is not str else value
    except json.JSONDecodeError:
        pass
    value = tuple(value.items()) if isinstance(value, dict) else _tuples(value)
    if not isinstance(value, (int, float) if kind is float else kind):
        raise ValueError(f"{name} must be {getattr(kind, '__name__', kind)}, such as {json.dumps(getattr(profile, name))}, got {value!r}")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
