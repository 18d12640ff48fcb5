"""The figure that results join, and the form of notebook 09: what is chosen is run, drawn, told."""

import queue
import re
import time

import pandas as pd
import pytest
from jupyter_client.manager import start_new_kernel

from helpers import data, paper, profiles, tasks
from helpers.lab import experiment, runs
from helpers.lesson.widgets import live


@pytest.fixture
def form(micro, tmp_path):
    return live.experiment_form(
        micro, {"paper": paper.table1_rows()}, tmp_path / "runs", "cola", (0.5,)
    )


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
    assert set(rows.condition) == {"majority", "dense", "prune_pretrain"} and set(rows.task) == {
        "cola"
    }
    assert len(pictures) == 4  # a new one with each run
    expected = (
        experiment.measure(
            runs.Run("prune_pretrain", "cola", 0.5, profile=micro), tmp_path / "runs"
        )
        .set_index("metric")
        .value
    )
    assert f"at 50% <b>{100 * expected.accuracy:.1f}%</b>" in form.figure.readout.value


def test_every_control_of_the_form_changes_what_is_run(form):
    counts = {"start": form.readout.value}
    form.controls["seeds"].value = 2
    counts["seeds"] = form.readout.value
    form.controls["sparsities"].value = (0.3, 0.5, 0.9)
    counts["sparsities"] = form.readout.value
    form.controls["conditions"].value = ("prune_pretrain", "random")
    counts["conditions"] = form.readout.value
    assert [re.search(r"(\d+) runs", said)[1] for said in counts.values()] == ["3", "6", "10", "16"]
    assert all(control.description for control in form.controls.values())
    form.controls["seeds"].value, form.controls["conditions"].value = 1, ()
    form.controls["task"].value = "mnli"
    form.button.click()
    assert set(form.figure.rows.task) == {"mnli"} and "MNLI" in form.figure.readout.value


@pytest.mark.parametrize(
    "name, message",
    [("nobody/nothing", "cannot load nobody/nothing"), ("gpt", "which this course cannot prune")],
)
def test_a_model_that_cannot_be_run_is_told_and_the_button_comes_back(
    form, name, message, tmp_path
):
    from transformers import GPT2Config

    GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60).save_pretrained(tmp_path / "gpt")
    data.load_tokenizer(profiles.POCKET).save_pretrained(tmp_path / "gpt")
    form.controls["model"].value = str(tmp_path / "gpt") if name == "gpt" else name
    form.button.click()
    assert message in form.readout.value and not form.button.disabled


# Under IPython an Output swallows what is raised in its block, so this needs a kernel
KERNEL = """
import time
from helpers import profiles
from helpers.lesson.widgets import live
form = live.experiment_form(profiles.get("tiny"), {}, STORE, "cola", (0.5,))
form.controls["conditions"].value = ()
"""
FAILS = 'form.controls["model"].value = "no/such-model"\nform.button.click()'
WAITS = """
def sweep(*arguments, **options):
    print("waiting", flush=True)
    time.sleep(60)
live.experiment.sweep = sweep
form.button.click()
"""
SAID = "print(form.readout.value, form.button.disabled, len(form.figure.rows))"


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(client, code, on_message=lambda message: None, seconds=120):
    """What a cell prints into its own output; `on_message` sees every message meanwhile."""
    number, printed, end = client.execute(code), "", time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        on_message(message)
        if message["parent_header"].get("msg_id") != number:
            continue
        if message["msg_type"] == "error":
            raise AssertionError("\n".join(message["content"]["traceback"]))
        printed += message["content"].get("text", "")
        if message["content"].get("execution_state") == "idle":
            return printed
    raise AssertionError(f"no end after {seconds} s of:\n{code}")


def test_in_a_kernel_the_form_says_what_failed_and_what_was_interrupted(kernel, tmp_path):
    manager, client = kernel
    execute(client, f"STORE = {str(tmp_path / 'runs')!r}\n{KERNEL}")
    execute(client, FAILS)
    said = execute(client, SAID)
    assert "Not done." in said and "cannot load no/such-model" in said
    assert said.endswith("False 0\n")

    def interrupt(message):
        if "waiting" in message["content"].get("text", ""):
            manager.interrupt_kernel()

    execute(client, 'form.controls["model"].value = profiles.POCKET')
    execute(client, WAITS, interrupt)
    said = execute(client, SAID)
    assert "Stopped." in said and "Done." not in said and said.endswith("False 0\n")


def test_a_choice_that_cannot_be_planned_is_told_at_once(form, monkeypatch):
    def refuse(*arguments, **options):
        raise ValueError("seeds must be <b>whole</b> numbers\nfrom 0 on")

    monkeypatch.setattr(live.experiment, "plan", refuse)
    form.controls["seeds"].value = 2
    assert "seeds must be &lt;b&gt;whole&lt;/b&gt; numbers<br>from 0 on" in form.readout.value


def test_an_interrupted_form_goes_on(form, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(live.experiment, "sweep", interrupted)
        form.button.click()
    assert "Stopped" in form.readout.value and not form.button.disabled
    form.button.click()
    assert "Done" in form.readout.value


def test_form_of_a_profile_on_glue_offers_every_task(micro):
    offered = (
        live.experiment_form(micro.replace(fine_tuning={"glue": "nyu-mll/glue"}), {}, task="stsb")
        .controls["task"]
        .options
    )
    assert [task for _, task in offered] == list(tasks.COLUMNS)


@pytest.mark.parametrize("sparsity", [0.125, 1 / 3, 0.985, 0.1 * 3])
def test_the_form_takes_any_sparsity(micro, sparsity):
    form = live.experiment_form(micro, {}, sparsities=(sparsity,))
    assert form.controls["sparsities"].value == (round(sparsity, 9),)
    labels = [label for label, _ in form.controls["sparsities"].options]
    assert len(labels) == len(set(labels))


def test_live_figure_of_regression_shows_the_correlation():
    row = {
        "condition": "dense",
        "sparsity": 0.0,
        "metric": "pearson",
        "value": 0.8125,
        "task": "stsb",
    }
    box = live.live_curves({"paper": paper.table1_rows()}, "stsb")
    assert "none yet" in box.readout.value
    box.add(pd.DataFrame([row]))
    assert "Pearson correlation" in box.readout.value and "<b>0.812</b>" in box.readout.value
