"""What the values of an experiment may be; all of them are checked before anything is run."""

import math
import types
import typing
from enum import Enum
from numbers import Integral, Real

from transformers import TrainingArguments

from .. import pocket
from ..profiles import POCKET, Profile
from ..tasks import Task, get
from ..training import check_options, fine_tune, train_mlm

# fields of TrainingArguments, and what decides them here
DECIDED_BY = {
    "output_dir": "the run store",
    "seed": "the run's seed",
    "max_steps": "pretraining.steps",
    "num_train_epochs": "fine_tuning.epochs",
    "learning_rate": "pretraining.learning_rate, and the learning rates of the sweep",
    "warmup_steps": "pretraining.warmup_steps",
    "per_device_train_batch_size": "pretraining.batch and fine_tuning.batch",
    "per_device_eval_batch_size": "the course",
    "save_strategy": "checkpoint_every",
    "save_steps": "checkpoint_every",
}


def _is_whole(value):
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def whole(least):
    """The rule for whole numbers of at least `least`."""
    return lambda value: _is_whole(value) and value >= least, f"a whole number of at least {least}"


def one_of(names):
    """The rule for one of several names, of which at most 15 are listed."""
    more = f", and {len(names) - 15} more" if len(names) > 15 else ""
    return lambda value: value in names, f"one of {', '.join(names[:15])}{more}"


def _or_none(rule):
    check, words = rule
    return lambda value: value is None or check(value), f"{words}, or None"


def _pairs(rule):
    """Pairs of (from this sparsity on, value), the first of them for sparsity 0."""
    check, words = rule

    def all_of_them(value):
        return (
            isinstance(value, tuple)
            and bool(value)
            and all(isinstance(p, tuple) and len(p) == 2 and SPARSITY[0](p[0]) for p in value)
            and value[0][0] == 0
            and sorted(value, key=lambda pair: pair[0]) == list(value)
            and all(check(pair[1]) for pair in value)
        )

    return all_of_them, f"pairs of (sparsity, {words}) by rising sparsity, the first for 0"


POSITIVE = (lambda value: _is_number(value) and value > 0, "a finite number above 0")
RATE = (lambda value: _is_number(value) and 0 < value <= 1, "a number above 0, and at most 1")
SHARE = (lambda value: _is_number(value) and 0 < value < 1, "a number between 0 and 1")
SPARSITY = (
    lambda value: _is_number(value) and 0 <= value < 1,
    "a fraction in [0, 1), so 0.6 for 60%",
)
SEED = (lambda value: _is_whole(value) and 0 <= value < 2**32, "a whole number in 0 to 2**32 - 1")
NAME = (lambda value: isinstance(value, str) and bool(value.strip()), "a name that is not empty")
FLAG = (lambda value: isinstance(value, bool), "True or False")
BELOW_ONE = (lambda value: _is_number(value) and 0 <= value < 1, "a number of at least 0, below 1")
# fields of TrainingArguments: by their types, and some more narrowly
KINDS = {
    bool: FLAG,
    int: whole(0),
    float: (lambda value: _is_number(value) and value >= 0, "a finite number of at least 0"),
    str: (lambda value: isinstance(value, str), "a text"),
    list[str]: (
        lambda value: (
            isinstance(value, tuple | list) and all(isinstance(one, str) for one in value)
        ),
        "a list of names",
    ),
    types.NoneType: (lambda value: value is None, "None"),
}
NARROWER = {
    "gradient_accumulation_steps": whole(1),
    "adam_beta1": BELOW_ONE,
    "adam_beta2": BELOW_ONE,
    "label_smoothing_factor": BELOW_ONE,
}
TWO_EPOCHS = (
    lambda value: isinstance(value, tuple) and len(value) == 2 and all(map(whole(1)[0], value)),
    "(epochs before, epochs after), each at least 1",
)
RULES = {
    "pretraining": {
        "model": NAME,
        "text_rows": _or_none(whole(1)),
        "max_length": whole(3),
        "burn_in_steps": whole(0),
        "steps": whole(1),
        "ramp_steps": whole(0),
        "frequency": whole(1),
        "batch": whole(1),
        "mlm_probability": SHARE,
        "learning_rate": RATE,
        "warmup_steps": whole(0),
        "seed": _or_none(SEED),
        "text_streaming": FLAG,
        "comment_probability": _or_none(SHARE),
        "comment_weight": POSITIVE,
    },
    "fine_tuning": {
        "glue": NAME,
        "train_rows": _or_none(whole(1)),
        "dev_rows": _or_none(whole(1)),
        "max_length": whole(3),
        "epochs": whole(1),
        "deletion_epochs": _pairs(whole(1)),
        "before_after_epochs": _pairs(TWO_EPOCHS),
        "batch": whole(1),
    },
}


