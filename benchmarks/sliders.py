"""How long it takes from moving a control to the new figure: ``python benchmarks/sliders.py``.

With ``--base`` for BERT-Base's shapes. On one thread, every control of every widget, in several
rounds. `quiet` are the numbers of the round with the lowest median: on a machine that does other
things as well, they are nearest to what the widget itself takes.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import copy
import time

import ipywidgets
import numpy as np
import pandas as pd
import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from helpers import data, paper, plots, profiles, pruning, reference, training
from helpers.lesson import widgets
from helpers.lesson.widgets import live

SENTENCE = "the happy fox eats the [MASK] ."
MOVES = 20  # of a control in a round
LONGEST = 20_000  # milliseconds of a round


def sensitivities(weights):
    """Made up: what counts here is how many matrices there are."""
    rows = [
        (name, s, s * (1 + n % 7))
        for n, name in enumerate(plots.matrix_names(weights))
        for s in np.arange(10) / 10
    ]
    return pd.DataFrame(rows, columns=["matrix", "sparsity", "rise"])


def of_a_model(model, tokenizer):
    """The widgets that are made of a model's matrices, each made when it is asked for."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for weight in pruning.prunable_parameters(moved).values():
            weight.add_(0.3 * weight.std() * torch.randn_like(weight))
    weights = pruning.prunable_parameters(model)
    return {
        "threshold_explorer": lambda: widgets.threshold_explorer(weights),
        "bert_forgets": lambda: widgets.bert_forgets(model, tokenizer, SENTENCE),
        "sensitivity_map": lambda: widgets.sensitivity_map(sensitivities(weights)),
        "mask_overlap": lambda: widgets.mask_overlap(model, moved),
    }


def of_results():
    """The widgets that are made of data frames, or of nothing."""
    sources = reference.sources() | {"BERT-Base (paper)": paper.table1_rows()}
    mine = sources["pocket BERT"].query("seed == 0 and sparsity == 0.7 and task == 'mnli'")
    return {
        "schedule_explorer": lambda: widgets.schedule_explorer(1000),
        "results_explorer": lambda: widgets.results_explorer(sources, mine),
        "cost_calculator": lambda: widgets.cost_calculator(
            reference.costs("bytes"), reference.costs("milliseconds")
        ),
        "experiment_form": lambda: live.experiment_form(profiles.get("tiny"), sources),
    }


def reachable(control):
    """Values that a control can take, over its whole range."""
    values = widgets.offered(control)
    if isinstance(control, ipywidgets.SelectMultiple):
        return [(value,) for value in values] + [tuple(values)]
    return [control.value + " ", control.value] if values is None else values


def milliseconds(box, control, generator):
    """One round: the control goes to values in random order, as a dragged slider and a menu do."""
    values, times = reachable(control), []
    if len(values) == 1:
        return []
    for value in generator.permutation(np.array([*values, None], dtype=object)[:-1])[:MOVES]:
        if value == control.value:
            continue
        began = time.perf_counter()
        control.value = value
        times.append(1000 * (time.perf_counter() - began))
        # a large model that is asked a new sentence shows a progress bar; once will do
        if sum(times) > LONGEST:
            break
    return times


def measure(makers, rounds, model):
    """A row for each control of the widgets that the `makers` make, by their names."""
    rows = []
    for name, make in makers.items():
        began = time.perf_counter()
        box = make()
        made = time.perf_counter() - began
        for label, control in box.controls.items():
            generator, start = np.random.default_rng(0), control.value
            done = []
            while (
                len(done) < rounds
                and sum(map(sum, done)) < LONGEST
                and (times := milliseconds(box, control, generator))
            ):
                done.append(times)
            if not done:
                continue
            if sum(map(sum, done)) < LONGEST:
                control.value = start
            every, quiet = np.concatenate(done), min(done, key=np.median)
            rows.append(
                {
                    "model": model,
                    "widget": name,
                    "control": label,
                    "moves": len(every),
                    "median": np.median(every),
                    "95%": np.quantile(every, 0.95),
                    "quiet median": np.median(quiet),
                    "quiet 95%": np.quantile(quiet, 0.95),
                    "made in s": made,
                }
            )
            median, most = np.median(every), np.quantile(every, 0.95)
            moved = f"{model:11} {name:20}{label:14}"
            print(f"{moved}{median:6.0f} ms, 95% {most:6.0f} ms", flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--base",
        action="store_true",
        help="the widgets of a model's matrices, for BERT-Base's shapes (random weights); "
        "takes 3 GB and some minutes",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="widgets whose name contains this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pocket = training.load_mlm(profiles.locate("pocket")), data.load_tokenizer("pocket")
    chosen = lambda makers: {name: make for name, make in makers.items() if options.only in name}
    rows = (
        []
        if options.base
        else measure(chosen(of_a_model(*pocket) | of_results()), options.rounds, "pocket BERT")
    )
    if options.base:
        torch.manual_seed(0)
        words = [*pocket[1].get_vocab(), *(f"word{n}" for n in range(30522 - len(pocket[1])))]
        tokenizer = BertTokenizer(vocab={word: n for n, word in enumerate(words)})
        rows += measure(
            chosen(of_a_model(BertForMaskedLM(BertConfig()).eval(), tokenizer)),
            options.rounds,
            "BERT-Base",
        )
    table = pd.DataFrame(rows).set_index(["model", "widget", "control"])
    print(table.round(0).astype(int).to_string())
    print(
        f"One thread of {os.cpu_count()}; all in milliseconds, but `made in s`. "
        f"Slowest median {table['median'].max():.0f}, slowest 95% {table['95%'].max():.0f}."
    )
