"""The three scales of the course, and the one place that reads the environment.

A profile is a frozen set of values; no profile changes the code path. `PRUNING_PROFILE` chooses one,
`HUB_MIRROR` names a folder laid out by hub id that is looked at before the hub.
"""

import contextlib
import dataclasses
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
POCKET = "pocket"  # the id of the model, the text and the tasks that ship with the package


@dataclass(frozen=True)
class Profile:
    """Values of one scale of the experiment. Learning rates are peaks; steps are optimizer steps."""

    name: str
    model: str  # hub id, folder, or "pocket"
    text: str | tuple  # of the MLM text: "pocket", a hub id, or a tuple of corpora, each (hub id, config) or (hub id, config, share)
    text_config: str | None  # of a single hub id
    glue: str  # hub id of the tasks, or "pocket"
    tasks: tuple
    max_length: int  # tokens
    text_rows: int | None  # None: all
    train_rows: int | None
    dev_rows: int | None
    burn_in_steps: int  # MLM training before anything else, without pruning
    mlm_steps: int
    ramp_steps: int  # of these, how many until the final sparsity
    frequency: int  # steps between recomputations of the masks
    mlm_batch: int
    mlm_probability: float  # share of the words that are masked; half in the pocket world, where sentences are short
    mlm_learning_rate: float
    warmup_steps: int
    epochs: int
    deletion_epochs: tuple  # of information deletion, which trains longer: pairs of (from this sparsity on, epochs)
    before_after_epochs: tuple  # of prune_downstream: pairs of (from this sparsity on, (epochs before, epochs after))
    batch: int
    learning_rates: tuple
    seeds: tuple
    sparsities: tuple
    checkpoint_every: int | None  # steps between checkpoints to resume from
    mlm_seed: int | None = None  # of pruned MLM training; None: each run's own seed, a number: one checkpoint for all seeds
    text_streaming: bool = False  # read the MLM text while it is used, instead of tokenising all of it first
    trainer: tuple = ()  # other fields of transformers.TrainingArguments, as pairs of (name, value)
    fine_tuning: tuple = ()  # the same, for fine-tuning only

    @property
    def corpora(self):
        """The corpora of the MLM text, as pairs of (hub id, config) and share; shares that are not given are equal."""
        corpora = ((self.text, self.text_config),) if isinstance(self.text, str) else self.text
        if not corpora or not all(isinstance(corpus, tuple) and len(corpus) in (2, 3) for corpus in corpora):
            raise ValueError(f"text must be a hub id or a tuple of (hub id, config) or (hub id, config, share), got {self.text!r}")
        shares = [corpus[2] if len(corpus) == 3 else 1 for corpus in corpora]
        return [(corpus[:2], share / sum(shares)) for corpus, share in zip(corpora, shares)]

    def epochs_for(self, condition, sparsity):
        """Epochs of fine-tuning; for ``prune_downstream`` a pair, those before and those after pruning."""
        if condition == "info_deletion":
            return _from(self.deletion_epochs, sparsity)
        return _from(self.before_after_epochs, sparsity) if condition == "prune_downstream" else self.epochs


def _from(table, sparsity):
    """The value of the last pair of a table whose sparsity is not above this one."""
    return [value for start, value in table if start <= sparsity][-1]


TENS = tuple(n / 10 for n in range(10))

