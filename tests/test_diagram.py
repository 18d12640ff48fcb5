"""The drawing of BERT: every pruned matrix is there once, with its shape; light and dark."""

import xml.etree.ElementTree as ElementTree

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from helpers import diagram

SMALL = {"vocab_size": 50, "hidden_size": 8, "intermediate_size": 20, "num_attention_heads": 2}


def with_pooler():
    config = BertConfig(**SMALL, num_hidden_layers=3)
    model = BertForMaskedLM(config)
    model.bert.pooler = torch.nn.Module()
    model.bert.pooler.dense = torch.nn.Linear(8, 8)
    return model


def test_each_pruned_matrix_is_filled_with_its_shape_below():
    drawing = diagram.bert(with_pooler())
    root = ElementTree.fromstring(drawing.svg)
    filled = [part for part in root.iter() if part.get("class") == "bert-pruned"]
    # a layer's six, word embeddings, the decoder, which is these again, pooler, and the legend's
    assert len(filled) == 6 + 2 + 1 + 1
    words = ["".join(part.itertext()) for part in root.iter() if part.tag.endswith("}text")]
    assert words.count("8 × 8") == 5 and words.count("50 × 8") == 2
    assert {"20 × 8", "8 × 20", "Layer, 3 times", "Attention: 2 heads of 4"} <= set(words)
    assert "prefers-color-scheme: dark" in drawing.svg
    assert "20 matrices are pruned" in drawing._repr_mimebundle_()["text/plain"]


def test_everything_lies_within_the_page():
    root = ElementTree.fromstring(diagram.bert(with_pooler()).svg)
    for part in root.iter():
        if part.tag.endswith("}rect") and part.get("x"):
            x, y, width, height = (float(part.get(key)) for key in ("x", "y", "width", "height"))
            assert 0 <= x and x + width <= diagram.WIDTH and 0 <= y and y + height <= diagram.HEIGHT


def test_another_build_is_an_error_that_says_so():
    other = RobertaForMaskedLM(RobertaConfig(**SMALL, num_hidden_layers=1))
    with pytest.raises(ValueError, match="no pooler.dense.weight, so it is not built like BERT"):
        diagram.bert(other)
