"""What can be held against each other before anything runs: model, tokenizer and profile.

Only configuration, tokenizer and examples are read, no weights.
"""

import warnings

from transformers import PreTrainedConfig

from .data import load_config, load_examples, load_tokenizer
from .profiles import Profile
from .pruning import check_family
from .tasks import Task, get
from .training import check_options, fine_tune, train_mlm

SAMPLE = 500  # texts that are looked at
UNKNOWN = 0.5  # from this share of unknown words on a text says nothing


def check_profile(profile: Profile) -> None:
    """Raise an error if a profile's values do not fit each other, its model or its tokenizer.

    Parameters
    ----------
    profile : helpers.profiles.Profile

    Raises
    ------
    ValueError
        If blocks or examples are longer than the model's positions, the tokenizer has more tokens
        than the model has embeddings, gives token types that the model lacks, or has no mask token;
        if the model is of an unknown family; if an option is set by the course itself.
    TypeError
        If an option is no field of `transformers.TrainingArguments`.
    OSError
        If the model's configuration or tokenizer cannot be loaded.

    Examples
    --------
    >>> from helpers import profiles
    >>> check_profile(profiles.get("tiny"))
    """
    config, tokenizer = load_config(profile.model), load_tokenizer(profile.model)
    check_family(config, profile.model)
    positions = positions_of(config)
    special = tokenizer.num_special_tokens_to_add()
    parts = {"pretraining": profile.pretraining, "fine_tuning": profile.fine_tuning}
    for name, part in parts.items():
        if not special < part.max_length <= positions:
            raise ValueError(
                f"{name}.max_length is {part.max_length}, but {profile.model} reads at most "
                f"{positions} tokens, {special} of which are special; set it to a value from "
                f"{special + 1} to {positions}"
            )
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer of {profile.model} has {len(tokenizer)} tokens, the model only "
            f"{config.vocab_size} embeddings. Take the tokenizer that belongs to the model, or "
            "resize the model's embeddings with resize_token_embeddings and save it."
        )
    types = getattr(config, "type_vocab_size", 0)
    if "token_type_ids" in tokenizer.model_input_names and types < 2:
        raise ValueError(
            f"the tokenizer of {profile.model} gives two token types, the model has {types}. Take "
            "the tokenizer that belongs to the model, or leave token_type_ids out of its "
            "model_input_names in tokenizer_config.json."
        )
    for token in ("mask_token", "cls_token", "sep_token", "pad_token"):
        if getattr(tokenizer, token) is None:
            raise ValueError(
                f"the tokenizer of {profile.model} has no {token}, which MLM training needs. "
                "Name it in tokenizer_config.json, or take another model."
            )
    check_options(dict(profile.pretraining.options), train_mlm)
    check_options(dict(profile.fine_tuning.options), fine_tune)


def check_vocabulary(profile: Profile, task: str | Task) -> str:
    """Whether a profile's tokenizer knows a task's words, and how many texts it cuts.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    task : str or helpers.tasks.Task

    Returns
    -------
    str
        What was found in a sample of the training texts, in a sentence.

    Raises
    ------
    ValueError
        If half of the words or more are unknown.

    Warns
    -----
    UserWarning
        If a tenth or more are.
    """
    task, tokenizer = get(task, profile), load_tokenizer(profile.model)
    examples = load_examples(profile, task)["train"]
    examples = examples.select(range(min(SAMPLE, len(examples))))
    rows = tokenizer(*(list(examples[column]) for column in task.columns), verbose=False)[
        "input_ids"
    ]
    special = tokenizer.num_special_tokens_to_add(pair=len(task.columns) > 1)
    tokens = sum(len(row) - special for row in rows)
    unknown = sum(row.count(tokenizer.unk_token_id) for row in rows) / max(1, tokens)
    longest, most = profile.fine_tuning.max_length, max(map(len, rows))
    cut = sum(len(row) > longest for row in rows) / len(rows)
    told = (
        f"Of {len(rows)} texts of {task.name}, {cut:.0%} are longer than "
        f"fine_tuning.max_length={longest} tokens and lose their ends (the longest has {most:,}); "
        f"{unknown:.0%} of the words are unknown to the tokenizer of {profile.model}."
    )
    if unknown >= UNKNOWN:
        raise ValueError(
            f"{told} It would learn from a text of blanks. Take a model that knows these words, "
            "such as that of the small profile (PRUNING_PROFILE=small, in a shell --profile small)"
        )
    if unknown >= UNKNOWN / 5:
        warnings.warn(f"{told} A model that knows them may do better.", stacklevel=2)
    return told


def positions_of(config: PreTrainedConfig) -> int:
    """How many tokens a model reads at most; RoBERTa counts its positions from the padding's on.

    Parameters
    ----------
    config : transformers.PreTrainedConfig

    Returns
    -------
    int
    """
    first = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return config.max_position_embeddings - first
