"""Every control of every widget is moved over its range: figure and sentence follow."""

import copy
import io
import re
import subprocess
import sys
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
import widget_notebook
from matplotlib.text import Text
from PIL import Image
from transformers import BertConfig, BertModel

from helpers import analysis, data, paper, plots, profiles, pruning, reference, training, weights
from helpers.lesson import predictions, widgets
from helpers.lesson.widgets import base, matrices

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
    values = widgets.offered(control)
    if isinstance(control, ipywidgets.SelectMultiple):
        return [tuple(values[:1]), tuple(values), ()]
    if values is None:
        return ["one lion [MASK] the hat .", "no gap here", "an unheard-of [MASK] ."]
    return values[:: max(1, len(values) // 6)] + values[-1:]


def shown(box):
    """What the widget shows now, as `at` gives it."""
    if isinstance(box, widgets.TextExplorer):
        return box.readout.value
    return bytes(box.picture.value), box.readout.value


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
            seen.add(shown(box))
        control.value = start
        assert len(seen) > 1, f"moving {label} of {name} changes nothing"
        assert control.description, f"{label} of {name} has no description"


def test_the_widgets_tested_are_those_of_the_notebooks():
    used = set()
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                used |= {name for name in NAMES if f"widgets.{name}(" in cell.source}
    explorers = (widgets.Explorer, widgets.TextExplorer)
    made = {
        name
        for name in widgets.__all__
        if getattr(widgets, name).__annotations__.get("return") in explorers
    }
    assert made == used == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_widget_is_never_wider_than_the_page(boxes, name):
    for child in boxes[name].children:
        if not isinstance(child, ipywidgets.Output):
            assert child.layout.width and child.layout.max_width == "calc(100% - 4px)"
    assert boxes[name].readout.layout.min_height
    assert "max-width" in boxes[name].readout.value


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bert_forgets"])
def test_every_figure_of_a_widget_has_the_same_size(boxes, name):
    box = boxes[name]
    sizes = set()
    for value in widgets.offered(control := list(box.controls.values())[-1])[::20]:
        picture, _ = box.at(**{next(n for n, c in box.controls.items() if c is control): value})
        sizes.add(Image.open(io.BytesIO(picture)).size)
    ((width, _),) = sizes
    assert box.picture.layout.width == f"{width}px" and box.picture.layout.height == "auto"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bert_forgets"])
def test_no_words_in_a_figure_are_cut_off(boxes, name):
    box = boxes[name]
    still = {n: c.value for n, c in box.controls.items() if n not in box.moving}
    canvas = box._scene(**still).canvas
    frame, words = canvas.figure.bbox, canvas.figure.findobj(Text)
    words = [word for word in words if word.get_text().strip() and word.get_visible()]
    assert len(words) > 5
    for word in words:
        # ticks outside the axes' limits are not drawn; their labels are known all the same
        if word in [label for ax in canvas.figure.axes for label in hidden_ticks(ax)]:
            continue
        extent = word.get_window_extent(canvas.get_renderer())
        inside = extent.x0 >= -1 and extent.y0 >= -1
        inside &= extent.x1 <= frame.x1 + 1 and extent.y1 <= frame.y1 + 1
        assert inside, f"{word.get_text()!r} at {extent} of {frame}"


def hidden_ticks(ax):
    """The labels of ticks that lie outside the axes."""
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


def test_no_two_controls_share_their_layout(boxes):
    controls = [control for box in boxes.values() for control in box.controls.values()]
    controls += [predictions.number("How much?").control, predictions.number("Why?").control]
    assert len({control.layout.model_id for control in controls}) == len(controls)
    assert len({control.style.model_id for control in controls}) == len(controls)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_a_kernel_can_show_what_the_widget_would(boxes, name):
    box = boxes[name]
    for label, control in box.controls.items():
        start, before = control.value, shown(box)
        for value in positions(control)[:3]:
            said = box.at(**{label: value})
            assert shown(box) == before and control.value == start, "the widget itself moved"
            control.value = value
            assert said == shown(box)
            control.value, before = start, shown(box) if value == start else before
        assert shown(box) == before == box.at()


def test_a_value_that_a_control_cannot_take_is_refused(boxes):
    box = boxes["threshold_explorer"]
    with pytest.raises(ValueError, match="no control 'colour'; there are matrix, scope, sparsity"):
        box.at(colour="red")
    with pytest.raises(ValueError, match=r"sparsity cannot be 0.505; it can be one of \[0.0, 0.01"):
        box.at(sparsity=0.505)
    with pytest.raises(ValueError, match="scope cannot be 'layer'.*'matrix', 'global'"):
        box.at(scope="layer")
    with pytest.raises(ValueError, match="conditions cannot be 'dense'"):
        boxes["results_explorer"].at(conditions=["random", "dense"])
    only = boxes["results_explorer"].at(conditions=["random"])[1]
    assert "random masks" in only and "information deletion" not in only
    assert boxes["bert_forgets"].at(sentence="no gap here") != boxes["bert_forgets"].readout.value


def test_what_is_raised_inside_an_output_comes_out(monkeypatch):
    class Shown:
        """IPython, to an output."""

        def showtraceback(self, *arguments, **options):
            raise AssertionError("the output saw the exception and swallows it")

    monkeypatch.setattr(ipywidgets.widgets.widget_output, "get_ipython", Shown)
    with pytest.raises(KeyboardInterrupt), base.printing_into(ipywidgets.Output()):
        raise KeyboardInterrupt
    with base.printing_into(ipywidgets.Output()):
        done = True
    assert done


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
        said = int(box.readout.value.split(" of this one. ")[1].split(" of ")[0].replace(",", ""))
        assert abs(said - int((~mask).sum())) <= max(3, 0.002 * mask.numel())  # bins are 0.05% wide
    box.controls["scope"].value = "matrix"


def test_counted_in_bins_is_as_good_as_sorted():
    weight = torch.randn(400, 300, generator=torch.Generator().manual_seed(0)) ** 3
    table, ordered = matrices._Magnitudes(weight), weight.abs().flatten().sort().values
    for sparsity in (0.01, 0.3, 0.5, 0.9, 0.999):
        count = round(len(ordered) * sparsity)
        assert table.threshold(sparsity) == pytest.approx(float(ordered[count - 1]), rel=6e-4)
        assert table.norm_above(count) == pytest.approx(
            float(ordered[count:].square().sum() / ordered.square().sum()), abs=1e-3
        )
    assert table.histogram[0].sum() == pytest.approx(0.999 * len(ordered), rel=2e-3)
    assert matrices._Magnitudes(torch.zeros(4, 4)).norm_above(8) == 1.0


@pytest.mark.parametrize("sparsity", [0.0, 0.03, 0.5, 0.97])
def test_mask_overlap_agrees_with_the_masks(model, moved, boxes, sparsity):
    box = boxes["mask_overlap"]
    box.controls["sparsity"].value = sparsity
    first, second = (
        pruning.magnitude_masks(model, sparsity),
        pruning.magnitude_masks(moved, sparsity),
    )
    assert f"<b>{100 * pruning.mask_difference(first, second):.2f}%</b>" in box.readout.value
    worst = max(float((first[name] != second[name]).float().mean()) for name in first)
    assert f"({100 * worst:.1f}%)" in box.readout.value
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


def test_mask_overlap_of_a_pruned_model(model):
    """Most of its entries are alike, namely 0; of these as many are pruned as a mask would."""
    zeros = pruning.apply_masks(copy.deepcopy(model), pruning.magnitude_masks(model, 0.6))
    box = widgets.mask_overlap(model, zeros)
    box.controls["sparsity"].value = 0.01
    pair = (pruning.magnitude_masks(net, 0.01) for net in (model, zeros))
    assert f"<b>{pruning.mask_difference(*pair):.2%}</b>" in box.readout.value


def test_schedule_explorer_tells_the_odd_positions_apart():
    said = lambda **values: widgets.schedule_explorer(1000).at(**values)[1]
    assert "has done <b>88%</b>" in said(begin=100, end=500)
    assert "ends where it begins, so all three prune at once, at step 500" in said(
        begin=500, end=500
    )
    assert "ends before it begins" in said(begin=800, end=300)
    assert "is above the final one, so nothing is pruned" in said(initial=0.9, final=0.5)
    assert "done" not in said(initial=0.5, final=0.5)


def test_no_curve_says_that_later_pruning_costs_no_mlm_loss():
    """Its rows hold the loss of the model that was fine-tuned, from before it was pruned."""
    for relative in (False, True):
        table = analysis.curve_table(reference.rows("tiny"), "mlm_loss", relative=relative)
        assert "prune_downstream" not in set(table.condition) >= {"prune_pretrain", "dense"}
    table = analysis.curve_table(reference.rows("tiny"))
    assert "prune_downstream" in set(table.condition)


def test_results_explorer_hides_the_intervals_and_shows_only_mine(boxes):
    box = boxes["results_explorer"]
    box.controls["source"].value, box.controls["task"].value = "mine", "cola"
    assert "pruned in pre-training 80.0% at 50%" in box.readout.value
    box.controls["task"].value = ""
    assert "no runs of this task" in box.readout.value
    box.controls["source"].value = ""
    box.controls["relative"].value = True
    lost = 100 * analysis.differences(reference.rows("tiny"), "prune_pretrain")["mean"]
    lowest = lost.index[lost.index > 0].min()
    told = f"against dense: pruned in pre-training {lost[lowest]:z.1f} points at {lowest:.0%} and"
    assert told in box.readout.value
    assert not re.search(r"[+-]0\.0+ ", box.at(metric="train_loss", task="cola")[1])
    box.controls["relative"].value = False


def test_sensitivity_map_names_the_most_sensitive_matrix(boxes):
    box = boxes["sensitivity_map"]
    box.controls["sparsity"].value = 0.6
    assert (
        "<b>pooler</b> (+11.40 nats)" in box.readout.value
        and "Not in a layer: word embeddings too small to tell; pooler +11.40" in box.readout.value
    )


def test_sensitivity_map_calls_what_chance_may_do_too_small_to_tell(model):
    names = plots.matrix_names(pruning.prunable_parameters(model))
    none = pd.DataFrame({"matrix": names, "sparsity": 0.1, "rise": np.linspace(-0.004, 0.004, 20)})
    some = none.assign(sparsity=0.9, rise=[0.03] * 18 + [0.5, 0.2])
    box = widgets.sensitivity_map(pd.concat([none, some]))
    figure = box._scene()
    assert {text.get_text() for text in figure.artists[1:]} == {"0.03", "0.50"}
    said = re.sub("<[^>]*>", "", box.readout.value)
    assert f"{names[18]} (+0.50 nats), then {names[19]} (+0.20); least" in said
    said = re.sub("<[^>]*>", "", box.at(sparsity=0.1)[1])
    assert "every rise is too small to tell from none (up to 0.005 nats)" in said
    assert {text.get_text() for text in figure.artists[1:]} == {"0.00"}, "a signed zero"
    said = re.sub("<[^>]*>", "", widgets.sensitivity_map(some, noise=0.1).readout.value)
    assert "Too small to tell (up to 0.1 nats): 18 of 20 matrices" in said
    # a fall of 0.04 says that chance reaches as far
    none.loc[0, "rise"] = -0.04
    said = widgets.sensitivity_map(pd.concat([none, some])).readout.value
    assert "Too small to tell (up to 0.04 nats): 18 of 20 matrices" in said


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
    box.controls["sparsity"].value = 0.99
    assert "Sizes were measured from" in box.readout.value and "MB" not in box.readout.value
    box.controls["model"].value, box.controls["batch"].value, box.controls["sparsity"].value = (
        "one",
        1,
        0.7,
    )
