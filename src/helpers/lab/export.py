"""Export a pruned model: an ordinary `transformers` folder, with a model card that says how it came about."""

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .. import data, machine, plots, profiles, tasks
from ..conditions import CONDITIONS
from ..pruning import sparsity_report
from ..training import load_mlm, quiet
from . import experiment
from .store import as_store

USAGE = """```python
from transformers import AutoModel, AutoTokenizer

model = AutoModel.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
```"""
LIMITS = """The zeros stand in dense matrices: the model takes as much memory and time as an unpruned one, unless you store it
compressed or run it on software that makes use of zeros. Fine-tuning without masks makes them ordinary weights again. To keep
them, fix masks of the nonzero entries: `MagnitudePruning(masks={name: weight != 0 for name, weight in prunable_parameters(model).items()})`.
What the model knows, and what biases it has, comes from its pre-training text; nothing here removes any."""
CITATION = "M. A. Gordon, K. Duh, N. Andrews (2020), *Compressing BERT: Studying the Effects of Weight Pruning on Transfer Learning*, [RepL4NLP](https://doi.org/10.18653/v1/2020.repl4nlp-1.18)."


def export_model(run, folder, rows, store=None, license=None):
    """Save the pruned checkpoint that a run fine-tunes, with tokenizer and model card.

    What is exported is the model after pruned MLM training, before any task: encoder, pooler where there is one, and MLM head.

    Parameters
    ----------
    run : helpers.lab.runs.Run
        A condition with pre-training; its checkpoint is taken from the store, or made.
    folder : str or path
        Its last part is the model's name in the card.
    rows : pandas.DataFrame
        Tidy rows. The card shows those of this model that start from this checkpoint, and the dense ones to compare.
    store : helpers.lab.store.RunStore or path, optional
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
    if not CONDITIONS[run.condition].prunes_pretraining:
        raise ValueError(
            f"{run.condition!r} has no pruned checkpoint to export; export a run of prune_pretrain, info_deletion or random"
        )
    store = as_store(store)
    checkpoint, info = experiment.pretrain(run, store)
    folder = Path(folder)
    with quiet():
        model = load_mlm(checkpoint)
        model.save_pretrained(folder)
    data.load_tokenizer(run.profile.model).save_pretrained(folder)
    model_card(run, model, info["mlm_loss"], rows, folder.name, license).save(folder / "README.md")
    return folder


def model_card(run, model, mlm_loss, rows, name, license=None):
    """The card of an exported model; see `export_model`.

    Returns
    -------
    huggingface_hub.ModelCard
    """
    profile, values, tuning = run.profile, run.profile.pretraining, run.profile.fine_tuning
    report = sparsity_report(model)
    scores = _scores(run, rows)
    corpora = [corpus for corpus, _ in values.corpora]
    hub_ids = [corpus[0] for corpus in corpora] + [tuning.glue]
    metadata = ModelCardData(
        model_name=name,
        base_model=None if profile.model == profiles.POCKET else profile.model,
        license=license,
        language="en",
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["pruning", "sparse", "magnitude-pruning", model.config.model_type],
        datasets=sorted({hub_id for hub_id in hub_ids if hub_id != profiles.POCKET}) or None,
        metrics=sorted({row.metric for row in scores.itertuples()}) or None,
        eval_results=[
            EvalResult(
                task_type="text-classification",
                task_name=f"{tasks.NAMES[row.task]}, after fine-tuning",
                metric_name=f"{row.metric} ({CONDITIONS[row.condition].label})",  # the hub groups by task: only this tells conditions apart
                dataset_type=tuning.glue,
                dataset_name=tasks.NAMES[row.task],
                dataset_config=row.task,
                dataset_split="validation",
                metric_type=row.metric,
                metric_value=round(row.value, 4),
            )
            for row in scores[scores.condition != "dense"].itertuples()
        ]
        or None,
    )
    total = report.loc["total"]
    how = (
        "at random, in one shot"
        if run.condition == "random"
        else (
            f"by magnitude, a threshold for each matrix, on a cubic schedule over the first {values.ramp_steps:,} steps, the masks computed again every {values.frequency} steps"
        )
    )
    options = dict(values.options)
    seed = run.seed if values.seed is None else values.seed
    note = machine.provenance()
    sections = {
        name: f"{profile.model}, {100 * total.sparsity:.1f}% of its {total.entries:,.0f} prunable weights set to zero while it went on with masked-language-model "
        f"training. All zeros are exact. MLM loss on held-out text: {mlm_loss:.3f} nats per masked token.",
        "Use": USAGE.format(name=name),
        "Sparsity by matrix": _table(
            ["matrix", "entries", "zeros", "sparsity (%)"],
            [
                (
                    f"`{matrix}`",
                    f"{row.entries:,.0f}",
                    f"{row.zeros:,.0f}",
                    f"{100 * row.sparsity:.2f}",
                )
                for matrix, row in report.iterrows()
            ],
        ),
        "Data": "\n".join(
            [
                *(
                    f"- MLM text: {'generated by the course (pocket world)' if corpus[0] == profiles.POCKET else corpus[0]}{f', {corpus[1]}' if corpus[1] else ''}"
                    f"{f', {100 * share:.0f}% of the blocks' if len(corpora) > 1 else ''}"
                    for corpus, share in values.corpora
                ),
                f"- at most {values.text_rows:,} blocks of text"
                if values.text_rows
                else "- all of the text",
                f"- tasks: {'generated by the course (pocket world), with the names of GLUE; not comparable with GLUE' if tuning.glue == profiles.POCKET else tuning.glue}"
                + (
                    f", at most {tuning.train_rows:,} training examples"
                    if tuning.train_rows
                    else ""
                ),
            ]
        ),
        "Protocol": "\n".join(
            [
                f"- pruned {how}",
                *(
                    [f"- before pruning: {values.burn_in_steps:,} steps of MLM training"]
                    if values.burn_in_steps
                    else []
                ),
                f"- MLM training: {values.steps:,} steps of {values.batch} × {values.max_length} tokens at most, {100 * values.mlm_probability:.0f}% masked, "
                f"AdamW, peak learning rate {values.learning_rate:g} after {values.warmup_steps} warm-up steps, seed {seed}",
                f"- fine-tuning: {tuning.epochs} epochs with the masks fixed, {tuning.epochs_for('info_deletion', run.sparsity)} for information deletion, "
                f"batch {tuning.batch}, learning rate {', '.join(f'{rate:g}' for rate in sorted(set(scores.learning_rate)) or profile.learning_rates)}",
                *([f"- other options of the Trainer: `{json.dumps(options)}`"] if options else []),
                f"- made on {note['date']} with {', '.join(f'{package} {version}' for package, version in note['versions'].items())}; code at {note['commit']}",
            ]
        ),
        "Scores": _table(
            ["task", "fine-tuned", "metric", "mean", "lowest", "highest", "seeds"],
            [
                (
                    tasks.NAMES[row.task],
                    CONDITIONS[row.condition].label,
                    plots.METRIC_LABEL.get(row.metric, row.metric).removesuffix(" (%)"),
                    f"{row.value:.4f}",
                    f"{row.low:.4f}",
                    f"{row.high:.4f}",
                    row.seeds,
                )
                for row in scores.itertuples()
            ],
        )
        + "\n\nOn the validation sets. *Dense* is the same model with the same training and nothing pruned."
        if len(scores)
        else "None measured.",
        "Limits": LIMITS,
        "Citation": CITATION,
    }
    text = "\n\n".join(
        f"{'#' if title == name else '##'} {title}\n\n{body}" for title, body in sections.items()
    )
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{text}\n")


def _scores(run, rows):
    """Mean and range over seeds of each task's metrics, for this checkpoint and for dense."""
    started_here = ("random",) if run.condition == "random" else ("prune_pretrain", "info_deletion")
    chosen = rows[(rows.model == run.profile.model) & ~rows.metric.str.endswith("loss")]
    chosen = chosen[
        (chosen.condition == "dense")
        | (chosen.condition.isin(started_here) & (chosen.sparsity == run.sparsity))
    ]
    groups = chosen.groupby(["task", "condition", "metric", "learning_rate"], sort=False)["value"]
    return groups.agg(value="mean", low="min", high="max", seeds="size").reset_index()


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
