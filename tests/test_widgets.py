"""Every control of every widget is moved over its range: the figure and the sentence follow, nothing fails."""

import copy
import dataclasses

import pandas as pd
import pytest
import torch

from helpers import data, experiment, paper, profiles, pruning, training, widgets

SENTENCE = "the happy fox eats the [MASK] ."
# made up: a megabyte dense, whatever the model; CSR takes 10 ms a sentence at 50%, 2 at 90%
SIZES = pd.DataFrame([(m, f, s, n * b) for n, m in ((1e6, "one"), (4e6, "two")) for f, a, k in (("dense", 1, 0), ("csr", 0, 2), ("bitmask", 0.03, 1), ("zstd", 0.1, 1), ("half", 0.5, 0), ("int8", 0.25, 0))
                      for s in (0.0, 0.5, 0.9) for b in [a + k * (1 - s)]], columns=["model", "format", "sparsity", "bytes"])
TIMES = pd.DataFrame([(m, s, e, b, b * t, b * t * 0.9, b * t * 1.1) for m in ("one", "two") for b in (1, 32) for e, points in (("dense", (6, 6)), ("CSR", (10, 2)), ("int8", (3, 3)))
                      for s, t in zip((0.5, 0.9), points)], columns=["model", "sparsity", "engine", "batch", "ms", "low", "high"])


@pytest.fixture(scope="module")
def model():
    return training.load_mlm(profiles.locate("pocket"))


@pytest.fixture(scope="module")
def boxes(model):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for weight in pruning.prunable_parameters(moved).values():
            weight.add_(0.05 * torch.randn_like(weight))
    table = paper.table1_rows()
    mine = pd.DataFrame([{"condition": "prune_pretrain", "sparsity": 0.5, "metric": "accuracy", "value": 0.8, "task": "cola"}])
    return {
        "threshold_explorer": widgets.threshold_explorer(pruning.prunable_parameters(model)),
        "schedule_explorer": widgets.schedule_explorer(200),
        "bert_forgets": widgets.bert_forgets(model, data.load_tokenizer("pocket"), SENTENCE),
        "results_explorer": widgets.results_explorer({"one": table, "two": table.assign(value=table.value * 0.9)}, mine),
        "mask_overlap": widgets.mask_overlap(model, moved),
        "cost_calculator": widgets.cost_calculator(SIZES, TIMES),
    }


