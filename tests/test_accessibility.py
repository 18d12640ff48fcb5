"""Colours, markers and letters that all readers can tell apart; figures described in words."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.font_manager import font_scalings
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers import plots
from helpers.conditions import CONDITIONS
from tools import notebooks

# What a reader without one kind of cones sees of linear RGB, at severity 1: Machado, Oliveira and
# Fernandes (2009)
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
STYLES = {"conditions": CONDITIONS, "formats": plots.FORMAT_STYLE, "engines": plots.ENGINE_STYLE}
THE_FOUR = ("prune_pretrain", "info_deletion", "prune_downstream", "random")


def lab(color, sight):
    """CIE Lab of a colour as a reader sees it.

    A distance of 10 is plain at a glance, 2 is barely to be seen.
    """
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lab_of_known_colours():
    assert lab("white", "all cones") == pytest.approx([100, 0, 0], abs=0.05)
    assert lab("red", "all cones") == pytest.approx([53.24, 80.09, 67.20], abs=0.1)
    red, green = (lab(color, "deuteranopia") for color in ((0.6, 0.3, 0.1), (0.35, 0.45, 0.1)))
    assert (
        np.linalg.norm(red - green)
        < np.linalg.norm(lab((0.6, 0.3, 0.1), "all cones") - lab((0.35, 0.45, 0.1), "all cones"))
        / 2
    )


@pytest.mark.parametrize("styles", STYLES)
def test_no_two_of_a_figure_have_the_same_marker_or_name(styles):
    for part in ("marker", "label"):
        values = [getattr(style, part) for style in STYLES[styles].values()]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("sight", SIGHT)
def test_the_four_conditions_are_told_apart_by_colour_alone(sight):
    seen = {condition: lab(CONDITIONS[condition].color, sight) for condition in THE_FOUR}
    assert (
        min(np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(THE_FOUR, 2)) > 10
    )


def test_sources_are_told_apart_by_line_style():
    assert len(set(plots.LINES)) == len(plots.LINES) >= 4


def test_letters_have_at_least_8_points():
    with mpl.rc_context():
        plots.use_style()
        sizes = {
            key: size
            for key, size in mpl.rcParams.items()
            if key.endswith(("labelsize", "titlesize", "font.size", "fontsize"))
            and size is not None
        }
        points = {
            key: mpl.rcParams["font.size"] * font_scalings[size] if isinstance(size, str) else size
            for key, size in sizes.items()
        }
    assert len(points) >= 8 and min(points.values()) >= 8, points


def figure_cell(*outputs):
    plt.figure(figsize=(1, 1))
    image = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
    plt.close()
    return new_code_cell(
        "plt.show()",
        outputs=[
            image if output == "figure" else new_output("stream", name="stdout", text=output)
            for output in outputs
        ],
    )


def test_pages_describe_figures_by_what_is_printed():
    notebook = new_notebook(
        cells=[
            figure_cell("A note.\n", "figure", "It falls\nfrom 60%.\n"),
            figure_cell('Said "before".', "figure"),
            figure_cell("figure"),
        ]
    )
    notebooks.describe_figures(notebook)
    alternatives = [
        cell.outputs[-2 if len(cell.outputs) == 3 else -1].metadata.get("image/png")
        for cell in notebook.cells[:3]
    ]
    assert alternatives == [{"alt": "It falls from 60%."}, {"alt": 'Said "before".'}, None]
    nbformat.validate(notebook)