PROFILES = {
    "tiny": Profile(
        "tiny", POCKET, POCKET, None, POCKET, ("cola", "sst2", "qqp", "mnli", "qnli"), max_length=32,
        text_rows=60_000, train_rows=2_048, dev_rows=1_000, burn_in_steps=0, mlm_steps=800, ramp_steps=300, frequency=10,
        mlm_batch=96, mlm_probability=0.5, mlm_learning_rate=1e-3, warmup_steps=10, epochs=6, deletion_epochs=((0, 12),), before_after_epochs=((0, (6, 6)),),
        batch=32, learning_rates=(1e-3,), seeds=(0, 1, 2), sparsities=(0.3, 0.5, 0.6, 0.7, 0.8, 0.9), checkpoint_every=None,
    ),
    "small": Profile(
        "small", "google/bert_uncased_L-2_H-128_A-2", "Salesforce/wikitext", "wikitext-103-raw-v1", "nyu-mll/glue",
        ("cola", "sst2", "mrpc", "mnli", "qnli"), max_length=64, text_rows=20_000, train_rows=4_000, dev_rows=1_000,
        burn_in_steps=1_000, mlm_steps=2_000, ramp_steps=500, frequency=10, mlm_batch=32, mlm_probability=0.15, mlm_learning_rate=5e-4,
        warmup_steps=50, epochs=3, deletion_epochs=((0, 6),), before_after_epochs=((0, (3, 3)),), batch=32, learning_rates=(2e-4,),
        seeds=(0, 1, 2), sparsities=TENS, checkpoint_every=500,
        fine_tuning=(("train_sampling_strategy", "group_by_length"),),  # little padding: half the time on short sentences
    ),
    "paper": Profile(
        # BERT's own corpora by their words (Devlin et al. 2019, Sec. 3.1: 2,500 and 800 million); this copy of BookCorpus is
        # one that `datasets` can load, since it runs no scripts: the same 74,004,228 sentences as bookcorpus/bookcorpus
        "paper", "google-bert/bert-base-uncased",
        (("wikimedia/wikipedia", "20231101.en", 2_500), ("SamuelYang/bookcorpus", None, 800)), None, "nyu-mll/glue",
        ("mnli", "qqp", "qnli", "sst2", "cola"), max_length=128, text_rows=None, train_rows=None, dev_rows=None,
        burn_in_steps=0, mlm_steps=100_000, ramp_steps=10_000, frequency=10, mlm_batch=32, mlm_probability=0.15, mlm_learning_rate=2e-5,
        warmup_steps=10, epochs=3, deletion_epochs=((0, 13), (0.7, 15)), before_after_epochs=((0, (3, 5)), (0.8, (3, 7))), batch=32,
        learning_rates=(2e-5, 3e-5, 4e-5, 5e-5), seeds=(0,), sparsities=TENS, checkpoint_every=5_000,
        text_streaming=True, trainer=(("adam_epsilon", 1e-6), ("bf16", True), ("dataloader_num_workers", 4)),
    ),
}


def get(name):
    """The profile of a name, or a ValueError that lists the valid ones."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}; choose one of {', '.join(PROFILES)} (environment variable PRUNING_PROFILE)")
    return PROFILES[name]


def current(**changes):
    """The profile that `PRUNING_PROFILE` names (default tiny), with `changes` to its values.

    Examples
    --------
    >>> current(mlm_steps=100).mlm_steps
    100
    """
    return dataclasses.replace(get(os.environ.get("PRUNING_PROFILE", "tiny")), **changes)


def mirror():
    """The folder that `HUB_MIRROR` names, or None; a folder that is not there is an error."""
    folder = os.environ.get("HUB_MIRROR")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"HUB_MIRROR is {folder!r}, but there is no such folder; correct it, or unset it to use the hub")
    return Path(folder)


def locate(hub_id):
    """Where to load a hub id from: the package's assets, the mirror, a folder, or the hub itself.

    Returns
    -------
    str
    """
    if hub_id == POCKET:
        return str(ASSETS / "pocket-bert")
    found = mirror() and mirror() / hub_id
    return str(found) if found and found.is_dir() else hub_id


def launched_processes():
    """How many processes `accelerate launch` or `torchrun` started to train together; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", 1))


def cores():
    """How many cores a computation here may use at once: those that the process is given, or fewer by `OMP_NUM_THREADS`."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(given, int(os.environ.get("OMP_NUM_THREADS") or given))


def variables():
    """The environment variables that processes on other machines need to find the same data."""
    return {name: os.environ[name] for name in ("HUB_MIRROR", "HF_HUB_OFFLINE") if name in os.environ}


@contextlib.contextmanager
def one_gpu(number, count):
    """Processes started inside see one of the `count` GPUs that this process sees, chosen by `number`."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count:
        visible = before.split(",") if before else [str(gpu) for gpu in range(count)]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[number % count]
    try:
        yield
    finally:
        if count and before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        elif count:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


@cache
def provenance():
    """Machine, versions and commit, to store beside results."""
    import datetime
    import platform
    import subprocess
    from importlib.metadata import version

    try:
        git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=Path(__file__).parent)
        commit = git.stdout.strip()
    except OSError:  # no git on this machine
        commit = ""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "datasets", "numpy")},
        "commit": commit or "unknown",
        "date": datetime.date.today().isoformat(),
    }


def peak_memory_mb():
    """The most memory this process has held so far, in megabytes, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))