def positions(control):
    """Some values over the whole range of a control, its ends among them."""
    if hasattr(control, "rows"):
        return [(control.options[0][1],), tuple(value for _, value in control.options), ()]
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return values[:: max(1, len(values) // 6)] + values[-1:]
    if hasattr(control, "max"):
        return [control.min, (control.min + control.max) // 2, control.max]
    if isinstance(control.value, bool):
        return [True, False]
    return ["one lion [MASK] the hat .", "no gap here", "an unheard-of [MASK] ."]


@pytest.mark.parametrize("name", ["threshold_explorer", "schedule_explorer", "bert_forgets", "results_explorer", "mask_overlap", "cost_calculator"])
def test_every_control_moves_the_figure_or_the_sentence(boxes, name):
    box = boxes[name]
    if name == "bert_forgets":
        box.controls["sparsity"].value = 0.7  # at 0 the other controls have nothing to show
    for label, control in box.controls.items():
        start, seen = control.value, set()
        for value in positions(control):
            control.value = value
            assert box.readout.value.strip()
            seen.add((box.readout.value, bytes(box.picture.value) if box.picture else b""))
        control.value = start
        assert len(seen) > 1, f"moving {label} of {name} changes nothing"
        assert control.description, f"{label} of {name} has no description"


def test_threshold_explorer_counts_what_the_mask_prunes(boxes, model):
    box = boxes["threshold_explorer"]
    box.controls["sparsity"].value = 0.25
    weight = pruning.prunable_parameters(model)[box.controls["matrix"].value]
    assert f"{round(weight.numel() * 0.25):,} of {weight.numel():,}" in box.readout.value


def test_mask_overlap_agrees_with_mask_difference(model):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for weight in pruning.prunable_parameters(moved).values():
            weight.add_(0.05 * torch.randn_like(weight))
    box = widgets.mask_overlap(model, moved)
    box.controls["sparsity"].value = 0.5
    wanted = pruning.mask_difference(pruning.magnitude_masks(model, 0.5), pruning.magnitude_masks(moved, 0.5))
    assert f"<b>{100 * wanted:.2f}%</b>" in box.readout.value


def test_bert_forgets_leaves_the_model_alone_and_says_what_is_missing(boxes, model):
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    box = boxes["bert_forgets"]
    box.controls["sparsity"].value = 0.9
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    box.controls["sentence"].value = "the fox is glad ."
    assert "[MASK]" in box.readout.value
    box.controls["sentence"].value = "the zebra eats the [MASK] ."
    assert "zebra" in box.readout.value
    box.controls["sentence"].value = SENTENCE
    box.controls["sparsity"].value = 0.0


def test_top_words_are_probabilities_in_order(model):
    words = widgets.top_words(model, data.load_tokenizer("pocket"), SENTENCE)
    assert len(words) == 5 and all(0 < p <= 1 for _, p in words)
    assert [p for _, p in words] == sorted((p for _, p in words), reverse=True)
    with pytest.raises(ValueError, match=r"\[MASK\]"):
        widgets.top_words(model, data.load_tokenizer("pocket"), "nothing to guess")


# The form that runs experiments


@pytest.fixture
def form(micro, tmp_path):
    return widgets.experiment_form(micro, {"paper": paper.table1_rows()}, tmp_path / "runs", "cola", (0.5,))


def test_the_run_button_runs_the_sweep_and_the_points_join_the_figure(form, micro, tmp_path):
    pictures = {bytes(form.figure.picture.value)}
    add = form.figure.add

    def watch(rows):
        add(rows)
        pictures.add(bytes(form.figure.picture.value))

    form.figure.add = watch
    assert "3 runs" in form.readout.value
    form.button.click()
    assert "Done" in form.readout.value and not form.button.disabled
    rows = form.figure.rows
    assert set(rows.condition) == {"majority", "dense", "prune_pretrain"} and set(rows.task) == {"cola"}
    assert len(pictures) == 4  # a new one with each run
    expected = experiment.run(experiment.Run("prune_pretrain", "cola", 0.5, profile=micro), tmp_path / "runs").set_index("metric").value
    assert f"at 50% <b>{100 * expected.accuracy:.1f}%</b>" in form.figure.readout.value


def test_every_control_of_the_form_changes_what_is_run(form):
    counts = {"start": form.readout.value}
    form.controls["seeds"].value = 2
    counts["seeds"] = form.readout.value
    form.controls["sparsities"].value = (0.3, 0.5, 0.9)
    counts["sparsities"] = form.readout.value
    form.controls["conditions"].value = ("prune_pretrain", "random")
    counts["conditions"] = form.readout.value
    assert [counts[name].split()[0] for name in counts] == ["<p>3", "<p>6", "<p>10", "<p>16"]
    assert all(control.description for control in form.controls.values())
    form.controls["seeds"].value, form.controls["conditions"].value = 1, ()
    form.controls["task"].value = "mnli"
    form.button.click()
    assert set(form.figure.rows.task) == {"mnli"} and "MNLI" in form.figure.readout.value


@pytest.mark.parametrize("name, message", [("nobody/nothing", "cannot load nobody/nothing"), ("gpt", "which this course cannot prune")])
def test_a_model_that_cannot_be_run_is_told_and_the_button_comes_back(form, name, message, tmp_path):
    from transformers import GPT2Config

    GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60).save_pretrained(tmp_path / "gpt")
    data.load_tokenizer(profiles.POCKET).save_pretrained(tmp_path / "gpt")
    form.controls["model"].value = str(tmp_path / "gpt") if name == "gpt" else name
    form.button.click()
    assert message in form.readout.value and not form.button.disabled


def test_an_interrupted_form_goes_on(form, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(widgets.experiment, "sweep", interrupted)
        form.button.click()
    assert "Stopped" in form.readout.value and not form.button.disabled
    form.button.click()
    assert "Done" in form.readout.value


def test_form_of_a_profile_on_glue_offers_every_task(micro):
    offered = widgets.experiment_form(dataclasses.replace(micro, glue="nyu-mll/glue"), {}, task="stsb").controls["task"].options
    assert [task for _, task in offered] == list(data.COLUMNS)


def test_live_figure_of_regression_shows_the_correlation():
    row = {"condition": "dense", "sparsity": 0.0, "metric": "pearson", "value": 0.8125, "task": "stsb"}
    box = widgets.live_curves({"paper": paper.table1_rows()}, "stsb")
    assert "none yet" in box.readout.value
    box.add(pd.DataFrame([row]))
    assert "Pearson correlation" in box.readout.value and "<b>0.812</b>" in box.readout.value


def test_cost_calculator_reads_between_the_measured_points(boxes):
    box = boxes["cost_calculator"]
    box.controls["sparsity"].value = 0.7
    text = box.readout.value
    assert "dense 1 MB" in text and "bit mask + values, 0.33 MB" in text and "3.0 times smaller" in text
    assert "Dense takes 6 ms, CSR 6 ms" in text and "int8 (PyTorch), 3 ms" in text
    box.controls["model"].value, box.controls["batch"].value, box.controls["sparsity"].value = "two", 32, 0.9
    text = box.readout.value
    assert "dense 4 MB" in text and "CSR 64 ms" in text and "CSR (torch.sparse), 64 ms" in text
    box.controls["sparsity"].value = 0.2
    assert "from 50% to 90% only" in box.readout.value
    box.controls["model"].value, box.controls["batch"].value, box.controls["sparsity"].value = "one", 1, 0.7
