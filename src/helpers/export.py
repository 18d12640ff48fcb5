"""Export a pruned model: an ordinary `transformers` folder, with a model card that says how it came about."""

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from . import data, experiment, plots, profiles
from .pruning import sparsity_report
from .training import load_mlm, quiet

USAGE = '''```python
from transformers import AutoModel, AutoTokenizer

model = AutoModel.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
```'''
LIMITS = """The zeros stand in dense matrices: the model takes as much memory and time as an unpruned one, unless you store it
compressed or run it on software that makes use of zeros. Fine-tuning without masks makes them ordinary weights again. To keep
them, fix masks of the nonzero entries: `MagnitudePruning(masks={name: weight != 0 for name, weight in prunable_parameters(model).items()})`.
What the model knows, and what biases it has, comes from its pre-training text; nothing here removes any."""
CITATION = "M. A. Gordon, K. Duh, N. Andrews (2020), *Compressing BERT: Studying the Effects of Weight Pruning on Transfer Learning*, [RepL4NLP](https://doi.org/10.18653/v1/2020.repl4nlp-1.18)."


def export_model(config, folder, rows, store=None, license=None):
    """Save the pruned checkpoint that a run fine-tunes, with tokenizer and model card.

    What is exported is the model after pruned MLM training, before any task: encoder, pooler where there is one, and MLM head.

    Parameters
    ----------
    config : helpers.experiment.Run
        A condition with pre-training; its checkpoint is taken from the store, or made.
    folder : str or path
        Its last part is the model's name in the card.
    rows : pandas.DataFrame
        Tidy rows. The card shows those of this model that start from this checkpoint, and the dense ones to compare.
    store : helpers.experiment.RunStore or path, optional
        Default: the folder ``runs``.
    license : str, optional
        The hub's short name of a licence, such as "apache-2.0": the one of the model you started from binds you.

    Returns
    -------
    pathlib.Path
        The folder: weights with exact zeros, configuration, tokenizer and ``README.md``.

    Raises
    ------
    ValueError
        If the condition has no checkpoint of its own to export.
    """
    if config.condition not in ("prune_pretrain", "info_deletion", "random"):
        raise ValueError(f"{config.condition!r} has no pruned checkpoint to export; export a run of prune_pretrain, info_deletion or random")
    store = store if isinstance(store, experiment.RunStore) else experiment.RunStore(store or "runs")
    checkpoint, info = experiment.pretrain(config, store)
    folder = Path(folder)
    with quiet():
        model = load_mlm(checkpoint)
        model.save_pretrained(folder)
    data.load_tokenizer(config.profile.model).save_pretrained(folder)
    model_card(config, model, info["mlm_loss"], rows, folder.name, license).save(folder / "README.md")
    return folder


