"""The command line: ``python -m helpers.lab --help``."""

import argparse
import dataclasses
import json
import math
import shlex
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.backend_bases import FigureCanvasBase

from .. import machine, own, paper, plots, profiles, reference, suit, tasks
from ..claims import MARKS, RULES, judge, rule
from ..conditions import CONDITIONS, LATER, OF_THE_PAPER
from . import estimate, experiment, export, results
from .runs import checkpoint_of, from_record, plan, superseded, tell
from .settings import PARTS, with_settings, words_of
from .store import RunStore
from .values import NAME, RATE, SEED, SPARSITY, check_values, one_of, whole
from .workers import FailedTasks, is_address

PROGRAM = "python -m helpers.lab"
EXAMPLES = f"""\
a CSV of yours with the columns review and stars, from a look at it to a figure:
  {PROGRAM} tasks reviews.csv text=review label=stars
  {PROGRAM} run --profile small --task reviews.csv text=review label=stars \\
      --conditions majority dense prune_pretrain --sparsities 0.5 0.8 --seeds 0 \\
      --set steps=300 ramp_steps=150 burn_in_steps=300 --out runs/look
  {PROGRAM} judge runs/look --figure look.png
  {PROGRAM} export runs/look pruned-80 --sparsity 0.8

That is a first look, with shortened training. For numbers leave out --set, and take another --out,
more sparsities and seeds. With plan in place of run you learn first how long that takes.

without a command, options are those of run. Several cores, GPUs and machines: docs/scaling.md."""
CONFIGURATION = """\
the same in a file, sweep.toml, which goes into the store, too (flags come on top of it):

  profile = "small"
  conditions = ["dense", "prune_pretrain"]
  sparsities = [0.5, 0.7, 0.9]
  seeds = [0]
  out = "runs/reviews"
  [fine_tuning]
  train_rows = 2000
  [task.reviews]
  data = "reviews.csv"
  text = "review"
  label = "stars"
"""


