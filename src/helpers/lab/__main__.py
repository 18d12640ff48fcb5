"""The command line: ``python -m helpers.lab --help``."""

import argparse
import dataclasses
import json
import math
import sys

from .. import machine, profiles, tasks
from ..conditions import LATER, OF_THE_PAPER
from . import experiment
from .runs import plan, superseded, tell
from .store import RunStore
from .workers import FailedTasks

PROGRAM = "python -m helpers.lab"
PARTS = ("pretraining", "fine_tuning")


def main(arguments=None):
    """Carry out what the command line asks for; ends the process where that fails."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    check_together(parser, options)
    try:
        carry_out(options)
    except FailedTasks as error:
        parser.exit(1, f"{PROGRAM}: {error}\n")
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.exit(2, f"{PROGRAM}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(
            130,
            f"\ninterrupted; finished runs are kept in {options.out}, the same command goes on "
            "from there\n",
        )


def carry_out(options):
    """Plan the runs and do with them what the options say."""
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
        print(tell(runs, store))
    elif options.checkpoints_only:
        experiment.checkpoints(runs, store)
    else:
        engine = {"ray": options.ray, "cpus": options.cpus, "gpus": options.gpus}
        try:
            experiment.sweep(runs, store, options.jobs, **engine)
        except FailedTasks:
            report(runs, store, profile)
            raise
        report(runs, store, profile)


def at_least(least, kind=int):
    """What makes an option of `argparse` a finite number of at least `least`."""

    def number(text):
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"must be a number of at least {least}, got {text!r}")
        return value

    number.__name__ = kind.__name__
    return number


def make_parser():
    """The options and their help."""
    fields = [f.name for part in PARTS for f in dataclasses.fields(_kind(part))]
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Carry out the runs of an experiment. The same command goes on where it was "
        "stopped.",
        epilog="For example: --profile small --tasks sst2 --conditions dense prune_pretrain "
        "--sparsities 0.5 --dry-run. Fields for --set: checkpoint_every, "
        f"{', '.join(dict.fromkeys(fields))}; one that both pre-training and fine-tuning have is "
        "written pretraining.batch or fine_tuning.batch. Several cores, GPUs and machines: "
        "docs/scaling.md.",
        allow_abbrev=False,
    )

    def add(name, help, **more):
        parser.add_argument(name, help=help, **more)

    add(
        "--profile",
        f"one of {', '.join(profiles.PROFILES)}: model, text, tasks and all lengths; default: "
        "PRUNING_PROFILE or tiny",
    )
    add(
        "--conditions",
        f"of {', '.join(OF_THE_PAPER)}, which is the default; of what came later "
        f"{', '.join(LATER)}",
        nargs="+",
        default=list(OF_THE_PAPER),
        metavar="C",
    )
    several = {"nargs": "+", "metavar": "N"}
    add("--sparsities", "fractions in [0, 1); default: the profile's", type=float, **several)
    add("--tasks", "GLUE tasks; default: the profile's", nargs="+", metavar="T")
    add("--seeds", "default: the profile's", type=int, **several)
    add("--learning-rates", "of fine-tuning; default: the profile's", type=float, **several)
    add(
        "--set",
        "other values of the profile, such as pretraining.steps=100",
        nargs="+",
        default=[],
        metavar="FIELD=VALUE",
    )
    add(
        "--out",
        "the run store; results.csv, with all its runs, is written there too; default: runs",
        default="runs",
        metavar="DIR",
    )
    add(
        "--jobs",
        "processes that share this machine's cores and GPUs; default: 1",
        type=at_least(1),
        default=1,
        metavar="N",
    )
    add(
        "--ray",
        "carry the runs out on a Ray cluster; without an address that of RAY_ADDRESS, or a new one "
        "on this machine",
        nargs="?",
        const=True,
        metavar="ADDRESS",
    )
    add(
        "--cpus",
        "with --ray: cores for each run; default: 1",
        type=at_least(0, float),
        default=1,
        metavar="N",
    )
    add(
        "--gpus",
        "with --ray: GPUs for each run, such as 0.5; default: one, where there are any",
        type=at_least(0, float),
        metavar="N",
    )
    add(
        "--checkpoints-only",
        "make only the pruned checkpoints; the way to share one training out with accelerate "
        "launch",
        action="store_true",
    )
    add("--dry-run", "only tell how much there is to do", action="store_true")
    return parser


def check_together(parser, options):
    """Refuse options that do not go together."""
    if options.ray and options.jobs > 1:
        parser.error("--jobs is for this machine; with --ray write --cpus and --gpus instead")
    if options.checkpoints_only and (options.jobs > 1 or options.ray):
        parser.error(
            "--checkpoints-only makes one checkpoint after the other; leave out --jobs and --ray"
        )
    if machine.launched_processes() > 1 and not options.checkpoints_only:
        parser.error(
            "several processes can train together only with --checkpoints-only; afterwards the "
            "same command without accelerate launch and without --checkpoints-only does the rest"
        )


def report(runs, store, profile):
    """Print the table of these runs, then write results.csv and results.json into the store.

    Parameters
    ----------
    runs : list of helpers.lab.runs.Run
    store : helpers.lab.store.RunStore
        The files get the rows of all its runs, except those that a changed model superseded.
    profile : helpers.profiles.Profile
        Noted in results.json.
    """
    rows = store.rows([run.key for run in runs])
    if rows.empty:
        return
    main_rows = rows[rows.metric == rows.task.map(tasks.main_metric)]
    table = main_rows.pivot_table(index=["condition", "sparsity"], columns="task", values="value")
    print((100 * table).round(1).to_string())
    regression = ", for stsb 100 × Pearson correlation" if "stsb" in table else ""
    path = store.folder / "results.csv"
    print(
        f"accuracy in %{regression}, mean over {rows.seed.nunique()} seed(s); {len(rows)} rows in "
        f"{path}"
    )
    old = set(superseded(runs, store))
    keys = [key for key in store.keys() if key not in old]
    try:
        with store.lock("results"):  # others may share this store
            store.publish("results.csv", store.rows(keys).to_csv(index=False))
            store.publish("results.json", json.dumps(_summary(store, profile), indent=1) + "\n")
    except OSError as error:  # a full disk, or a finished store that may only be read
        raise type(error)(
            f"the runs are done and kept, but {path} is not up to date: {error}. The same command "
            "writes it once there is room and permission"
        ) from error


def _summary(store, profile):
    """Provenance of all that a store holds, with the commands that went before."""
    earlier = store.folder / "results.json"
    records = [store.read(key) for key in store.keys()]
    notes = [record["provenance"] for record in records if record]
    latest = max(notes, key=lambda note: note["date"])
    checkpoints = map(_json, (store.folder / "checkpoints").glob("*/info.json"))
    commands = _json(earlier).get("commands", [])
    command = f"{PROGRAM} {' '.join(sys.argv[1:])}"
    seconds = sum(note.get("wall_seconds", 0) for note in [*notes, *checkpoints])
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


def _json(path):
    """What a JSON file holds, or nothing if it is not there or was damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
        path, equals, value = text.partition("=")
        if not equals:
            raise ValueError(
                f"--set takes FIELD=VALUE, such as pretraining.steps=100, got {text!r}"
            )
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
        names = " or ".join(f"{part}.{name}" for part in having)
        raise ValueError(f"both parts of the profile have {name!r}; write {names}")
    if not having:
        fields = "; ".join(f"{p}: {', '.join(_kind(p).__annotations__)}" for p in PARTS)
        raise ValueError(
            f"the profile has no field {path!r} that --set could change; it has checkpoint_every; "
            f"{fields}"
        )
    return having[0], name


def _kind(part):
    return profiles.Profile.__annotations__[part]


def _value(name, text, kind, now):
    try:
        value = json.loads(text) if kind is not str else text
    except (json.JSONDecodeError, RecursionError):
        value = text
    value = tuple(value.items()) if isinstance(value, dict) else _tuples(value)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool) != (kind is bool):
        kind = getattr(kind, "__name__", kind)
        raise ValueError(f"{name} must be {kind}, such as {json.dumps(now)}, got {value!r}")
    return value


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
