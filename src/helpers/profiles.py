"""The three scales of the course, and the one place that reads the environment.

A profile is a frozen set of values in parts; no profile changes the code path. `PRUNING_PROFILE`
chooses one, `HUB_MIRROR` names a folder laid out by hub id that is looked at before the hub.
"""

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .conditions import CONDITIONS

ASSETS = Path(__file__).parent / "assets"
POCKET = "pocket"  # the id of the model, the text and the tasks that ship with the package


@dataclass(frozen=True)
class Pretraining:
    """The model, its MLM text, and the MLM training that prunes.

    Rates are peaks, steps are optimizer steps.
    """

    model: str  # hub id, folder, or "pocket"
    # "pocket", a hub id, or corpora, each (hub id, config) or (hub id, config, share)
    text: str | tuple
    text_config: str | None  # of a single hub id
    text_rows: int | None  # None: all
    max_length: int  # tokens
    burn_in_steps: int  # MLM training before anything else, without pruning
    steps: int
    ramp_steps: int  # of these, how many until the final sparsity
    frequency: int  # steps between recomputations of the masks
    batch: int
    mlm_probability: float  # share of the words that are masked
    learning_rate: float
    warmup_steps: int
    seed: int | None = None  # None: each run's own; a number: one checkpoint for all seeds
    text_streaming: bool = False  # read the text while it is used, instead of tokenising it first
    options: tuple = ()  # more fields of transformers.TrainingArguments, as pairs of (name, value)
    comment_probability: float | None = None  # of the pocket world's comments; None: as for words
    comment_weight: float = 1.0  # how often a comment counts in the MLM loss of training

    @property
    def corpora(self) -> list[tuple[tuple[str, str | None], float]]:
        """The corpora, as pairs of (hub id, config) and share; shares not given are equal."""
        corpora = ((self.text, self.text_config),) if isinstance(self.text, str) else self.text
        if not corpora or not all(isinstance(c, tuple) and len(c) in (2, 3) for c in corpora):
            raise ValueError(
                "text must be a hub id or a tuple of (hub id, config) or (hub id, config, share), "
                f"got {self.text!r}"
            )
        shares = [corpus[2] if len(corpus) == 3 else 1 for corpus in corpora]
        return [(corpus[:2], share / sum(shares)) for corpus, share in zip(corpora, shares)]


@dataclass(frozen=True)
class FineTuning:
    """The tasks' data and the training on them."""

    glue: str  # hub id of the tasks, or "pocket"
    train_rows: int | None  # None: all
    dev_rows: int | None
    max_length: int  # tokens
    epochs: int
    deletion_epochs: tuple  # of information deletion: pairs of (from this sparsity on, epochs)
    before_after_epochs: tuple  # pairs of (from this sparsity on, (epochs before, after pruning))
    batch: int
    options: tuple = ()  # more fields of transformers.TrainingArguments, as pairs of (name, value)

    def epochs_for(self, condition: str, sparsity: float) -> int | tuple[int, int]:
        """Epochs of a condition; where it prunes half-way, a pair: those before and those after."""
        value = getattr(self, CONDITIONS[condition].epochs)
        if isinstance(value, tuple):  # of the pairs the last whose sparsity is not above this one
            return [epochs for start, epochs in value if start <= sparsity][-1]
        return value


@dataclass(frozen=True)
class Profile:
    """One scale of the experiment: two parts that say what a run does, and a sweep's runs."""

    name: str
    pretraining: Pretraining
    fine_tuning: FineTuning
    tasks: tuple
    learning_rates: tuple  # of fine-tuning
    seeds: tuple
    sparsities: tuple
    checkpoint_every: int | None  # steps between checkpoints to resume from
    own_tasks: tuple = ()  # of `helpers.tasks.Task`: those that are not GLUE's

    @property
    def model(self) -> str:
        """Hub id or folder of the model, or "pocket"."""
        return self.pretraining.model

    def replace(self, **changes) -> "Profile":
        """The profile with other values; those of a part are given as a dict.

        Examples
        --------
        >>> get("tiny").replace(seeds=(7,), pretraining={"steps": 100}).pretraining.steps
        100
        """
        parts = {name: value for name, value in changes.items() if isinstance(value, dict)}
        for name, values in parts.items():
            changes[name] = dataclasses.replace(getattr(self, name), **values)
        return dataclasses.replace(self, **changes)


