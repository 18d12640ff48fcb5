"""The command line: ``python -m helpers.lab --help``."""

import argparse
import dataclasses
import json
import sys

from .. import machine, profiles, tasks
from ..conditions import LATER, OF_THE_PAPER
from . import experiment
from .runs import plan, tell
from .store import RunStore
from .workers import FailedTasks

PROGRAM = "python -m helpers.lab"
PARTS = ("pretraining", "fine_tuning")


def main(arguments=None):
    """Carry out what the command line asks for; ends the process where that fails."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    check_together(parser, options)
    failed = None
    try:
        profile = profiles.get(options.profile) if options.profile else profiles.current()
        profile = with_settings(profile, options.set)
        runs = plan(
            options.conditions,
            options.sparsities or profile.sparsities,
            options.tasks or profile.tasks,
            options.seeds or profile.seeds,
            options.learning_rates,
            profile,
        )
        store = RunStore(options.out)
        if options.dry_run:
            return print(tell(runs, store))
        if options.checkpoints_only:
            return experiment.checkpoints(runs, store)
        engine = {"ray": options.ray, "cpus": options.cpus, "gpus": options.gpus}
        experiment.sweep(runs, store, options.jobs, **engine)
    except FailedTasks as error:
        failed = error
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.exit(2, f"{PROGRAM}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(
            130,
            f"\ninterrupted; finished runs are kept in {options.out}, the same command goes on "
            "from there\n",
        )
    report(runs, store, profile)
    if failed:
        parser.exit(1, f"{PROGRAM}: {failed}\n")


def make_parser():
    """The options and their help."""
    fields = [f.name for part in PARTS for f in dataclasses.fields(_kind(part))]
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Carry out the runs of an experiment; the same command goes on where it was stopped.",
        epilog="For example: --profile small --tasks sst2 --conditions dense prune_pretrain --sparsities 0.5 "
        f"--dry-run. Fields for --set: checkpoint_every, {', '.join(dict.fromkeys(fields))}; one that both pre-training and "
        "fine-tuning have is written pretraining.batch or fine_tuning.batch. Several cores, GPUs and "
        "machines: docs/scaling.md.",
    )
    add = parser.add_argument
    add(
        "--profile",
        help=f"one of {', '.join(profiles.PROFILES)}: model, text, tasks and all lengths; "
        "default: PRUNING_PROFILE or tiny",
    )
    add(
        "--conditions",
        nargs="+",
        default=list(OF_THE_PAPER),
        metavar="C",
        help=f"of {', '.join(OF_THE_PAPER)}, which is the default; of what came later {', '.join(LATER)}",
    )
    add(
        "--sparsities",
        nargs="+",
        type=float,
        metavar="S",
        help="fractions in [0, 1); default: the profile's",
    )
    add("--tasks", nargs="+", metavar="T", help="GLUE tasks; default: the profile's")
    add("--seeds", nargs="+", type=int, metavar="N", help="default: the profile's")
    add(
        "--learning-rates",
        nargs="+",
        type=float,
        metavar="LR",
        help="of fine-tuning; default: the profile's",
    )
    add(
        "--set",
        nargs="+",
        default=[],
        metavar="FIELD=VALUE",
        help="other values of the profile, such as pretraining.steps=100",
    )
    add(
        "--out",
        default="runs",
        metavar="DIR",
        help="the run store; results.csv, with all its runs, is written there too; default: runs",
    )
    add(
        "--jobs",
        type=int,
        default=1,
        help="processes that share this machine's cores and GPUs; default: 1",
    )
    add(
        "--ray",
        nargs="?",
        const=True,
        default=None,
        metavar="ADDRESS",
        help="carry the runs out on a Ray cluster; without an address that of RAY_ADDRESS, or a new "
        "one on this machine",
    )
    add("--cpus", type=float, default=1, help="with --ray: cores for each run; default: 1")
    add(
        "--gpus",
        type=float,
        help="with --ray: GPUs for each run, such as 0.5; default: one, where there are any",
    )
    add(
        "--checkpoints-only",
        action="store_true",
        help="make only the pruned checkpoints; the way to share one training out with accelerate launch",
    )
    add("--dry-run", action="store_true", help="only tell how much there is to do")
    return parser


def check_together(parser, options):
    """Refuse options that do not go together."""
    if options.checkpoints_only and (options.jobs > 1 or options.ray):
        parser.error(
            "--checkpoints-only makes one checkpoint after the other; leave out --jobs and --ray"
        )
    if machine.launched_processes() > 1 and not options.checkpoints_only:
        parser.error(
            "several processes can train together only with --checkpoints-only; afterwards the same command without "
            "accelerate launch and without --checkpoints-only does the rest"
        )


def report(runs, store, profile):
    """Write results.csv and results.json into the store, and print the table of these runs."""
    rows = store.rows([run.key for run in runs])
    if rows.empty:
        return
    with store.lock("results"):  # others may share this store
        store.publish("results.csv", store.rows().to_csv(index=False))
        store.publish("results.json", json.dumps(_summary(store, profile), indent=1) + "\n")
    main_rows = rows[rows.metric == rows.task.map(tasks.main_metric)]
    table = main_rows.pivot_table(index=["condition", "sparsity"], columns="task", values="value")
    print((100 * table).round(1).to_string())
    regression = ", for stsb 100 × Pearson correlation" if "stsb" in table else ""
    print(
        f"accuracy in %{regression}, mean over {rows.seed.nunique()} seed(s); {len(rows)} rows in "
        f"{store.folder / 'results.csv'}"
    )


def _summary(store, profile):
    """Provenance of all that a store holds, with the commands that went before."""
    earlier = store.folder / "results.json"
    records = [store.read(path.stem) for path in (store.folder / "runs").glob("*.json")]
    notes = [record["provenance"] for record in records if record]
    latest = max(notes, key=lambda note: note["date"])
    checkpoints = [
        json.loads(path.read_text()) for path in (store.folder / "checkpoints").glob("*/info.json")
    ]
    commands = json.loads(earlier.read_text())["commands"] if earlier.is_file() else []
    command = f"{PROGRAM} {' '.join(sys.argv[1:])}"
    seconds = sum(note.get("wall_seconds", 0) for note in notes + checkpoints)
    return {key: latest[key] for key in ("machine", "python", "versions", "commit", "date")} | {
        "commands": commands + [command] * (command not in commands),
        "runs": len(notes),
        "seeds": sorted({record["run"]["seed"] for record in records if record}),
        "train_rows": max(note["train_rows"] for note in notes),
        "dev_rows": max(note["dev_rows"] for note in notes),
        "mlm_steps": profile.pretraining.steps,
        "wall_minutes": round(seconds / 60),
        "peak_memory_mb": max(note["peak_memory_mb"] or 0 for note in notes),
        "profile": dataclasses.asdict(profile),
    }


def with_settings(profile, settings):
    """A profile with other values, given as texts.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    settings : list of str
        Each ``field=value`` or ``part.field=value``; values that are no text are JSON.

    Returns
    -------
    helpers.profiles.Profile

    Raises
    ------
    ValueError
        If there is no such field, both parts have it, or the value is not of its kind.
    """
    for text in settings:
        path, _, value = text.partition("=")
        part, name = _field(path)
        values = getattr(profile, part) if part else profile
        value = _value(name, value, type(values).__annotations__[name], getattr(values, name))
        profile = profile.replace(**({part: {name: value}} if part else {name: value}))
    return profile


def _field(path):
    """The part and the name of a field."""
    if path == "checkpoint_every":  # of the profile's own fields the one without an option
        return "", path
    part, _, name = path.rpartition(".")
    having = [p for p in PARTS if part in ("", p) and name in _kind(p).__annotations__]
    if len(having) > 1:
        raise ValueError(
            f"both parts of the profile have {name!r}; write {' or '.join(f'{p}.{name}' for p in having)}"
        )
    if not having:
        fields = "; ".join(f"{p}: {', '.join(_kind(p).__annotations__)}" for p in PARTS)
        raise ValueError(
            f"the profile has no field {path!r} that --set could change; it has checkpoint_every; {fields}"
        )
    return having[0], name


def _kind(part):
    return profiles.Profile.__annotations__[part]


def _value(name, text, kind, now):
    try:
        value = json.loads(text) if kind is not str else text
    except json.JSONDecodeError:
        value = text
    value = tuple(value.items()) if isinstance(value, dict) else _tuples(value)
    if not isinstance(value, (int, float) if kind is float else kind):
        kind = getattr(kind, "__name__", kind)
        raise ValueError(f"{name} must be {kind}, such as {json.dumps(now)}, got {value!r}")
    return value


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
