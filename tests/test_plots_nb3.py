"""The figures of notebook 08 draw what was measured; its times of 2:4 are of that pattern."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from matplotlib.colors import same_color

from helpers import plots, structure
from helpers.conditions import CONDITIONS
from helpers.cost import speed


@pytest.fixture(autouse=True)
def axes():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def test_own_times_are_stars_of_one_batch_in_the_colours_of_the_engines(axes):
    rows = pd.DataFrame(
        [(0.5, "CSR", 1, 8.0), (0.9, "CSR", 1, 2.0), (0.9, "int8", 1, 3.0), (0.9, "CSR", 32, 70.0)],
        columns=["sparsity", "engine", "batch", "ms"],
    )
    plots.own_times(rows, 1, axes)
    csr, int8 = axes.get_lines()
    assert csr.get_xydata().tolist() == [[50, 8], [90, 2]]
    assert int8.get_xydata().tolist() == [[90, 3]]
    for line, engine in ((csr, "CSR"), (int8, "int8")):
        assert (line.get_marker(), line.get_linestyle()) == ("*", "None")
        assert same_color(line.get_color(), plots.ENGINE_STYLE[engine].color)


def test_accuracy_against_time_has_intervals_sparsities_and_dense(axes):
    line = pd.DataFrame(
        {"ms": [4.0, 2.0], "mean": [0.7, 0.6], "low": [0.65, 0.5], "high": [0.8, 0.7]},
        index=[0.25, 0.5],
    )
    kinds = {"cut out": (line, CONDITIONS["structured"])}
    plots.accuracy_against_time(kinds, (8.0, 0.75), axes)
    points, caps, (ends,) = axes.containers[0].lines
    assert points.get_xydata() == pytest.approx(line[["ms", "mean"]].to_numpy() * [1, 100])
    drawn = [segment[:, 1].tolist() for segment in ends.get_segments()]
    assert drawn == [pytest.approx([65, 80]), pytest.approx([50, 70])]
    assert [text.get_text() for text in axes.texts] == ["25%", "50%"]
    dense = next(one for one in axes.get_lines() if one.get_label() == "dense, nothing pruned")
    assert dense.get_xydata().tolist() == [[8, 75]]
    assert same_color(dense.get_color(), CONDITIONS["dense"].color)
    named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert named == {"cut out", "dense, nothing pruned"}


def test_two_of_four_is_timed_with_the_pattern_in_each_batch(monkeypatch):
    shares = []

    def engine(model):
        weights = structure.layer_matrices(model).values()
        shares.append({float((weight == 0).float().mean()) for weight in weights})
        return lambda ids: torch.zeros(len(ids), 1)

    monkeypatch.setattr(speed, "half_on_gpu", engine)
    monkeypatch.setattr(speed, "two_of_four", engine)
    times = speed.two_of_four_times("BERT-tiny", tokens=4, batches=(1, 2), repeats=2)
    assert shares == [{0.5}, {0.5}]
    assert times.engine.tolist() == ["dense, half precision", "2:4, half precision"] * 2
    assert times.batch.tolist() == [1, 1, 2, 2]
