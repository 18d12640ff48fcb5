"""An export gives the same scores elsewhere; what is not installed is skipped, and says so."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from helpers.lab.experiment import Run
from helpers.lab.export import export_model, save_onnx
from helpers.lab.store import COLUMNS

TEXTS = ["the happy fox eats the pie .", "foxes eat [MASK] ."]


@pytest.fixture(scope="module")
def folder(micro, tmp_path_factory):
    """A model pruned to 50%, exported."""
    work = tmp_path_factory.mktemp("portable")
    run = Run("prune_pretrain", "cola", 0.5, profile=micro)
    return export_model(run, work / "half", pd.DataFrame(columns=COLUMNS), work / "runs")


@pytest.fixture(scope="module")
def batch(folder):
    return AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")


@pytest.fixture(scope="module")
def logits(folder, batch):
    """The scores that every reader must give: those of plain transformers."""
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**batch).logits.numpy()


@pytest.fixture(scope="module")
def onnx(folder):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: .[export] adds it")
    return save_onnx(folder)


def arrays(batch):
    return {name: values.numpy() for name, values in batch.items()}


def real(values, batch):
    """Scores at words, without those at the padding."""
    return np.asarray(values)[batch["attention_mask"].numpy() == 1]


def test_plain_transformers_reads_it_without_the_course(logits):
    assert logits.shape[0] == 2 and np.isfinite(logits).all() and logits.std() > 0


def test_sentence_transformers_gives_the_same_vectors(folder, batch):
    reason = "sentence-transformers is not installed: .[export] adds it"
    models = pytest.importorskip("sentence_transformers.models", reason=reason)
    module = models.Transformer(str(folder)).eval()
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state
        found = module(dict(batch))["token_embeddings"]
    assert real(found, batch) == pytest.approx(real(expected, batch), abs=1e-5)


def test_onnx_runtime_gives_the_same_scores(onnx, batch, logits):
    reason = "onnxruntime is not installed: .[export] adds it"
    runtime = pytest.importorskip("onnxruntime", reason=reason)
    session = runtime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], arrays(batch))
    assert real(found, batch) == pytest.approx(real(logits, batch), abs=1e-4)


def test_openvino_gives_the_same_scores(onnx, batch, logits):
    openvino = pytest.importorskip(
        "openvino", reason="openvino is not installed: .[export] adds it"
    )
    compiled = openvino.compile_model(str(onnx), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(arrays(batch))["logits"]
    assert real(found, batch) == pytest.approx(real(logits, batch), abs=1e-4)
