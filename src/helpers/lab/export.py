"""Export a pruned model: an ordinary `transformers` folder, with a card on how it was made."""

import importlib.util
import json
import re
import warnings
from pathlib import Path

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from transformers import AutoModelForMaskedLM, AutoTokenizer

from .. import data, machine, plots, profiles, tasks
from ..conditions import CONDITIONS
from ..pruning import sparsity_report
from ..training import load_mlm, quiet
from . import experiment
from .store import as_store

TEMPLATE = Path(__file__).with_name("model_card.jinja")


def export_model(run, folder, rows, store=None, license=None):
    """Save the pruned checkpoint that a run fine-tunes, with tokenizer and model card.

    What is exported is the model after pruned MLM training, before any task: encoder, pooler where
    there is one, and MLM head.

    Parameters
    ----------
    run : helpers.lab.runs.Run
        A condition with pre-training; its checkpoint is taken from the store, or made.
    folder : str or path
        Its last part is the model's name in the card.
    rows : pandas.DataFrame
        Tidy rows. The card shows those of this model that start from this checkpoint, and the dense
        ones to compare.
    store : helpers.lab.store.RunStore or path, optional
        Default: the folder ``runs``.
    license : str, optional
        The hub's short name of a licence, such as "apache-2.0": the one of the model you started
        from binds you.

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
            f"{run.condition!r} has no pruned checkpoint to export; export a run of "
            "prune_pretrain, info_deletion or random"
        )
    store = as_store(store)
    checkpoint, info = experiment.pretrain(run, store)
    folder = Path(folder)
    (folder / "model.onnx").unlink(missing_ok=True)  # of an earlier export
    with quiet():
        model = load_mlm(checkpoint)
        model.save_pretrained(folder)
    data.load_tokenizer(run.profile.model).save_pretrained(folder)
    name = folder.resolve().name
    model_card(run, model, info["mlm_loss"], rows, name, license).save(folder / "README.md")
    return folder


def save_onnx(folder):
    """Write ``model.onnx`` into an exported folder, for ONNX Runtime and OpenVINO.

    Parameters
    ----------
    folder : str or path
        Of an exported model, or another with an MLM head.

    Returns
    -------
    pathlib.Path
        The file. It takes the tokenizer's outputs, of any number and length, and gives ``logits``.

    Raises
    ------
    ModuleNotFoundError
        If PyTorch's exporter lacks the packages that it needs.
    """
    if not importlib.util.find_spec("onnxscript"):
        raise ModuleNotFoundError("ONNX needs more packages; pip install -e .[export] adds them")
    path = Path(folder) / "model.onnx"
    with quiet():
        model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = dict(tokenizer([tokenizer.mask_token] * 2, return_tensors="pt"))
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice to the exporter's own authors
        torch.onnx.export(
            model,
            kwargs=batch,
            f=path,
            input_names=list(batch),
            output_names=["logits"],
            dynamic_shapes={name: axes for name in batch},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return path


def model_card(run, model, mlm_loss, rows, name, license=None):
    """The card of an exported model.

    Parameters
    ----------
    run, rows, license
        As for `export_model`.
    model : transformers.PreTrainedModel
        The pruned model.
    mlm_loss : float
        On held-out text, in nats.
    name : str
        The model's name.

    Returns
    -------
    huggingface_hub.ModelCard
    """
    profile, values = run.profile, run.profile.pretraining
    report = sparsity_report(model)
    scores = _scores(run, rows)
    return ModelCard.from_template(
        _metadata(run, scores, name, license, model.config.model_type),
        template_path=str(TEMPLATE),
        run=run,
        profile=profile,
        values=values,
        tuning=profile.fine_tuning,
        name=name,
        mlm_loss=mlm_loss,
        report=report,
        total=report.loc["total"],
        scores=scores,
        rates=sorted(set(scores.learning_rate)) or profile.learning_rates,
        seed=run.seed if values.seed is None else values.seed,
        own={task.name: task for task in profile.own_tasks},
        named=_tasks(profile, scores),
        public_data=lambda task: _public_data(profile, task),
        options=json.dumps(dict(values.options)),
        note=machine.provenance(),
        POCKET=profiles.POCKET,
        title=tasks.title,
        CONDITIONS=CONDITIONS,
        METRIC_LABEL=plots.METRIC_LABEL,
    )


def _metadata(run, scores, name, license, family):
    """What the hub reads: the card's front matter."""
    profile = run.profile
    hub_ids = {hub for corpus, _ in profile.pretraining.corpora if (hub := _hub_id(corpus[0]))}
    hub_ids |= {data for task in _tasks(profile, scores) if (data := _public_data(profile, task))}
    task_of = lambda row: tasks.get(row.task, profile)
    several = scores.learning_rate.nunique() > 1
    rate = lambda row: f", learning rate {row.learning_rate:g}" if several else ""
    config = lambda task: task.config or (None if task.data else task.name)
    split = lambda task: task.validation if isinstance(task.validation, str) else task.train
    results = [
        EvalResult(
            task_type="text-classification",
            task_name=f"{tasks.title(row.task)}, after fine-tuning",
            # the hub groups by task: only this tells conditions apart
            metric_name=f"{row.metric} ({CONDITIONS[row.condition].label}{rate(row)})",
            dataset_type=_public_data(profile, row.task) or row.task,
            dataset_name=tasks.title(row.task),
            dataset_config=config(task_of(row)),
            dataset_split=split(task_of(row)),
            metric_type=row.metric,
            metric_value=round(row.value, 4),
        )
        for row in scores[scores.condition != "dense"].itertuples()
    ]
    return ModelCardData(
        model_name=name,
        base_model=None if profile.model == profiles.POCKET else _hub_id(profile.model),
        license=license,
        language="en",
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["pruning", "sparse", "magnitude-pruning", family],
        datasets=sorted(hub_ids - {profiles.POCKET}) or None,
        metrics=sorted(set(scores.metric)) or None,
        eval_results=results or None,
    )


def _tasks(profile, scores):
    """The tasks that a card names: those with scores, or else the profile's."""
    return list(dict.fromkeys(scores.task)) or list(profile.tasks)


def _public_data(profile, name):
    """The hub id of a task's data; None for a file, whose path tells others nothing."""
    return _hub_id(tasks.get(name, profile).data or profile.fine_tuning.glue)


def _hub_id(name):
    """A name as the hub gives it; None for a file or folder, whose path tells others nothing."""
    is_file = Path(name).suffix in profiles.TABLES or Path(name).exists()
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) and not is_file else None


def _scores(run, rows):
    """Mean and range over seeds of each task's metrics, for this checkpoint and for dense.

    Where each seed prunes a checkpoint of its own, only this one's seed counts.
    """
    if run.profile.pretraining.seed is None:
        rows = rows[rows.seed == run.seed]
    kind = CONDITIONS[run.condition].pretraining
    started_here = [
        name for name, c in CONDITIONS.items() if c.prunes_pretraining and c.pretraining == kind
    ]
    chosen = rows[(rows.model == run.profile.model) & ~rows.metric.str.endswith("loss")]
    chosen = chosen[
        (chosen.condition == "dense")
        | (chosen.condition.isin(started_here) & (chosen.sparsity == run.sparsity))
    ]
    groups = chosen.groupby(["task", "condition", "metric", "learning_rate"], sort=False)["value"]
    return groups.agg(value="mean", low="min", high="max", seeds="size").reset_index()
