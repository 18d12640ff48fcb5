"""Make the pocket BERT that ships with the course: ``python -m tools.pocket_bert``.

A BERT of three layers, pre-trained on the pocket world with the same `train_mlm` as everything
else.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from transformers import BertConfig, BertTokenizer, TrainerCallback, set_seed

from helpers import data, machine, pocket, profiles
from helpers.training import load_mlm, mlm_loss, quiet, train_mlm

STEPS, BATCH, LEARNING_RATE, WARMUP, PASSAGES = 20_000, 96, 2e-3, 300, 200_000
PREFIX = 30  # steps that a test makes again


def make_tokenizer():
    """A BERT tokenizer with a token for each word of the pocket world."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pocket.world().vocabulary]
    return BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=32)


def make_model(tokenizer):
    """The pocket BERT before any training; no dropout, because there is text without end."""
    set_seed(0)
    return load_mlm(
        None,
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=256,
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
    )


def pretrain(folder, stop_after=None, progress=True):
    """Pre-train the pocket BERT and save it with its provenance.

    Parameters
    ----------
    folder : path
    stop_after : int, optional
        Stop after so many steps of the same schedule.
    progress : bool

    Returns
    -------
    transformers.PreTrainedModel
    """
    began = time.perf_counter()
    folder = Path(folder)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    profile = profiles.get("tiny").replace(
        pretraining={"model": str(folder), "text_rows": PASSAGES}
    )
    model = make_model(tokenizer)
    held_out = data.load_text(profile, "validation")
    loss = lambda model: mlm_loss(
        model, tokenizer, held_out, mlm_probability=profile.pretraining.mlm_probability
    )
    prefix = _Prefix(loss, stop_after)
    with tempfile.TemporaryDirectory() as work:
        train_mlm(
            model,
            tokenizer,
            data.load_text(profile),
            steps=STEPS,
            batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            warmup_steps=WARMUP,
            mlm_probability=profile.pretraining.mlm_probability,
            output_dir=work,
            progress=progress,
            callbacks=[prefix],
        )
    with quiet():
        model.save_pretrained(folder)
    (folder / "provenance.json").write_text(
        json.dumps(
            machine.provenance()
            | {
                "command": "python -m tools.pocket_bert",
                "text": "helpers.pocket.passages",
                "passages": PASSAGES,
                "steps": stop_after or STEPS,
                "batch": BATCH,
                "learning_rate": LEARNING_RATE,
                "parameters": sum(p.numel() for p in model.parameters()),
                "mlm_loss": loss(model),
                f"mlm_loss_after_{PREFIX}_steps": prefix.value,
                "wall_seconds": round(time.perf_counter() - began),
            },
            indent=1,
        )
        + "\n"
    )
    return model


class _Prefix(TrainerCallback):
    """Notes the loss after the first steps, which a test makes again; stops after `stop_after`."""

    def __init__(self, loss, stop_after=None):
        self.loss, self.stop_after, self.value = loss, stop_after, None

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if state.global_step == PREFIX:
            self.value = self.loss(model)
            model.train()
        if self.stop_after:
            control.should_training_stop = state.global_step >= self.stop_after


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tools.pocket_bert", description=__doc__.split(":")[0]
    )
    parser.add_argument(
        "--out", default=str(profiles.ASSETS / "pocket-bert"), help="folder of the checkpoint"
    )
    parser.add_argument("--stop-after", type=int, help="steps; for a trial")
    options = parser.parse_args()
    pretrain(options.out, options.stop_after)
