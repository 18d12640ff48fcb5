"""Values that suit a model, by a stated rule: learning rates, steps, burn-in.

A profile's values were chosen for one model. For another the rule is

- **Rates** fall with the width of the model, as 1 / hidden size: a wider layer sums up more changes
  (Yang et al. 2022). They are anchored at BERT-Base, 768 wide: 3e-5 to fine-tune, of the grid of
  Devlin et al. 2019, and 1e-4 for MLM training, as BERT was trained. `FAMILIES` says what is known
  to want more or less.
- **MLM steps** keep rate × steps as the profile has it. Adam moves a weight by about the rate in a
  step, so that product is how far weights can go. The ramp keeps its share of the steps.
- **Burn-in**: a checkpoint without an MLM head gets a new one, which `NEW_HEAD` steps train first.
- **Batch and epochs** stay. BERT's grids have 16 and 32, and 3 epochs, at every size.
"""

import math
import warnings
from collections.abc import Collection
from pathlib import Path

from huggingface_hub import get_safetensors_metadata
from safetensors import safe_open
from transformers import PreTrainedConfig

from .data import load_config
from .profiles import PROFILES, Profile, locate
from .pruning import check_family
from .training import MLM_HEADS

WIDTH, FINE_TUNING, MLM = 768, 3e-5, 1e-4  # BERT-Base
FAMILIES = {
    "electra": (3, "ELECTRA is fine-tuned with 1e-4 at this width (Clark et al. 2020)"),
    "roberta": (2 / 3, "RoBERTa is fine-tuned with 1e-5 to 3e-5 (Liu et al. 2019)"),
}
LEAST, MOST = 1e-5, 1e-3
NEW_HEAD = 5_000  # steps
FAR = 1.5  # by this factor a profile's rate is another than the rule's


def rates(config: PreTrainedConfig) -> tuple[float, float]:
    """The learning rates of fine-tuning and of MLM training that suit a model.

    Examples
    --------
    >>> from transformers import BertConfig, ElectraConfig
    >>> rates(BertConfig()), rates(BertConfig(hidden_size=128)), rates(ElectraConfig())[0]
    ((3e-05, 0.0001), (0.0002, 0.0006), 0.0003)
    """
    factor = FAMILIES.get(config.model_type, (1, ""))[0]
    wider = config.hidden_size / WIDTH
    return _rounded(FINE_TUNING * factor / wider), _rounded(MLM / wider)


def _rounded(rate):
    return min(MOST, max(LEAST, float(f"{rate:.0e}")))


def suited(profile: Profile, keep: Collection[str] = ()) -> tuple[Profile, list[str]]:
    """A profile with the values that suit its model, and a sentence on each that changed.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        With a model of your choice. With the model that it was made for it stays as it is.
    keep : collection of str
        Fields that stay as they are: ``learning_rates``, and those of pre-training
        (``learning_rate``, ``steps``, ``ramp_steps``, ``burn_in_steps``).

    Returns
    -------
    profile : helpers.profiles.Profile
    reasons : list of str
    """
    made_for = PROFILES[profile.name].model if profile.name in PROFILES else profile.model
    if profile.model == made_for:
        return profile, []
    config, values = load_config(profile.model), profile.pretraining
    check_family(config, profile.model)
    made = PROFILES[profile.name].pretraining
    fine_tuning, mlm = rates(config)
    wide = f"{profile.model} is {config.hidden_size:,} wide"
    why = FAMILIES.get(config.model_type, (1, ""))[1]
    new, reasons = {}, []
    if "learning_rates" not in keep:
        why = f"; {why}" if why else ""
        reasons.append(
            f"learning rate of fine-tuning {fine_tuning:g}: {wide}, BERT-Base, {WIDTH} wide, takes "
            f"{FINE_TUNING:g}, and rates fall with the width{why}"
        )
    rate = values.learning_rate if "learning_rate" in keep else mlm
    if "learning_rate" not in keep:
        new["learning_rate"] = mlm
        reasons.append(f"MLM learning rate {mlm:g}: by the same rule, from BERT's {MLM:g}")
    if "steps" not in keep:
        new["steps"] = max(1, round(made.steps * made.learning_rate / rate))
        if "ramp_steps" not in keep:
            new["ramp_steps"] = round(made.ramp_steps / made.steps * new["steps"])
        reasons.append(
            f"{new['steps']:,} MLM steps, of which {new.get('ramp_steps', values.ramp_steps):,} "
            f"are the ramp: rate × steps stays {made.learning_rate * made.steps:g}, as in the "
            f"profile {profile.name}"
        )
    if "burn_in_steps" not in keep and has_mlm_head(profile.model) is False:
        new["burn_in_steps"] = max(NEW_HEAD, values.burn_in_steps)
        reasons.append(
            f"{new['burn_in_steps']:,} steps of burn-in: the checkpoint has no MLM head, so a new "
            "one is trained first"
        )
    changes: dict = {"pretraining": new}
    if "learning_rates" not in keep:
        changes["learning_rates"] = (fine_tuning,)
    return profile.replace(**changes), reasons


def has_mlm_head(model: str) -> bool | None:
    """Whether a checkpoint holds the weights of an MLM head; None if that cannot be seen."""
    prefix, file = (
        MLM_HEADS[load_config(model).model_type],
        Path(locate(model), "model.safetensors"),
    )
    try:
        if file.is_file():
            with safe_open(file, framework="pt") as tensors:
                names = set(tensors.keys())
        else:
            names = set(get_safetensors_metadata(model).weight_map)
    except Exception:  # no network, or weights of another format
        return None
    return any(name.startswith(f"{prefix}.") for name in names)


def warn_outside(profile: Profile) -> None:
    """Warn where a profile's own rates are used with a model that they were not made for.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    """
    made = PROFILES.get(profile.name)
    if made is None or made.model == profile.model:
        return
    fine_tuning, mlm = rates(load_config(profile.model))
    used = []
    if profile.learning_rates == made.learning_rates and _far(made.learning_rates[0], fine_tuning):
        used.append(f"{made.learning_rates[0]:g} to fine-tune (the rule says {fine_tuning:g})")
    theirs = made.pretraining.learning_rate
    if profile.pretraining.learning_rate == theirs and _far(theirs, mlm):
        used.append(f"{theirs:g} for MLM training (the rule says {mlm:g})")
    if used:
        warnings.warn(
            f"the profile {made.name!r} was made for {made.model}, and its learning rates are used "
            f"for {profile.model}: {', '.join(used)}. helpers.suit.suited(profile) gives values "
            "that suit this model, and why; or set your own.",
            stacklevel=3,
        )


def _far(one, other):
    return abs(math.log(one / other)) > math.log(FAR)