TENS = tuple(n / 10 for n in range(10))

PROFILES = {
    "tiny": Profile(
        "tiny",
        Pretraining(
            POCKET,
            POCKET,
            None,
            text_rows=60_000,
            max_length=32,
            burn_in_steps=0,
            steps=200,
            ramp_steps=100,
            frequency=10,
            batch=96,
            mlm_probability=0.3,  # sentences of the pocket world are short
            learning_rate=1e-3,
            warmup_steps=10,
            comment_probability=0.8,
            comment_weight=3.0,
        ),
        FineTuning(
            POCKET,
            train_rows=2_048,
            dev_rows=2_000,
            max_length=32,
            # here and in small all conditions train equally long; the paper's are a control
            epochs=12,
            deletion_epochs=((0, 12),),
            before_after_epochs=((0, (6, 6)),),
            batch=32,
        ),
        tasks=("cola", "sst2", "qqp", "mnli", "qnli"),
        learning_rates=(1e-3,),
        seeds=(0, 1, 2),
        sparsities=(0.3, 0.5, 0.6, 0.7, 0.8, 0.9),
        checkpoint_every=None,
    ),
    "small": Profile(
        "small",
        Pretraining(
            "google/bert_uncased_L-2_H-128_A-2",
            "Salesforce/wikitext",
            "wikitext-103-raw-v1",
            text_rows=20_000,
            max_length=64,
            burn_in_steps=1_000,
            steps=2_000,
            ramp_steps=500,
            frequency=10,
            batch=32,
            mlm_probability=0.15,
            learning_rate=5e-4,
            warmup_steps=50,
        ),
        FineTuning(
            "nyu-mll/glue",
            train_rows=4_000,
            dev_rows=1_000,
            max_length=64,
            epochs=4,
            deletion_epochs=((0, 4),),
            before_after_epochs=((0, (2, 2)),),
            batch=32,
            # little padding: half the time on short sentences
            options=(("train_sampling_strategy", "group_by_length"),),
        ),
        tasks=("cola", "sst2", "mrpc", "mnli", "qnli"),
        learning_rates=(2e-4,),
        seeds=(0, 1, 2),
        sparsities=TENS,
        checkpoint_every=500,
    ),
    "paper": Profile(
        "paper",
        Pretraining(
            "google-bert/bert-base-uncased",
            # BERT's own corpora by their words (Devlin et al. 2019, Sec. 3.1: 2,500 and 800
            # million);
            # this copy of BookCorpus is one that `datasets` can load, since it runs no scripts:
            # the same 74,004,228 sentences as bookcorpus/bookcorpus
            (("wikimedia/wikipedia", "20231101.en", 2_500), ("SamuelYang/bookcorpus", None, 800)),
            None,
            text_rows=None,
            max_length=128,
            burn_in_steps=0,
            steps=100_000,
            ramp_steps=10_000,
            frequency=10,
            batch=32,
            mlm_probability=0.15,
            learning_rate=2e-5,
            warmup_steps=10,
            text_streaming=True,
            options=(("adam_epsilon", 1e-6), ("bf16", True), ("dataloader_num_workers", 4)),
        ),
        FineTuning(
            "nyu-mll/glue",
            train_rows=None,
            dev_rows=None,
            max_length=128,
            epochs=3,
            deletion_epochs=((0, 13), (0.7, 15)),
            before_after_epochs=((0, (3, 5)), (0.8, (3, 7))),
            batch=32,
            options=(("adam_epsilon", 1e-6), ("bf16", True), ("dataloader_num_workers", 4)),
        ),
        tasks=("mnli", "qqp", "qnli", "sst2", "cola"),
        learning_rates=(2e-5, 3e-5, 4e-5, 5e-5),
        seeds=(0,),
        sparsities=TENS,
        checkpoint_every=5_000,
    ),
}


