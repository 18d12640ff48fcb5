"""The conditions of the experiment, in one table: what is done to the model, and its looks.

A new condition is one entry here and, if fixed or free masks in fine-tuning are not enough, one
function in `helpers.lab` that its ``recipe`` names.
"""

from dataclasses import dataclass

SIGNS = {
    "blue": "#0173b2",
    "orange": "#de8f05",
    "green": "#029e73",
    "red": "#d55e00",
    "pink": "#cc78bc",
}
GREY = "#595959"


@dataclass(frozen=True)
class Condition:
    """What is done to a model, from the pre-trained checkpoint θ₀ to the fine-tuned one.

    Attributes
    ----------
    name : str
        In results.
    words : str
        What is done.
    label, color, marker : str
        In figures.
    pretraining : {"gradual", "random", "none", "no pre-training"}
        How MLM training prunes: by magnitude on the schedule, at random in one shot, not at all; or
        there is none.
    fixed_masks : bool
        Whether the masks of MLM training stay in force while fine-tuning.
    epochs : {"epochs", "deletion_epochs", "before_after_epochs"}
        How long fine-tuning takes: the field of `helpers.profiles.FineTuning` that says so.
    prunes : bool
        Whether anything is pruned; if not, the sparsity is 0.
    recipe : str, optional
        The function that fine-tunes, as ``module:name``; default: plain fine-tuning.
    later : bool
        Whether it came after the paper.
    trains : bool
        Whether there is a model at all.
    """

    name: str
    words: str
    label: str
    color: str
    marker: str
    pretraining: str = "none"
    fixed_masks: bool = False
    epochs: str = "epochs"
    prunes: bool = True
    recipe: str | None = None
    later: bool = False
    trains: bool = True

    @property
    def prunes_pretraining(self) -> bool:
        """Whether the condition has a pruned checkpoint of its own."""
        return self.prunes and self.pretraining in ("gradual", "random")


_LATER = {"later": True, "epochs": "before_after_epochs"}
_TABLE = (
    Condition(
        "prune_pretrain",
        "pruned by magnitude during MLM training, fine-tuned with the masks fixed",
        "pruned in pre-training",
        SIGNS["blue"],
        "o",
        pretraining="gradual",
        fixed_masks=True,
    ),
    Condition(
        "info_deletion",
        "the same pruned weights, but all of them free in fine-tuning",
        "information deletion",
        SIGNS["orange"],
        "s",
        pretraining="gradual",
        epochs="deletion_epochs",
    ),
    Condition(
        "prune_downstream",
        "fine-tuned dense, pruned in one shot, fine-tuned on with the masks fixed",
        "pruned after fine-tuning",
        SIGNS["green"],
        "^",
        epochs="before_after_epochs",
        recipe="helpers.lab.recipes:prune_downstream",
    ),
    Condition(
        "random",
        "random masks, the same MLM training, fine-tuned with the masks fixed",
        "random masks",
        SIGNS["red"],
        "X",
        pretraining="random",
        fixed_masks=True,
    ),
    Condition("dense", "nothing pruned: the reference", "dense", GREY, "D", prunes=False),
    Condition(
        "from_scratch",
        "no pre-training at all: what transfer is worth",
        "from scratch",
        GREY,
        "v",
        pretraining="no pre-training",
        prunes=False,
    ),
    Condition(
        "majority",
        "always the most frequent label of the training set, or its mean score",
        "majority label",
        "#999999",
        "_",
        pretraining="no pre-training",
        prunes=False,
        trains=False,
    ),
    Condition(
        "movement",
        "pruned during fine-tuning by movement: what fine-tuning shrinks goes",
        "movement, in fine-tuning",
        SIGNS["pink"],
        "P",
        recipe="helpers.lab.recipes:movement",
        **_LATER,
    ),
    Condition(
        "magnitude_downstream",
        "the same, but by magnitude: the control for movement",
        "magnitude, in fine-tuning",
        "#ca9161",
        "p",
        recipe="helpers.lab.recipes:magnitude_downstream",
        **_LATER,
    ),
    Condition(
        "lottery",
        "pruned after fine-tuning, rewound to the pre-trained weights, fine-tuned anew, in rounds",
        "lottery ticket, rewound",
        "#998c00",
        "*",
        recipe="helpers.lab.recipes:lottery",
        **_LATER,
    ),
    Condition(
        "structured",
        "as prune_downstream, but whole heads and neurons of the layers",
        "whole heads and neurons",
        "#733399",
        "h",
        recipe="helpers.lab.recipes:structured",
        **_LATER,
    ),
    Condition(
        "single",
        "as prune_downstream, but only in the layers: the control for structured",
        "single weights of the layers",
        "#00808c",
        "d",
        recipe="helpers.lab.recipes:single",
        **_LATER,
    ),
)
CONDITIONS = {condition.name: condition for condition in _TABLE}
OF_THE_PAPER = tuple(c.name for c in _TABLE if not c.later)
LATER = tuple(c.name for c in _TABLE if c.later)
UNPRUNED = tuple(c.name for c in _TABLE if not c.prunes)


def check_condition(name: str) -> str:
    """Return the name of a condition, or raise a ValueError that lists the valid ones."""
    if name not in CONDITIONS:
        raise ValueError(f"unknown condition {name!r}; choose from {', '.join(CONDITIONS)}")
    return name