def check(name: str, value, rule: tuple):
    """Return a value, or raise a ValueError that says what it may be.

    Parameters
    ----------
    name : str
        What the value is called.
    value : object
    rule : tuple
        A function that tells whether a value is right, and the words for it.
    """
    is_right, words = rule
    if not is_right(value):
        raise ValueError(f"{name} must be {words}, got {value!r}")
    return value


def check_learning_rate(rate) -> float:
    """Return a learning rate as a float, or raise a ValueError."""
    return float(check("the learning rate", rate, RATE))


def check_seed(seed) -> int:
    """Return a seed as an int, or raise a ValueError."""
    return int(check("the seed", seed, SEED))


def check_jobs(jobs) -> None:
    """Raise a ValueError unless `jobs` is a number of processes, or None for one a core."""
    check("jobs", jobs, _or_none(whole(1)))


def check_values(profile: Profile) -> None:
    """Raise a ValueError that names the first value of a profile that no run could take."""
    for part, rules in RULES.items():
        values = getattr(profile, part)
        for name, rule in rules.items():
            value = getattr(values, name)
            if hasattr(value, "item"):
                raise ValueError(
                    f"{part}.{name} is {value!r}, a number of NumPy's; write int(…) or float(…) "
                    "around it"
                )
            check(f"{part}.{name}", value, rule)
        _check_options(f"{part}.options", values.options)
    for name in ("tasks", "learning_rates", "seeds", "sparsities"):
        check(name, getattr(profile, name), (lambda value: isinstance(value, tuple), "a tuple"))
    check("checkpoint_every", profile.checkpoint_every, _or_none(whole(1)))
    values = profile.pretraining
    _check_text(values)


def check_ramp(profile: Profile) -> None:
    """Raise a ValueError if the sparsity would still rise when the MLM training ends."""
    values = profile.pretraining
    if values.ramp_steps >= values.steps:
        raise ValueError(
            "pretraining.ramp_steps must be less than pretraining.steps, so that the masks become "
            f"final, got {values.ramp_steps} of {values.steps}; shorten the ramp or train longer"
        )


def _check_text(values):
    for corpus in values.text if isinstance(values.text, tuple) else ():
        if isinstance(corpus, tuple) and len(corpus) == 3:
            check(f"the share of {corpus[0]} in pretraining.text", corpus[2], POSITIVE)
    for (name, config), _ in values.corpora:
        check("each corpus of pretraining.text", name, NAME)
        check(f"the configuration of {name}", config, _or_none(NAME))


def _check_options(name, options):
    """Hold more options of the Trainer against the fields that it has."""
    if not isinstance(options, tuple) or not all(
        isinstance(o, tuple) and len(o) == 2 for o in options
    ):
        raise ValueError(f"{name} must be pairs of (field, value), got {options!r}")
    kinds = typing.get_type_hints(TrainingArguments)
    for field, value in options:
        if field in DECIDED_BY:
            raise ValueError(f"{name} must not set {field!r}, which {DECIDED_BY[field]} decides")
        check_options({field: value}, train_mlm, fine_tune)
        check(f"{field} in {name}", value, NARROWER.get(field) or _rule_of(kinds[field]))


def _rule_of(kind):
    """What a field of TrainingArguments may be, by the type that it is annotated with."""
    kinds = typing.get_args(kind) if typing.get_origin(kind) is not list else ()
    kinds = kinds or (kind,)
    for one in kinds:
        if isinstance(one, type) and issubclass(one, Enum):
            return one_of([member.value for member in one])
    rules = [KINDS[one] for one in kinds if one in KINDS]
    words = " or ".join(words for _, words in rules)
    if any(one is dict or typing.get_origin(one) is dict for one in kinds):
        words += "; a dictionary is written as a text of JSON"
    return lambda value: any(is_right(value) for is_right, _ in rules), words


def check_task_of(profile: Profile, task: str | Task) -> str:
    """Return a task's name, or raise a ValueError that lists those that the profile's data have."""
    task = get(task, profile)
    name, in_pocket = task.name, not task.data and profile.fine_tuning.glue == POCKET
    if in_pocket and name not in pocket.TASKS:
        raise ValueError(f"the pocket world has no task {name!r}; it has {', '.join(pocket.TASKS)}")
    return name