def get(name: str) -> Profile:
    """The profile of a name, or a ValueError that lists the valid ones."""
    if name not in PROFILES:
        raise ValueError(
            f"unknown profile {name!r}; choose one of {', '.join(PROFILES)} "
            "(environment variable PRUNING_PROFILE)"
        )
    return PROFILES[name]


def current(**changes) -> Profile:
    """The profile that `PRUNING_PROFILE` names (default tiny), changed as by `Profile.replace`.

    Examples
    --------
    >>> current(pretraining={"steps": 100}).pretraining.steps
    100
    """
    return get(os.environ.get("PRUNING_PROFILE", "tiny")).replace(**changes)


def mirror() -> Path | None:
    """The folder that `HUB_MIRROR` names, or None; a folder that is not there is an error."""
    folder = os.environ.get("HUB_MIRROR")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"HUB_MIRROR is {folder!r}, but there is no such folder; correct it, or unset it to "
            "use the hub"
        )
    return Path(folder)


def locate(hub_id: str) -> str:
    """Where to load a hub id from: the package's assets, the mirror, a folder, or the hub itself.

    Returns
    -------
    str
    """
    if hub_id == POCKET:
        return str(ASSETS / "pocket-bert")
    folder = mirror()
    found = folder and folder / hub_id
    return str(found) if found and found.is_dir() else hub_id


def stamp(where: str) -> tuple | None:
    """What a folder's files, or one file, look like from outside; None if there is nothing.

    Name, size and time of modification of each: what changes when a file is rewritten.

    Parameters
    ----------
    where : str
        As `locate` gives it.

    Returns
    -------
    tuple or None
        The absolute path, then a triple (name, bytes, nanoseconds) a file.
    """
    folder = Path(where)
    if not folder.exists():
        return None
    files = [(path, path.stat()) for path in _files(folder)]
    of_files = [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files]
    return (str(folder.resolve()), *of_files)


def content(where: str) -> str | None:
    """A checksum of what a folder of a model or of data holds, or a file; None if there is nothing.

    Names, sizes and bytes count, of files above 1 GB only three samples of bytes. Read again only
    when a file has changed. In a folder of tables nothing else counts, and nowhere a run store.

    Parameters
    ----------
    where : str
        As `locate` gives it.

    Returns
    -------
    str or None
    """
    return _content(where, stamp(where))


TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


@cache
def _content(where, stamp):
    if stamp is None:
        return None
    folder, checksum = Path(where), hashlib.sha256()
    for path in _files(folder):
        size = path.stat().st_size
        checksum.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with open(path, "rb") as file:
            if size <= 1 << 30:
                while block := file.read(1 << 20):
                    checksum.update(block)
            else:
                for start in (0, size // 2, size - (1 << 20)):
                    file.seek(start)
                    checksum.update(file.read(1 << 20))
    return checksum.hexdigest()[:12]


def _files(folder):
    if folder.is_file():
        return [folder]
    found = list(folder.rglob("*"))  # one walk: it is asked at every use of what was read
    stores = {p.parent for p in found if p.name == "checkpoints" and (p.parent / "runs").is_dir()}
    files = [p for p in found if p.is_file() and not p.name.startswith(".")]
    files = [p for p in files if stores.isdisjoint(p.parents)]
    if any(p.parent == folder and p.suffix in TABLES for p in files):
        files = [p for p in files if p.suffix in TABLES or p.name == "README.md"]
    return sorted(files)
