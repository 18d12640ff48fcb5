"""Every control of every widget is moved over its range: the figure and the sentence follow, nothing fails."""

import ast
import copy
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import torch
import widget_notebook
from transformers import BertConfig, BertModel

from helpers import analysis, data, paper, plots, profiles, pruning, reference, training, weights
from helpers.lesson import widgets

SENTENCE = "the happy fox eats the [MASK] ."
# made up: a megabyte dense, whatever the model; CSR takes 10 ms a sentence at 50%, 2 at 90%
SIZES = pd.DataFrame(
    [
        (m, f, s, n * b)
        for n, m in ((1e6, "one"), (4e6, "two"))
        for f, a, k in (
            ("dense", 1, 0),
            ("csr", 0, 2),
            ("bitmask", 0.03, 1),
            ("zstd", 0.1, 1),
            ("half", 0.5, 0),
            ("int8", 0.25, 0),
        )
        for s in (0.0, 0.5, 0.9)
        for b in [a + k * (1 - s)]
    ],
    columns=["model", "format", "sparsity", "bytes"],
)
TIMES = pd.DataFrame(
    [
        (m, s, e, b, b * t, b * t * 0.9, b * t * 1.1)
        for m in ("one", "two")
        for b in (1, 32)
        for e, points in (("dense", (6, 6)), ("CSR", (10, 2)), ("int8", (3, 3)))
        for s, t in zip((0.5, 0.9), points)
    ],
    columns=["model", "sparsity", "engine", "batch", "ms", "low", "high"],
)
NAMES = [
    "threshold_explorer",
    "schedule_explorer",
    "bert_forgets",
    "sensitivity_map",
    "results_explorer",
    "mask_overlap",
    "cost_calculator",
]
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@pytest.fixture(scope="module")
def model():
    return training.load_mlm(profiles.locate("pocket"))


@pytest.fixture(scope="module")
def moved(model):
    torch.manual_seed(0)
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for weight in pruning.prunable_parameters(moved).values():
            weight.add_(0.05 * torch.randn_like(weight))
    return moved


@pytest.fixture(scope="module")
def boxes(model, moved):
    table = paper.table1_rows()
    mine = pd.DataFrame(
        [
            {
                "condition": "prune_pretrain",
                "sparsity": 0.5,
                "metric": "accuracy",
                "value": 0.8,
                "task": "cola",
            }
        ]
    )
    return {
        "threshold_explorer": widgets.threshold_explorer(pruning.prunable_parameters(model)),
        "schedule_explorer": widgets.schedule_explorer(200),
        "bert_forgets": widgets.bert_forgets(model, data.load_tokenizer("pocket"), SENTENCE),
        "sensitivity_map": widgets.sensitivity_map(
            pd.DataFrame(
                [
                    (name, s, n * s)
                    for n, name in enumerate(plots.matrix_names(pruning.prunable_parameters(model)))
                    for s in (0.3, 0.6, 0.9)
                ],
                columns=["matrix", "sparsity", "rise"],
            )
        ),
        "results_explorer": widgets.results_explorer(
            {"one": reference.rows("tiny"), "two": table}, mine
        ),
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
        return list(range(control.min, control.max + 1, control.step))[
            :: max(1, (control.max - control.min) // control.step // 5)
        ] + [control.max]
    if isinstance(control.value, bool):
        return [True, False]
    return ["one lion [MASK] the hat .", "no gap here", "an unheard-of [MASK] ."]


def test_every_callback_moves_over_its_range_in_a_kernel(tmp_path):
    count = widget_notebook.write(tmp_path / "widgets.ipynb", moving=True)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval-lax",
            "--nbval-current-env",
            "--nbval-cell-timeout=600",
            "-p",
            "no:cacheprovider",
            "--color=no",
            "-q",
            tmp_path / "widgets.ipynb",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert f"{2 * count + 1} passed" in done.stdout


@pytest.mark.parametrize("name", NAMES)
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


def test_the_widgets_tested_are_those_of_the_notebooks():
    used = set()
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                used |= {name for name in NAMES if f"widgets.{name}(" in cell.source}
    made = {
        node.name
        for node in ast.parse(Path(widgets.__file__).read_text()).body
        if isinstance(node, ast.FunctionDef) and " explorer(" in ast.unparse(node).split("\n", 1)[1]
    }
    assert made == used == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_figure_keeps_its_size_and_the_controls_their_descriptions(boxes, name):
    box = boxes[name]
    assert box.readout.layout.min_height
    if box.picture:
        assert box.picture.layout.width and box.picture.layout.height
    for control in box.controls.values():
        assert control.description and control.layout.width


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.99])
def test_threshold_explorer_says_what_the_mask_prunes(boxes, model, sparsity):
    box = boxes["threshold_explorer"]
    box.controls["sparsity"].value = sparsity
    weight = pruning.prunable_parameters(model)[box.controls["matrix"].value].detach()
    kept = pruning.magnitude_mask(weight, sparsity)
    share = 100 * float((weight * kept).square().sum() / weight.square().sum())
    assert f"{round(weight.numel() * sparsity):,} of {weight.numel():,}" in box.readout.value
    assert f"<b>{share:.1f}%</b>" in box.readout.value


def test_threshold_explorer_with_one_threshold_for_all(boxes, model):
    box = boxes["threshold_explorer"]
    masks = pruning.magnitude_masks(model, 0.6, "global")
    box.controls["scope"].value, box.controls["sparsity"].value = "global", 0.6
    for matrix, mask in list(masks.items())[::6]:
        box.controls["matrix"].value = matrix
        said = int(box.readout.value.split(" of this one, ")[1].split(" of ")[0].replace(",", ""))
        assert abs(said - int((~mask).sum())) <= max(3, 0.002 * mask.numel())  # bins are 0.05% wide
    box.controls["scope"].value = "matrix"