def model_card(config, model, mlm_loss, rows, name, license=None):
    """The card of an exported model; see `export_model`.

    Returns
    -------
    huggingface_hub.ModelCard
    """
    profile = config.profile
    report = sparsity_report(model)
    scores = _scores(config, rows)
    corpora = [corpus for corpus, _ in profile.corpora]
    hub_ids = [corpus[0] for corpus in corpora] + [profile.glue]
    metadata = ModelCardData(
        model_name=name, base_model=None if profile.model == profiles.POCKET else profile.model, license=license, language="en",
        library_name="transformers", pipeline_tag="fill-mask", tags=["pruning", "sparse", "magnitude-pruning", model.config.model_type],
        datasets=sorted({hub_id for hub_id in hub_ids if hub_id != profiles.POCKET}) or None, metrics=sorted({row.metric for row in scores.itertuples()}) or None,
        eval_results=[EvalResult(
            task_type="text-classification", task_name=f"{data.NAMES[row.task]}, after fine-tuning",
            metric_name=f"{row.metric} ({plots.CONDITION_STYLE[row.condition][2]})",  # the hub groups by task: only this tells conditions apart
            dataset_type=profile.glue, dataset_name=data.NAMES[row.task], dataset_config=row.task, dataset_split="validation",
            metric_type=row.metric, metric_value=round(row.value, 4)) for row in scores[scores.condition != "dense"].itertuples()] or None)
    total = report.loc["total"]
    how = "at random, in one shot" if config.condition == "random" else (
        f"by magnitude, a threshold for each matrix, on a cubic schedule over the first {profile.ramp_steps:,} steps, the masks computed again every {profile.frequency} steps")
    options = dict(profile.trainer)
    seed = config.seed if profile.mlm_seed is None else profile.mlm_seed
    note = profiles.provenance()
    sections = {
        name: f"{profile.model}, {100 * total.sparsity:.1f}% of its {total.entries:,.0f} prunable weights set to zero while it went on with masked-language-model "
              f"training. All zeros are exact. MLM loss on held-out text: {mlm_loss:.3f} nats per masked token.",
        "Use": USAGE.format(name=name),
        "Sparsity by matrix": _table(["matrix", "entries", "zeros", "sparsity (%)"], [
            (f"`{matrix}`", f"{row.entries:,.0f}", f"{row.zeros:,.0f}", f"{100 * row.sparsity:.2f}") for matrix, row in report.iterrows()]),
        "Data": "\n".join([
            *(f"- MLM text: {'generated by the course (pocket world)' if corpus[0] == profiles.POCKET else corpus[0]}{f', {corpus[1]}' if corpus[1] else ''}"
              f"{f', {100 * share:.0f}% of the blocks' if len(corpora) > 1 else ''}" for corpus, share in profile.corpora),
            f"- at most {profile.text_rows:,} blocks of text" if profile.text_rows else "- all of the text",
            f"- tasks: {'generated by the course (pocket world), with the names of GLUE; not comparable with GLUE' if profile.glue == profiles.POCKET else profile.glue}"
            + (f", at most {profile.train_rows:,} training examples" if profile.train_rows else "")]),
        "Protocol": "\n".join([
            f"- pruned {how}",
            *([f"- before pruning: {profile.burn_in_steps:,} steps of MLM training"] if profile.burn_in_steps else []),
            f"- MLM training: {profile.mlm_steps:,} steps of {profile.mlm_batch} × {profile.max_length} tokens at most, {100 * profile.mlm_probability:.0f}% masked, "
            f"AdamW, peak learning rate {profile.mlm_learning_rate:g} after {profile.warmup_steps} warm-up steps, seed {seed}",
            f"- fine-tuning: {profile.epochs} epochs with the masks fixed, {profile.epochs_for('info_deletion', config.sparsity)} for information deletion, "
            f"batch {profile.batch}, learning rate {', '.join(f'{rate:g}' for rate in sorted(set(scores.learning_rate)) or profile.learning_rates)}",
            *([f"- other options of the Trainer: `{json.dumps(options)}`"] if options else []),
            f"- made on {note['date']} with {', '.join(f'{package} {version}' for package, version in note['versions'].items())}; code at {note['commit']}"]),
        "Scores": _table(["task", "fine-tuned", "metric", "mean", "lowest", "highest", "seeds"], [
            (data.NAMES[row.task], plots.CONDITION_STYLE[row.condition][2], plots.METRIC_LABEL.get(row.metric, row.metric).removesuffix(" (%)"),
             f"{row.value:.4f}", f"{row.low:.4f}", f"{row.high:.4f}", row.seeds) for row in scores.itertuples()])
        + "\n\nOn the validation sets. *Dense* is the same model with the same training and nothing pruned." if len(scores) else "None measured.",
        "Limits": LIMITS,
        "Citation": CITATION,
    }
    text = "\n\n".join(f"{'#' if title == name else '##'} {title}\n\n{body}" for title, body in sections.items())
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{text}\n")


def _scores(config, rows):
    """Mean and range over seeds of each task's metrics, for this checkpoint and for dense."""
    started_here = ("random",) if config.condition == "random" else ("prune_pretrain", "info_deletion")
    chosen = rows[(rows.model == config.profile.model) & ~rows.metric.str.endswith("loss")]
    chosen = chosen[(chosen.condition == "dense") | (chosen.condition.isin(started_here) & (chosen.sparsity == config.sparsity))]
    groups = chosen.groupby(["task", "condition", "metric", "learning_rate"], sort=False)["value"]
    return groups.agg(value="mean", low="min", high="max", seeds="size").reset_index()


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