def main(arguments=None):
    """Carry out what the command line asks for; ends the process where that fails."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = make_parser()
    if not arguments or arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        arguments = ["run", *arguments]
    try:
        options = parser.parse_args(arguments)
        if getattr(options, "config", None):
            words = words_of(options.config, _options_of_a_sweep())
            typed = [word for word in arguments[1:] if word != options.config]
            options = parser.parse_args([arguments[0], options.config, *words, *typed])
        options.command(parser, options)
    except FailedTasks as error:
        parser.exit(1, f"{PROGRAM}: {error}\n")
    except (ValueError, TypeError, OSError, ImportError) as error:
        parser.exit(2, f"{PROGRAM}: {' '.join(str(error).split())}\n")
    except KeyboardInterrupt:
        kept = f"; finished runs are kept in {options.out}" if "out" in options else ""
        parser.exit(130, f"\ninterrupted{kept}, the same command goes on from there\n")


def run(parser, options):
    """Plan the runs and do with them what the options say."""
    check_together(parser, options)
    profile, runs = _planned(options)
    store = RunStore(options.out)
    if options.dry_run:
        print(tell(runs, store))
        for line in estimate.tell_costs(runs, store, options.jobs):
            print(line)
        return
    if options.config:
        text = Path(options.config).read_text(encoding="utf-8")
        store.publish(Path(options.config).name, text)
    if options.checkpoints_only:
        experiment.checkpoints(runs, store)
        return
    cpus = 1 if options.cpus is None else options.cpus
    engine = {"ray": options.ray, "cpus": cpus, "gpus": options.gpus}
    try:
        experiment.sweep(runs, store, options.jobs, **engine)
    except FailedTasks:
        report(runs, store, profile)
        raise
    report(runs, store, profile)
    print(f"Beside the course's: {PROGRAM} judge {shlex.quote(options.out)} --figure curves.png")


def _planned(options):
    """The profile and the runs that the options of a sweep ask for; what is decided is printed."""
    profile = profiles.get(options.profile) if options.profile else profiles.current()
    profile = with_settings(profile, options.set)
    if options.model:
        profile = profile.replace(pretraining={"model": options.model})
    check_values(profile)
    said = {text.partition("=")[0].rpartition(".")[2] for text in options.set}
    # a rate or a number of steps that is written without its part can only be of pre-training
    keep = said | ({"learning_rates"} if options.learning_rates else set())
    profile, reasons = suit.suited(profile, keep)
    for reason in reasons:
        print(f"{reason}.")
    if options.range_test:
        profile = _with_tested_rate(profile, options)
    described = [own.from_words(words) for words in options.task or ()]
    for task in described:
        print(own.told(task))
    named = options.tasks or ([] if described else profile.tasks)
    runs = plan(
        options.conditions,
        options.sparsities or profile.sparsities,
        [*named, *described],
        options.seeds or profile.seeds,
        options.learning_rates,
        profile,
    )
    return runs[0].profile, runs  # with the tasks of one's own


def _with_tested_rate(profile, options):
    described = [own.from_words(words) for words in options.task or ()]
    task = (described or options.tasks or profile.tasks)[0]
    rate, told = estimate.range_test(tasks.with_own(profile, task), task)
    print(f"{told} From now on write --learning-rates {rate:g} in place of --range-test.")
    return profile.replace(learning_rates=(rate,))


def judge_results(parser, options):
    """Print what results say of the claims, and draw their curves."""
    tables = {}
    for source in options.sources:
        name, equals, path = source.partition("=")
        if not equals or Path(source).exists():
            name, path = Path(source).name, source
        found = results.read(path)
        for label, rows in found.items():
            label = name if len(found) == 1 else f"{name}: {label}"
            if label in tables:
                raise ValueError(f"two sources are called {label!r}; name them, as in MINE={path}")
            tables[label] = rows
    verdicts = {name: judge(rows) for name, rows in tables.items()}
    for number, claim in paper.claims().iterrows():
        if options.claims and number not in options.claims:
            continue
        judged = {name: found[number] for name, found in verdicts.items() if number in found}
        if not judged:
            continue
        print(f"{number}. {claim.claim} (§{claim.section}).")
        print(textwrap.fill(f"Rule: {rule(number)}", 100, initial_indent="   "))
        for name, found in judged.items():
            settles = f" To settle it: {found.settles}" if found.settles else ""
            told = f"{name}: {MARKS[found.verdict]} {found.verdict}. {found.evidence}.{settles}"
            print(textwrap.fill(told, 100, initial_indent="   ", subsequent_indent="     "))
    print("Claims 7 to 10 are measured on weights; notebooks 03 and 07 judge them.")
    if options.figure:
        print(_figure(tables, options.figure))


def _figure(tables, path):
    """Draw what pruning costs in results, beside the course's, and say where."""
    metric = next(
        (m for m in ("accuracy", "pearson") if all((r.metric == m).any() for r in tables.values())),
        "accuracy",
    )
    has = {c: {n: r for n, r in tables.items() if (r.condition == c).any()} for c in CONDITIONS}
    pruned = [c for c in CONDITIONS if CONDITIONS[c].prunes and has[c]][:2]
    if not pruned:
        raise ValueError("no figure: these results have no pruned runs; run prune_pretrain, too")
    course = reference.sources() | {"BERT-Base (paper)": paper.table1_rows()}
    plots.use_style()
    options = {"figsize": (8.4, 4.4 * len(pruned)), "layout": "constrained", "squeeze": False}
    figure, axes = plt.subplots(len(pruned), **options)
    for condition, ax in zip(pruned, axes.flat, strict=True):
        plots.beside_the_course(has[condition], course, condition, metric, ax)
        ax.set_title(f"{CONDITIONS[condition].label}\n{ax.get_title(loc='left')}")
    figure.savefig(path, dpi=150)
    return (
        f"{path} has the figure: stars are {', '.join(tables)}, thin lines the course's. Each line "
        "is the difference from its own dense model. A model of the course that was not run on "
        "your task shows the mean over its own tasks."
    )


