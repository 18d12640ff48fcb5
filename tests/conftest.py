"""What the tests share: no network, no settings of the user's, small models, a pocket checkpoint.

`HUB_MIRROR` is taken out of the environment; tests that need a real mirror ask for `real_hub`.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from tiers import pytest_collection_modifyitems  # noqa: F401, a hook

ROOT = Path(__file__).parent.parent
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
MIRROR = Path(os.environ.get("HUB_MIRROR") or ROOT.parent / "shared" / "hub")
for name in ("PRUNING_PROFILE", "HUB_MIRROR"):
    os.environ.pop(name, None)
# not installed: take it from the checkout, in subprocesses too
if importlib.util.find_spec("helpers") is None:
    sys.path.insert(0, str(ROOT / "src"))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )


@pytest.fixture
def real_hub(monkeypatch):
    """A folder laid out by hub id with real data, as HUB_MIRROR; skipped where there is none."""
    if not (MIRROR / "nyu-mll" / "glue").is_dir():
        pytest.skip("no real data: HUB_MIRROR names no folder with nyu-mll/glue")
    monkeypatch.setenv("HUB_MIRROR", str(MIRROR))
    return MIRROR


@pytest.fixture
def tiny_config():
    """A BERT of two layers, about 6,000 parameters."""
    from transformers import BertConfig

    def config(**changes):
        values = dict(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
        return BertConfig(**(values | changes))

    return config


@pytest.fixture
def make(tiny_config):
    """Make a small random model of a class: ``make(BertForMaskedLM, seed=1)``."""
    import torch

    def model(cls, seed=0, add_pooling_layer=None, **changes):
        torch.manual_seed(seed)
        options = {} if add_pooling_layer is None else {"add_pooling_layer": add_pooling_layer}
        return cls(tiny_config(**changes), **options)

    return model


@pytest.fixture(scope="session")
def pocket_checkpoint(tmp_path_factory):
    """A folder like the pocket BERT's, with the pocket world's words and small random weights."""
    import torch
    from transformers import BertConfig, BertForPreTraining, BertTokenizer

    from helpers import pocket

    folder = tmp_path_factory.mktemp("pocket-bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pocket.world().vocabulary]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    torch.manual_seed(0)
    model = BertForPreTraining(
        BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=40,
            initializer_range=0.3,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def micro(pocket_checkpoint):
    """The tiny profile cut down to seconds."""
    from helpers import profiles

    return profiles.get("tiny").replace(
        seeds=(0,),
        sparsities=(0.5,),
        pretraining={
            "model": str(pocket_checkpoint),
            "steps": 4,
            "ramp_steps": 2,
            "batch": 16,
            "text_rows": 200,
        },
        fine_tuning={
            "train_rows": 32,
            "dev_rows": 32,
            "epochs": 1,
            "deletion_epochs": ((0, 1),),
            "before_after_epochs": ((0, (1, 1)),),
        },
    )


@pytest.fixture(scope="session")
def tokenizer():
    """55 words and the five special tokens, for the models of `make`."""
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(55))]
    return BertTokenizer(vocab={word: i for i, word in enumerate(words)})


@pytest.fixture(scope="session")
def text(tokenizer):
    """48 lines of ten random words, tokenised for MLM training."""
    import random

    from datasets import Dataset

    rng = random.Random(0)
    lines = [" ".join(f"w{rng.randrange(55)}" for _ in range(10)) for _ in range(48)]
    return Dataset.from_dict(dict(tokenizer(lines, return_special_tokens_mask=True)))
