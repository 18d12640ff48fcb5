"""An exported model is an ordinary folder with exact zeros, and its card says what was measured."""

import re

import pandas as pd
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from helpers import data, pruning, tasks, training
from helpers.lab import experiment, export
from helpers.lab.experiment import Run, RunStore, plan, sweep
from helpers.lab.export import export_model


@pytest.fixture(scope="module")
def exported(micro, tmp_path_factory):
    """Store, rows of two seeds and tasks, and the folder of the model pruned to 50% with seed 0."""
    store = RunStore(tmp_path_factory.mktemp("runs"))
    rows = sweep(
        plan(
            ["prune_pretrain", "info_deletion", "dense", "random"],
            (0.5, 0.7),
            ("cola", "mnli"),
            (0, 1),
            profile=micro,
        ),
        store,
        progress=False,
    )
    folder = export_model(
        Run("prune_pretrain", "cola", 0.5, profile=micro),
        tmp_path_factory.mktemp("models") / "pocket-half",
        rows,
        store,
        license="apache-2.0",
    )
    return store, rows, folder


@pytest.fixture(scope="module")
def card(exported):
    return ModelCard.load(exported[2] / "README.md")


def table(card, title):
    """The rows of the Markdown table of a section."""
    section = card.text.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.strip().splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(lines[0], line)) for line in lines[2:]]


def test_it_is_read_by_plain_transformers_with_exact_zeros(exported, micro):
    store, _, folder = exported
    checkpoint, info = experiment.pretrain(Run("prune_pretrain", "cola", 0.5, profile=micro), store)
    masks = pruning.load_masks(checkpoint / "masks.safetensors")
    encoder = AutoModel.from_pretrained(folder)
    weights = pruning.prunable_parameters(encoder)
    assert set(weights) == set(masks) and all(
        torch.equal(weight != 0, masks[name]) for name, weight in weights.items()
    )
    mlm = AutoModelForMaskedLM.from_pretrained(folder)
    assert mlm.get_output_embeddings().weight is mlm.get_input_embeddings().weight
    tokenizer = AutoTokenizer.from_pretrained(folder)
    loss = training.mlm_loss(
        mlm,
        tokenizer,
        data.load_text(micro, "validation"),
        mlm_probability=micro.pretraining.mlm_probability,
    )
    assert loss == pytest.approx(info["mlm_loss"], abs=1e-5)


def test_the_card_lists_every_matrix_as_it_is(exported, card):
    report = pruning.sparsity_report(AutoModel.from_pretrained(exported[2]))
    rows = table(card, "Sparsity by matrix")
    assert [row["matrix"].strip("`") for row in rows] == list(report.index)
    for row, (_, expected) in zip(rows, report.iterrows()):
        assert (
            int(row["entries"].replace(",", "")) == expected.entries
            and int(row["zeros"].replace(",", "")) == expected.zeros
        )
        assert float(row["sparsity (%)"]) == pytest.approx(100 * expected.sparsity, abs=0.005)


def test_the_cards_scores_are_those_of_the_rows(exported, card):
    _, rows, _ = exported
    shown = table(card, "Scores")
    wanted = rows[
        ~rows.metric.str.endswith("loss")
        & (rows.seed == 0)  # seed 1 has a checkpoint of its own
        & (
            rows.condition.isin(["prune_pretrain", "info_deletion"]) & (rows.sparsity == 0.5)
            | (rows.condition == "dense")
        )
    ]
    means = wanted.groupby(["task", "condition", "metric"]).value.agg(
        ["mean", "min", "max", "size"]
    )
    assert len(shown) == len(means) == 9
    names = {"accuracy": "accuracy", "matthews_correlation": "Matthews correlation"}
    conditions = {
        "prune_pretrain": "pruned in pre-training",
        "info_deletion": "information deletion",
        "dense": "dense",
    }
    for (task, condition, metric), expected in means.iterrows():
        (row,) = [
            r
            for r in shown
            if (r["task"], r["fine-tuned"], r["metric"])
            == (tasks.NAMES[task], conditions[condition], names[metric])
        ]
        assert [float(row[c]) for c in ("mean", "lowest", "highest")] == pytest.approx(
            expected.tolist()[:3], abs=5e-5
        )
        assert int(row["seeds"]) == 1 == expected["size"]