def export_run(parser, options):
    """Export the pruned checkpoint of a run in a store."""
    folder = Path(options.folder)
    if folder.is_file() or folder.is_dir() and any(folder.iterdir()) and not _is_model(folder):
        raise FileExistsError(
            f"{folder} holds something else, which an export would overwrite; name a new folder"
        )
    store = results.existing(options.store)
    records = [record for key in store.keys() if (record := store.read(key))]
    fits = [
        run
        for run in map(from_record, (record["run"] for record in records))
        if CONDITIONS[run.condition].prunes_pretraining
        and (options.condition is None or run.condition == options.condition)
        and (options.sparsity is None or math.isclose(run.sparsity, options.sparsity))
        and (options.seed is None or run.seed == options.seed)
        and (options.model is None or run.profile.model == options.model)
    ]
    if not fits:
        names = ("condition", "sparsity", "seed", "model")
        asked = {name: getattr(options, name) for name in names}
        asked = [f"{name} {value}" for name, value in asked.items() if value is not None]
        which = f"with {', '.join(asked)}" if asked else "at all"
        pruned = sorted(
            {
                f"{run.condition} {run.sparsity:g} (seed {run.seed}, model {run.profile.model})"
                for run in map(from_record, (record["run"] for record in records))
                if CONDITIONS[run.condition].prunes_pretraining
            }
        )
        raise ValueError(
            f"{options.store} has no pruned run {which}; it has {', '.join(pruned) or 'none'}"
        )
    # a pruned model that nobody named is the sparsest of those that were asked for
    what = lambda run: (run.sparsity, run.condition == "prune_pretrain", -run.seed)
    # of several settings the one that trained longest
    chosen = max(fits, key=lambda run: (*what(run), run.profile.pretraining.steps))
    if len({results.settings_of(run) for run in fits if what(run) == what(chosen)}) > 1:
        print(
            f"{options.store} has this run with several settings; taken are the most MLM steps, "
            f"{chosen.profile.pretraining.steps:,}. For the others, export from Python: "
            "helpers.lab.export.export_model."
        )
    rows = results.rows_like(chosen, store)
    if not store.has_checkpoint(checkpoint_of(chosen).key):
        steps = chosen.profile.pretraining.steps
        print(
            f"The checkpoint of this run is no longer in {store.folder}: it is trained again, "
            f"{steps:,} MLM steps.",
            flush=True,
        )
    folder = export.export_model(chosen, options.folder, rows, store, options.license)
    if options.onnx:
        export.save_onnx(folder)
    files = ", ".join(sorted(path.name for path in folder.iterdir()))
    print(f"{chosen.condition} at {chosen.sparsity:.0%}, seed {chosen.seed}: {folder} has {files}.")
    print(f"To the hub: hf upload YOU/{folder.resolve().name} {shlex.quote(str(folder))}")


def _is_model(folder):
    return (folder / "config.json").is_file()


def show_tasks(parser, options):
    """List GLUE's tasks, or tell what a description of one's own comes to."""
    if options.words:
        print(own.told(own.from_words(options.words)))
        return
    for task in tasks.GLUE.values():
        asked = "a number" if task.is_regression else ", ".join(task.labels)
        print(f"{task.name:16} {task.title}: {', '.join(task.columns)} -> {asked}")
        print(f"{'':16} measured: {', '.join(task.metrics)}")
    print("\nThe tiny profile has cola, sst2, qqp, mnli and qnli, in the pocket world's words.")
    print(f"One of your own: {PROGRAM} tasks reviews.csv text=review label=stars")


def show_conditions(parser, options):
    """List the conditions with what is done to the model."""
    for condition in CONDITIONS.values():
        when = "after the paper" if condition.later else "of the paper, run by default"
        print(f"{condition.name:22} {condition.words} ({when})")


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without listing all options."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help lists what there is\n")


def value(kind, rule):
    """What makes a word of the command line a value that a rule of `helpers.lab.values` allows."""
    is_right, words = rule

    def read(text):
        try:
            made = kind(text)
        except ValueError:
            made = None
        if made is None or not is_right(made):
            raise argparse.ArgumentTypeError(f"must be {words}, got {text!r:.80}")
        return made

    return read