def test_counted_in_bins_is_as_good_as_sorted():
    weight = torch.randn(400, 300, generator=torch.Generator().manual_seed(0)) ** 3
    table, ordered = widgets._Magnitudes(weight), weight.abs().flatten().sort().values
    for sparsity in (0.01, 0.3, 0.5, 0.9, 0.999):
        count = round(len(ordered) * sparsity)
        assert table.threshold(sparsity) == pytest.approx(float(ordered[count - 1]), rel=6e-4)
        assert table.norm_above(count) == pytest.approx(
            float(ordered[count:].square().sum() / ordered.square().sum()), abs=1e-3
        )
    assert table.histogram[0].sum() == pytest.approx(0.999 * len(ordered), rel=2e-3)
    assert widgets._Magnitudes(torch.zeros(4, 4)).norm_above(8) == 1.0


@pytest.mark.parametrize("sparsity", [0.0, 0.03, 0.5, 0.97])
def test_mask_overlap_agrees_with_the_masks(model, moved, boxes, sparsity):
    box = boxes["mask_overlap"]
    box.controls["sparsity"].value = sparsity
    first, second = (
        pruning.magnitude_masks(model, sparsity),
        pruning.magnitude_masks(moved, sparsity),
    )
    assert f"<b>{100 * pruning.mask_difference(first, second):.2f}%</b>" in box.readout.value
    table = analysis.mask_difference_by_matrix(first, second)
    assert f"({100 * table.difference.max():.1f}%)" in box.readout.value
    box.controls["by"].value = "head"
    blocks = zip(weights.head_blocks(model, first), weights.head_blocks(model, second))
    heads = (
        pd.DataFrame(
            [(a[0], a[1], float((a[3] != b[3]).sum()), a[3].numel()) for a, b in blocks],
            columns=["layer", "head", "differ", "entries"],
        )
        .groupby(["layer", "head"])
        .sum()
    )
    worst = (heads.differ / heads.entries).max()
    assert f"({100 * worst:.1f}%)" in box.readout.value
    box.controls["by"].value = "matrix"


def test_results_explorer_hides_the_intervals_and_shows_only_mine(boxes):
    box = boxes["results_explorer"]
    box.controls["source"].value, box.controls["task"].value = "mine", "cola"
    assert "pruned in pre-training 80.0% at 50%" in box.readout.value
    box.controls["task"].value = ""
    assert "none of this task" in box.readout.value
    box.controls["source"].value = ""
    box.controls["relative"].value = True
    assert "against dense" in box.readout.value and "-0.8 points at 30%" in box.readout.value
    box.controls["relative"].value = False


def test_sensitivity_map_names_the_most_sensitive_matrix(boxes):
    box = boxes["sensitivity_map"]
    box.controls["sparsity"].value = 0.6
    assert (
        "<b>pooler</b> (+11.40 nats)" in box.readout.value
        and "Not in a layer: word embeddings +0.00; pooler" in box.readout.value
    )


def test_a_slider_draws_what_a_new_figure_would_show(model):
    weights = pruning.prunable_parameters(model)
    moved, fresh = widgets.threshold_explorer(weights), widgets.threshold_explorer(weights)
    for sparsity in (0.2, 0.99, 0.7):
        moved.controls["sparsity"].value = sparsity
    fresh.controls["sparsity"].value = 0.7
    assert moved.picture.value == fresh.picture.value
    fresh.controls["sparsity"].value = 0.3
    assert moved.picture.value != fresh.picture.value


@pytest.mark.parametrize("name", ["threshold_explorer", "mask_overlap"])
def test_shapes_of_bert_base_are_no_trouble(name):
    net = BertModel(
        BertConfig(num_hidden_layers=1, hidden_size=768, intermediate_size=3072, vocab_size=1000)
    )
    box = (
        widgets.threshold_explorer(pruning.prunable_parameters(net))
        if name == "threshold_explorer"
        else widgets.mask_overlap(net, net)
    )
    box.controls["sparsity"].value = 0.9
    assert (
        "0.00%" in box.readout.value
        if name == "mask_overlap"
        else "of the squared norm" in box.readout.value
    )


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
    words = training.top_words(model, data.load_tokenizer("pocket"), SENTENCE)
    assert len(words) == 5 and all(0 < p <= 1 for _, p in words)
    assert [p for _, p in words] == sorted((p for _, p in words), reverse=True)
    with pytest.raises(ValueError, match=r"\[MASK\]"):
        training.top_words(model, data.load_tokenizer("pocket"), "nothing to guess")


def test_cost_calculator_reads_between_the_measured_points(boxes):
    box = boxes["cost_calculator"]
    box.controls["sparsity"].value = 0.7
    text = box.readout.value
    assert (
        "dense 1 MB" in text
        and "bit mask + values, 0.33 MB" in text
        and "3.0 times smaller" in text
    )
    assert "Dense takes 6 ms, CSR 6 ms" in text and "int8 (PyTorch), 3 ms" in text
    box.controls["model"].value, box.controls["batch"].value, box.controls["sparsity"].value = (
        "two",
        32,
        0.9,
    )
    text = box.readout.value
    assert "dense 4 MB" in text and "CSR 64 ms" in text and "CSR (torch.sparse), 64 ms" in text
    box.controls["sparsity"].value = 0.2
    assert "from 50% to 90% only" in box.readout.value
    box.controls["model"].value, box.controls["batch"].value, box.controls["sparsity"].value = (
        "one",
        1,
        0.7,
    )
