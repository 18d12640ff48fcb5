"""Make the pocket BERT that ships with the course: ``python -m tools.pocket_bert``.

A BERT of three layers, pre-trained on the pocket world with the same `train_mlm` as everything
else, in two stages: first the dictionary, then all text. What it knows along the way goes to
``learning.csv``.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from transformers import BertConfig, BertTokenizer, TrainerCallback, set_seed

from helpers import data, machine, pocket, profiles
from helpers.training import load_mlm, mlm_loss, quiet, train_mlm


@dataclass(frozen=True)
class Stage:
    """A part of pre-training: what is read, how many passages of it, and for how many steps."""

    name: str
    kind: str | None  # of the passages, see `helpers.pocket.KINDS`; None: all
    passages: int
    steps: int
    warmup: int


STAGES = (
    Stage("dictionary", "dictionary", 60_000, steps=4_000, warmup=100),
    Stage("text", None, 200_000, steps=9_500, warmup=300),
)
BATCH, LEARNING_RATE, BETA2 = 96, 3e-3, 0.98
PREFIX = 30  # steps that a test makes again
EVERY, HELD_OUT = 250, 300  # steps between looks at the comments, passages of each kind for that

# The comments that could stand in each other's place
ALTERNATIVES = (
    ("entailment", "neutral", "contradiction"),
    ("same", "different"),
    ("answer", "no_answer"),
    ("good", "bad"),
)


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


@torch.no_grad()
def comment_accuracy(model, tokenizer, passages):
    """How often the masked comment is understood, among the comments that could stand there.

    Parameters
    ----------
    model : torch.nn.Module
        A masked language model.
    tokenizer : transformers.PreTrainedTokenizer
    passages : list of (str, str)
        From `helpers.pocket.passages`.

    Returns
    -------
    float
        The share of the passages for which the words of the right comment together are likelier
        than those of any other that could stand there.
    """
    meaning = {word: comment for comment, text in pocket.COMMENTS.items() for word in text.split()}
    firsts, seconds = map(list, zip(*passages))
    right = [meaning[second.split()[-1]] for second in seconds]
    batch = tokenizer(firsts, seconds, padding=True, return_tensors="pt").to(model.device)
    rows, comment_at = torch.arange(len(firsts)), batch["attention_mask"].sum(1) - 2
    batch["input_ids"][rows, comment_at] = tokenizer.mask_token_id
    training = model.training
    model.eval()
    likely = model(**batch).logits[rows, comment_at].softmax(1)
    model.train(training)
    words = {
        comment: tokenizer.convert_tokens_to_ids(text.split())
        for comment, text in pocket.COMMENTS.items()
    }
    hits = 0
    for row, comment in enumerate(right):
        others = next(group for group in ALTERNATIVES if comment in group)
        hits += max(others, key=lambda other: float(likely[row, words[other]].sum())) == comment
    return hits / len(right)


def pretrain(folder, stop_after=None, progress=True):
    """Pre-train the pocket BERT and save it with its provenance and the course of its learning.

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
    profile = profiles.get("tiny").replace(pretraining={"model": str(folder)})
    values = profile.pretraining
    model = make_model(tokenizer)
    held_out = data.load_text(profile, "validation")
    loss = lambda: mlm_loss(model, tokenizer, held_out, mlm_probability=values.mlm_probability)
    learning, done = _Learning(model, tokenizer, loss, stop_after), 0
    for stage in STAGES:
        if stop_after and done >= stop_after:
            break
        learning.begin(stage.name, done)
        text = data.load_passages(tokenizer, stage.passages, kind=stage.kind)
        with tempfile.TemporaryDirectory() as work:
            train_mlm(
                model,
                tokenizer,
                text,
                steps=stage.steps,
                batch_size=BATCH,
                learning_rate=LEARNING_RATE,
                warmup_steps=stage.warmup,
                mlm_probability=values.mlm_probability,
                **data.comment_options(profile),
                output_dir=work,
                progress=progress,
                callbacks=[learning],
                adam_beta2=BETA2,
            )
        done += stage.steps
    with quiet():
        model.save_pretrained(folder)
    learnt = pd.DataFrame(learning.rows, columns=["step", "stage", "kind", "accuracy"])
    learnt.round(4).to_csv(folder / "learning.csv", index=False)
    (folder / "provenance.json").write_text(
        json.dumps(
            machine.provenance()
            | {
                "command": "python -m tools.pocket_bert",
                "text": "helpers.pocket.passages",
                "stages": [dataclasses.asdict(stage) for stage in STAGES],
                "steps": stop_after or done,
                "batch": BATCH,
                "learning_rate": LEARNING_RATE,
                "adam_beta2": BETA2,
                "mlm_probability": values.mlm_probability,
                "comment_probability": values.comment_probability,
                "comment_weight": values.comment_weight,
                "parameters": sum(p.numel() for p in model.parameters()),
                "mlm_loss": loss(),
                f"mlm_loss_after_{PREFIX}_steps": learning.prefix_loss,
                "comments": learnt.groupby("kind").accuracy.last().round(4).to_dict(),
                "wall_seconds": round(time.perf_counter() - began),
            },
            indent=1,
        )
        + "\n"
    )
    return model


class _Learning(TrainerCallback):
    """Notes which comments the model understands as it learns, and the loss after the first steps.

    The latter is what a test makes again. Stops after `stop_after` steps.
    """

    def __init__(self, model, tokenizer, loss, stop_after=None):
        self.model, self.tokenizer, self.loss, self.stop_after = model, tokenizer, loss, stop_after
        self.passages = {
            kind: pocket.passages(HELD_OUT, "validation", kind) for kind in pocket.KINDS
        }
        self.rows, self.prefix_loss = [], None

    def begin(self, stage, done):
        self.stage, self.done = stage, done

    def on_step_end(self, args, state, control, **kwargs):
        step = self.done + state.global_step
        if step == PREFIX:
            self.prefix_loss = self.loss()
            self.model.train()
        if state.global_step % EVERY == 0:
            for kind, passages in self.passages.items():
                accuracy = comment_accuracy(self.model, self.tokenizer, passages)
                self.rows.append((step, self.stage, kind, accuracy))
        if self.stop_after:
            control.should_training_stop = step >= self.stop_after


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tools.pocket_bert", description=__doc__.split(":")[0]
    )
    parser.add_argument("--out", default=str(profiles.ASSETS / "pocket-bert"), help="the folder")
    parser.add_argument("--stop-after", type=int, help="steps; for a trial")
    options = parser.parse_args()
    pretrain(options.out, options.stop_after)