PRUNED = [name for name, condition in CONDITIONS.items() if condition.prunes_pretraining]
WORD = value(str, NAME)
CLAIM = (lambda number: number in RULES, f"the number of a claim, 1 to {max(RULES)}")
CPUS = (lambda count: 0 <= count < math.inf, "a number of at least 0")
GPUS = (
    lambda count: 0 <= count < math.inf and (count <= 1 or count == int(count)),
    "a fraction of one GPU or a whole number of them",
)
ADDRESS = (is_address, "HOST:PORT with a port up to 65535, auto or local")
LICENCE = (
    lambda text: text and all(c.isalnum() or c in ".-+" for c in text),
    "the hub's short name of a licence, such as apache-2.0",
)
FIGURE = (
    lambda path: (
        path.suffix[1:] in FigureCanvasBase.filetypes and path.parent.is_dir() and not path.is_dir()
    ),
    f"a file in a folder that is there, its end one of {', '.join(FigureCanvasBase.filetypes)}",
)


def make_parser():
    """The commands, their options and their help."""
    shape = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = Parser(
        prog=PROGRAM,
        description="Sweeps of pruning experiments: your model, your data, your sparsities.",
        epilog=EXAMPLES,
        **shape,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, help, function, epilog=EXAMPLES):
        made = commands.add_parser(
            name, help=help, description=_sentence(help), epilog=epilog, **shape
        )
        made.set_defaults(command=function)
        return made

    about_runs = f"{CONFIGURATION}\n{_fields()}\n\n{EXAMPLES}"
    _add_sweep(command("run", "carry out the runs of a sweep; again, it goes on", run, about_runs))
    planned = command("plan", "measure a few steps, tell hours, memory and disk", run, about_runs)
    _add_sweep(planned)
    planned.set_defaults(dry_run=True)
    made = command("judge", "judge the paper's claims by any results", judge_results)
    made.add_argument(
        "sources",
        help="a run store, its results.csv, or a CSV with the same columns, such as a colleague's; "
        "NAME=PATH gives it a name",
        nargs="+",
        type=WORD,
        metavar="RESULTS",
    )
    made.add_argument(
        "--claims", help="only these numbers", type=value(int, CLAIM), nargs="+", metavar="N"
    )
    made.add_argument(
        "--figure",
        help="draw what pruning costs, beside the course's, into a PNG",
        type=value(Path, FIGURE),
        metavar="FILE",
    )
    made = command("export", "save a pruned checkpoint with a model card", export_run)
    made.add_argument("store", help="the run store", type=WORD, metavar="STORE")
    made.add_argument("folder", help="its last part names the model", type=WORD, metavar="FOLDER")
    pruned = one_of(PRUNED)
    numbers = {"sparsity": (float, SPARSITY), "seed": (int, SEED)}
    typed = {name: value(*how) for name, how in numbers.items()}
    made.add_argument(
        "--condition", help=f"{pruned[1]}; default: any", type=value(str, pruned), metavar="C"
    )
    made.add_argument(
        "--sparsity", help="default: the highest", type=typed["sparsity"], metavar="N"
    )
    made.add_argument("--seed", help="default: the lowest", type=typed["seed"], metavar="N")
    made.add_argument("--model", help="where the store has several", type=WORD, metavar="ID")
    made.add_argument(
        "--onnx",
        help="also write model.onnx, for ONNX Runtime and OpenVINO",
        action="store_true",
    )
    made.add_argument("--license", help=LICENCE[1], type=value(str, LICENCE), metavar="NAME")
    made = command("tasks", "list GLUE's tasks, or look at data of your own", show_tasks)
    made.add_argument(
        "words",
        help=f"of {', '.join(own.FIELDS)}; text=a,b for a pair",
        nargs="*",
        metavar="FIELD=VALUE",
    )
    command("conditions", "list what can be done to the model", show_conditions)
    return parser


def _sentence(text):
    return text[:1].upper() + text[1:] + "."


def _fields():
    fields = [f.name for part in PARTS for f in dataclasses.fields(_kind(part))]
    return textwrap.fill(
        "fields for --set: checkpoint_every, "
        f"{', '.join(dict.fromkeys(fields))}; one that both pre-training and fine-tuning have is "
        "written pretraining.batch or fine_tuning.batch.",
        90,
    )


def _kind(part):
    return profiles.Profile.__annotations__[part]


def _options_of_a_sweep():
    """The names of a sweep's options, and how many values they take."""
    parser = Parser(add_help=False)
    _add_sweep(parser)
    left_out = ("set", "task")
    return {
        action.option_strings[0].lstrip("-"): action.nargs
        for action in parser._actions
        if action.option_strings and action.dest not in left_out
    }


