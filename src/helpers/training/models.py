"""Models as training needs them: in 32 bits, with a pooler, with a head for a task."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from ..pruning import check_family

# transformers keeps a checkpoint's own type, but in half precision small updates are lost
IN_32_BITS = {"dtype": torch.float32}


def load_mlm(
    name_or_path: str | Path | None, config: PreTrainedConfig | None = None
) -> PreTrainedModel:
    """A masked language model with the pooler of its checkpoint, where fine-tuning starts from one.

    `AutoModelForMaskedLM` drops the pooler, which MLM does not train but fine-tuning starts from;
    the paper prunes it like the rest (Table 3). DistilBERT, RoBERTa and ELECTRA are fine-tuned
    without it. With a `config` instead of a checkpoint, all weights are new.

    Parameters
    ----------
    name_or_path : str or path
        Hub id or folder; ignored when `config` is given.
    config : transformers.PreTrainedConfig, optional

    Returns
    -------
    transformers.PreTrainedModel
        Its weights have 32 bits, whatever the checkpoint's have.

    Raises
    ------
    ValueError
        If the model is of none of `helpers.pruning.FAMILIES`, or the checkpoint lacks weights of
        the encoder.

    Warns
    -----
    UserWarning
        If the checkpoint has no MLM head, so that a new one has to be trained first. ELECTRA's
        discriminators have none. Also if it has no pooler and fine-tuning starts from one.
    """
    fresh = config is not None
    if config is None:
        config = AutoConfig.from_pretrained(name_or_path)
    check_family(config, None if fresh else str(name_or_path))
    with quiet():
        if fresh:
            model = AutoModelForMaskedLM.from_config(config, **IN_32_BITS)
            encoder = AutoModel.from_config(config, **IN_32_BITS)
        else:
            model, loading = AutoModelForMaskedLM.from_pretrained(
                name_or_path, output_loading_info=True, **IN_32_BITS
            )
            encoder, of_encoder = AutoModel.from_pretrained(
                name_or_path, output_loading_info=True, **IN_32_BITS
            )
    with torch.device("meta"):
        classifier = AutoModelForSequenceClassification.from_config(config)
    if getattr(classifier.base_model, "pooler", None) is None and hasattr(encoder, "pooler"):
        encoder.pooler = None
    setattr(model, model.base_model_prefix, encoder)
    model.tie_weights()
    if fresh:
        return model
    prefix = model.base_model_prefix + "."
    missing = sorted(key for key in loading["missing_keys"] if key.startswith(prefix))
    if missing:
        raise ValueError(
            f"{name_or_path} lacks weights of the encoder, {len(missing)} in all, such as "
            f"{missing[0]}: they would be random. Save the model with save_pretrained; a state "
            "dict of a wrapper such as DistributedDataParallel has other names (module.…)"
        )
    without = any("pooler" in key for key in of_encoder["missing_keys"])
    if without and getattr(encoder, "pooler", None) is not None:
        warnings.warn(
            f"{name_or_path} has no pooler, so it got a new, untrained one, which is pruned and "
            "fine-tuned like the rest",
            stacklevel=2,
        )
    if any(not key.startswith(prefix) for key in loading["missing_keys"]):
        other = (
            " It is an ELECTRA discriminator, which learnt to spot replaced words; the generator, "
            "such as google/electra-small-generator, has an MLM head."
            if config.model_type == "electra"
            else ""
        )
        warnings.warn(
            f"{name_or_path} has no MLM head, so it got a new, untrained one. Train it before you "
            f"prune: set the profile's burn_in_steps.{other}",
            stacklevel=2,
        )
    return model


def label_options(labels: Sequence[str]) -> dict:
    """Fields of a model's configuration for these labels; one label means regression."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "problem_type": "regression" if len(labels) == 1 else "single_label_classification",
    }


def load_classifier(name_or_path: str | Path, labels: Sequence[str]) -> PreTrainedModel:
    """A sequence classifier on a checkpoint's encoder, with a new classification layer.

    With one label it is a regression model, whose loss is the squared error. Its weights have 32
    bits, whatever the checkpoint's have.
    """
    with quiet():
        return AutoModelForSequenceClassification.from_pretrained(
            name_or_path, ignore_mismatched_sizes=True, **label_options(labels), **IN_32_BITS
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' loading bars and reports of new or unused weights, expected here."""
    verbosity, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
