"""What is kept of an executed notebook's figures."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from tools import notebooks


def picture(notebook):
    return Image.open(io.BytesIO(base64.b64decode(notebook.cells[0].outputs[0].data["image/png"])))


def test_figures_keep_size_and_colours_with_fewer_bytes():
    figure = Figure(figsize=(4, 3))
    ax = figure.subplots()
    for n, color in enumerate(("tab:blue", "tab:orange", "tab:green")):
        ax.fill_between([0, 1, 2], [n, 0, n], [3, n + 1, 4], color=color, alpha=0.3)
        ax.plot([0, 1, 2], [n, n + 1, n], color=color)
    png = io.BytesIO()
    figure.savefig(png)
    notebook = new_notebook(
        cells=[
            new_code_cell(
                outputs=[
                    new_output(
                        "display_data", {"image/png": base64.b64encode(png.getvalue()).decode()}
                    )
                ]
            )
        ]
    )
    before = np.asarray(picture(notebook).convert("RGB")).astype(int)
    notebooks.reduce_colours(notebook)
    once = notebook.cells[0].outputs[0].data["image/png"]
    after = np.asarray(picture(notebook).convert("RGB")).astype(int)
    assert (
        after.shape == before.shape
        and abs(after - before).mean() < 0.5
        and abs(after - before).max() < 40
    )
    assert len(once) < 0.6 * len(base64.b64encode(png.getvalue()))
    notebooks.reduce_colours(notebook)
    assert notebook.cells[0].outputs[0].data["image/png"] == once


def test_bars_are_not_kept():
    bars = ["  0%|          | 0/10 [00:00<?, ?it/s]", "sweep: 0it [00:00, ?it/s]"]
    bars.append("trainings: 100%|██████████| 4/4 [01:00:02<00:00,  2.51s/it]")
    plain = [*bars, "Predict first: how many it/s?"]
    outputs = [new_output("display_data", {"text/plain": text}) for text in plain]
    trainer = "<div><progress value='200' max='200'></progress><table></table></div>"
    outputs += [new_output("display_data", {"text/html": page}) for page in (trainer, "<table>")]
    notebook = new_notebook(cells=[new_code_cell(outputs=outputs)])
    notebooks.normalise(notebook)
    kept = [[*output.data.values()] for output in notebook.cells[0].outputs]
    assert kept == [[plain[-1]], ["<table>"]]