def test_the_front_matter_is_the_hubs(exported, card):
    metadata = card.data
    assert (
        metadata.license == "apache-2.0"
        and metadata.library_name == "transformers"
        and metadata.pipeline_tag == "fill-mask"
    )
    assert {"pruning", "bert"} <= set(metadata.tags) and "accuracy" in metadata.metrics
    results = metadata.eval_results
    rows = exported[1]
    assert len(results) == 6  # what starts from this checkpoint, and not dense
    for result in results:
        condition = (
            "info_deletion" if "information deletion" in result.metric_name else "prune_pretrain"
        )
        mine = rows[
            (rows.condition == condition)
            & (rows.seed == 0)
            & (rows.sparsity == 0.5)
            & (rows.task == result.dataset_config)
            & (rows.metric == result.metric_type)
        ]
        assert (
            result.metric_value == pytest.approx(mine.value.mean(), abs=5e-5)
            and result.dataset_split == tasks.get(result.dataset_config).validation
        )


def test_the_card_says_the_protocol_and_the_data(exported, card, micro):
    text = card.text
    assert text.lstrip().startswith("# pocket-half")
    for value in (
        f"{micro.pretraining.steps} steps",
        f"over the first {micro.pretraining.ramp_steps} steps",
        f"every {micro.pretraining.frequency} steps",
        f"learning rate {micro.pretraining.learning_rate:g}",
        "seed 0",
    ):
        assert value in text, value
    assert "pocket world" in text and "50.0%" in text and "None" not in text
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work)\b", text.replace(micro.model, ""))


def test_random_masks_are_called_random(exported, micro, tmp_path):
    store, rows, _ = exported
    folder = export_model(
        Run("random", "cola", 0.5, profile=micro), tmp_path / "random", rows, store
    )
    card = ModelCard.load(folder / "README.md")
    assert "at random, in one shot" in card.text and "by magnitude" not in card.text
    assert {row["fine-tuned"] for row in table(card, "Scores")} == {"random masks", "dense"}


def test_without_scores_the_card_says_so(exported, micro, tmp_path):
    store, rows, _ = exported
    card = ModelCard.load(
        export_model(
            Run("prune_pretrain", "cola", 0.7, profile=micro), tmp_path / "m", rows.head(0), store
        )
        / "README.md"
    )
    assert "## Scores\n\nNone measured." in card.text and not card.data.eval_results


def test_what_the_hub_has_is_named_and_a_folder_is_not(exported, micro):
    from helpers.lab.export import model_card

    profile = micro.replace(
        pretraining={
            "text": (("wikimedia/wikipedia", "20231101.en", 3), ("SamuelYang/bookcorpus", None, 1))
        },
        fine_tuning={"glue": "nyu-mll/glue"},
    )
    model = AutoModelForMaskedLM.from_pretrained(exported[2])
    card = model_card(
        Run("prune_pretrain", "cola", 0.5, profile=profile), model, 1.0, exported[1].head(0), "m"
    )
    assert card.data.base_model is None and card.data.datasets == [
        "SamuelYang/bookcorpus",
        "nyu-mll/glue",
        "wikimedia/wikipedia",
    ]
    assert (
        "wikimedia/wikipedia, 20231101.en, 75% of the blocks" in card.text
        and "pocket world" not in card.text
    )


@pytest.mark.parametrize("condition", ["dense", "prune_downstream", "majority"])
def test_only_what_was_pruned_in_pre_training_is_exported(micro, condition, tmp_path):
    with pytest.raises(ValueError, match=f"'{condition}'.*prune_pretrain, info_deletion or random"):
        export_model(
            Run(condition, "cola", 0.5 if condition == "prune_downstream" else 0.0, profile=micro),
            tmp_path,
            None,
        )


@pytest.mark.parametrize(
    "name, hub",
    [("bert-base-uncased", True), ("google/electra", True), ("gone/reviews.csv", False)],
)
def test_a_card_names_no_path_of_this_machine(name, hub, tmp_path):
    assert export._hub_id(name) == (name if hub else None)
    assert export._hub_id(str(tmp_path)) is None and export._hub_id("a folder/x/y") is None


def test_an_earlier_onnx_file_does_not_stay(exported, micro, tmp_path):
    store, rows, _ = exported
    (tmp_path / "model.onnx").write_text("of another model")
    export_model(Run("prune_pretrain", "cola", 0.7, profile=micro), tmp_path, rows, store)
    assert not (tmp_path / "model.onnx").exists() and (tmp_path / "README.md").exists()


def test_the_card_tells_learning_rates_and_splits_apart(micro):
    task = tasks.Task("mine", ("text",), ("no", "yes"), data="mine.csv", validation="test")
    run = Run("prune_pretrain", "mine", 0.5, 0, profile=micro.replace(own_tasks=(task,)))
    row = {"task": "mine", "condition": "prune_pretrain", "metric": "accuracy", "value": 0.5}
    rates = pd.DataFrame([row | {"learning_rate": rate} for rate in (1e-3, 2e-3)])
    results = export._metadata(run, rates, "name", "mit", "bert").eval_results
    assert len({result.metric_name for result in results}) == 2
    assert {(result.dataset_config, result.dataset_split) for result in results} == {(None, "test")}
