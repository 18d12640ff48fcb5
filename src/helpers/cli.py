"""The command line of `helpers.experiment`."""

import argparse
import dataclasses
import json
import sys

from . import data, experiment, later, profiles
from .experiment import CONDITIONS, plan
from .store import RunStore
from .workers import FailedTasks


def main(arguments=None):
    """The command line; see ``python -m helpers.experiment --help``."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.experiment", description="Carry out the runs of an experiment; the same command goes on where it was stopped.",
        epilog="For example: --profile small --tasks sst2 --conditions dense prune_pretrain --sparsities 0.5 --dry-run. Fields for --set: "
               f"{', '.join(field.name for field in dataclasses.fields(profiles.Profile))}. Several cores, GPUs and machines: docs/scaling.md.")
    parser.add_argument("--profile", help=f"one of {', '.join(profiles.PROFILES)}: model, text, tasks and all lengths; default: PRUNING_PROFILE or tiny")
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), metavar="C",
                        help=f"of {', '.join(CONDITIONS)}, which is the default; of what came later {', '.join(later.CONDITIONS)}")
    parser.add_argument("--sparsities", nargs="+", type=float, metavar="S", help="fractions in [0, 1); default: the profile's")
    parser.add_argument("--tasks", nargs="+", metavar="T", help="GLUE tasks; default: the profile's")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="default: the profile's")
    parser.add_argument("--learning-rates", nargs="+", type=float, metavar="LR", help="of fine-tuning; default: the profile's")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="other values of the profile, such as mlm_steps=100")
    parser.add_argument("--out", default="runs", metavar="DIR", help="the run store; results.csv, with all its runs, is written there too; default: runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share this machine's cores and GPUs; default: 1")
    parser.add_argument("--ray", nargs="?", const=True, default=None, metavar="ADDRESS",
                        help="carry the runs out on a Ray cluster; without an address that of RAY_ADDRESS, or a new one on this machine")
    parser.add_argument("--cpus", type=float, default=1, help="with --ray: cores for each run; default: 1")
    parser.add_argument("--gpus", type=float, help="with --ray: GPUs for each run, such as 0.5; default: one, where there are any")
    parser.add_argument("--checkpoints-only", action="store_true",
                        help="make only the pruned checkpoints; the way to share one training out with accelerate launch")
    parser.add_argument("--dry-run", action="store_true", help="only tell how much there is to do")
    options = parser.parse_args(arguments)
    if options.checkpoints_only and (options.jobs > 1 or options.ray):
        parser.error("--checkpoints-only makes one checkpoint after the other; leave out --jobs and --ray")
    if profiles.launched_processes() > 1 and not options.checkpoints_only:
        parser.error("several processes can train together only with --checkpoints-only; afterwards the same command without "
                     "that and without accelerate launch fine-tunes what they made")
    try:
        profile = profiles.get(options.profile) if options.profile else profiles.current()
        profile = dataclasses.replace(profile, **dict(_setting(profile, text) for text in options.set))
        runs = plan(options.conditions, options.sparsities or profile.sparsities, options.tasks or profile.tasks,
                    options.seeds or profile.seeds, options.learning_rates, profile)
        store = RunStore(options.out)
        if options.dry_run:
            return print(experiment.tell(runs, store))
        if options.checkpoints_only:
            return experiment.checkpoints(runs, store)
        experiment.sweep(runs, store, options.jobs, ray=options.ray, cpus=options.cpus, gpus=options.gpus)
        failed = None
    except FailedTasks as error:
        failed = error
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"\ninterrupted; finished runs are kept in {options.out}, the same command goes on from there\n")
    rows = store.rows([run.key for run in runs])
    if len(rows):
        with store.lock("results"):  # others may share this store
            store.publish("results.csv", store.rows().to_csv(index=False))
            store.publish("results.json", json.dumps(_summary(store, profile), indent=1) + "\n")
        table = rows[rows.metric == rows.task.map(data.main_metric)].pivot_table(index=["condition", "sparsity"], columns="task", values="value")
        print((100 * table).round(1).to_string())
        print(f"accuracy in %{', for stsb 100 × Pearson correlation' if 'stsb' in table else ''}, mean over {rows.seed.nunique()} seed(s); {len(rows)} rows in {store.folder / 'results.csv'}")
    if failed:
        parser.exit(1, f"{parser.prog}: {failed}\n")


def _summary(store, profile):
    """Provenance of all that a store holds, with the commands that went before."""
    earlier = store.folder / "results.json"
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