def _add_sweep(parser):
    """The options of a sweep."""

    def add(name, help, **more):
        parser.add_argument(name, help=help, **more)

    add("config", "a TOML file with these options, see below", nargs="?", metavar="SWEEP.toml")
    add(
        "--profile",
        f"one of {', '.join(profiles.PROFILES)}: model, text, tasks and all lengths; default: "
        "PRUNING_PROFILE or tiny",
        type=WORD,
    )
    add(
        "--model",
        "a hub id or folder of a BERT, DistilBERT, RoBERTa, ELECTRA, MobileBERT or ALBERT; "
        "default: the profile's. Rates and steps then follow a rule that is printed, unless you "
        "set them",
        type=WORD,
        metavar="ID",
    )
    add(
        "--conditions",
        f"of {', '.join(OF_THE_PAPER)}, which is the default; of what came later "
        f"{', '.join(LATER)}. The command conditions says what each does",
        nargs="+",
        default=list(OF_THE_PAPER),
        metavar="C",
    )
    several = {"nargs": "+", "metavar": "N"}
    sparsity, seed, rate = value(float, SPARSITY), value(int, SEED), value(float, RATE)
    add("--sparsities", "fractions in [0, 1); default: the profile's", type=sparsity, **several)
    add("--tasks", "GLUE tasks; default: the profile's", nargs="+", metavar="T")
    add(
        "--task",
        "a task of your own, such as --task reviews.csv text=review label=stars; again for "
        f"another. Fields: {', '.join(own.FIELDS)}",
        nargs="+",
        action="append",
        metavar="FIELD=VALUE",
    )
    add("--seeds", "default: the profile's", type=seed, **several)
    add("--learning-rates", "of fine-tuning; default: the profile's", type=rate, **several)
    add(
        "--range-test",
        "choose the learning rate of fine-tuning by a short test that raises it step by step",
        action="store_true",
    )
    add(
        "--set",
        "other values of the profile, such as pretraining.steps=100",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
    )
    add(
        "--out",
        "the run store; results.csv, with all its runs, is written there too; default: runs",
        default="runs",
        type=WORD,
        metavar="DIR",
    )
    add(
        "--jobs",
        "processes that share this machine's cores and GPUs; default: 1",
        type=value(int, whole(1)),
        default=1,
        metavar="N",
    )
    add(
        "--ray",
        "carry the runs out on a Ray cluster; without an address that of RAY_ADDRESS, or a new one "
        "on this machine",
        nargs="?",
        const=True,
        type=value(str, ADDRESS),
        metavar="ADDRESS",
    )
    add(
        "--cpus",
        "with --ray: cores for each run; default: 1",
        type=value(float, CPUS),
        metavar="N",
    )
    add(
        "--gpus",
        "with --ray: GPUs for each run, such as 0.5; default: one, where there are any",
        type=value(float, GPUS),
        metavar="N",
    )
    add(
        "--checkpoints-only",
        "make only the pruned checkpoints; the way to share one training out with accelerate "
        "launch",
        action="store_true",
    )
    add(
        "--dry-run",
        "only tell how much there is to do, as the command plan does",
        action="store_true",
    )


def check_together(parser, options):
    """Refuse options that do not go together."""
    if options.range_test and options.learning_rates:
        parser.error("--range-test chooses the learning rate; leave it or --learning-rates out")
    for name in ("cpus", "gpus"):
        if getattr(options, name) is not None and not options.ray:
            parser.error(f"--{name} {getattr(options, name):g} is for runs on Ray; add --ray")
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
    compared = {run.task: tasks.get(run.task, run.profile).metrics[0] for run in runs}
    main_rows = rows[rows.metric == rows.task.map(compared)]
    table = main_rows.pivot_table(index=["condition", "sparsity"], columns="task", values="value")
    print((100 * table).round(1).to_string())
    others = {t: plots.METRIC_LABEL[m] for t, m in compared.items() if m != "accuracy"}
    regression = "".join(f", for {t} 100 × {label}" for t, label in others.items())
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
    checkpoints = store.infos()
    commands = _json(earlier).get("commands")
    commands = commands if isinstance(commands, list) else []
    command = f"{PROGRAM} {shlex.join(sys.argv[1:])}"
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
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    main()
