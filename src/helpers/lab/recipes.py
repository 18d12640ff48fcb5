"""What came after the paper, through the same callback and into the same rows.

Movement pruning, lottery tickets with rewinding, and whole heads and neurons.
"""

from functools import partial

import torch
from safetensors.torch import load_file

from ..pruning import encoder_of, magnitude_masks, prunable_parameters
from ..structure import single_masks, structured_masks
from ..training import MagnitudePruning, fine_tune, steps_of

ROUNDS = 4  # of the lottery; Chen et al. 2020 prune a tenth of what is left in each round


class MovementPruning(MagnitudePruning):
    """Prune what fine-tuning moves towards zero, whatever its magnitude.

    Every weight has a score, which is trained with it: its gradient is ``weight × gradient``, the
    gradient being that of mask × weight. So the score rises while training makes the weight larger
    in magnitude, falls while it makes it smaller, and is known for pruned weights too, which may
    return. The lowest scores are pruned. As in the authors' code the scores have an Adam of their
    own, whose rate falls to 0 at the end of training; only the order of the scores counts, so that
    the rate's size does not matter.

    The word embeddings are pruned by magnitude: words that the task never shows have no gradient,
    hence no score. (Sanh et al. do not prune them at all; here the budget must be that of the other
    conditions.)

    Parameters
    ----------
    sparsity, begin, end, initial, frequency
        As for `helpers.training.MagnitudePruning`.

    Attributes
    ----------
    scores : dict of str to torch.Tensor

    References
    ----------
    Sanh, Wolf & Rush 2020, "Movement Pruning" (the hard variant, with one threshold a matrix).
    """

    def __init__(self, sparsity, *, begin=0, end=0, initial=0.0, frequency=10):
        super().__init__(sparsity, begin=begin, end=end, initial=initial, frequency=frequency)

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        encoder = encoder_of(model)
        words = (
            encoder.get_input_embeddings().weight
            if hasattr(encoder, "get_input_embeddings")
            else None
        )
        self.scores = {
            name: torch.zeros_like(weight, requires_grad=True)
            for name, weight in prunable_parameters(model).items()
            if weight is not words and weight.requires_grad  # a frozen one goes by magnitude, too
        }
        self._optimizer = torch.optim.Adam(self.scores.values(), lr=1.0)
        super().on_train_begin(args, state, control, model=model, **kwargs)

    def importance(self):
        # shifted so that the lowest score has the smallest magnitude
        scores = {name: score.detach().double() for name, score in self.scores.items()}
        return self.dense | {name: score - score.min() for name, score in scores.items()}

    def masked_gradient(self, name, gradient):
        if name in self.scores:
            score, change = self.scores[name], gradient * self.dense[name]
            score.grad = change if score.grad is None else score.grad + change
        return super().masked_gradient(name, gradient)

    def on_optimizer_step(self, args, state, control, **kwargs):
        super().on_optimizer_step(args, state, control, **kwargs)
        gradients = [score.grad for score in self.scores.values() if score.grad is not None]
        # of a step that the optimizer skips, because of an infinite loss, no score may learn either
        skipped = getattr(kwargs.get("optimizer"), "step_was_skipped", False)
        if not skipped and all(gradient.isfinite().all() for gradient in gradients):
            self._optimizer.param_groups[0]["lr"] = 1 - state.global_step / state.max_steps
            self._optimizer.step()
        self._optimizer.zero_grad()

    def _state(self):
        moments = {
            f"{key}.{name}": value
            for name, score in self.scores.items()
            for key, value in self._optimizer.state[score].items()
        }
        return (
            super()._state()
            | {f"score.{name}": score.detach() for name, score in self.scores.items()}
            | moments
        )

    @torch.no_grad()
    def _load(self, path):
        super()._load(path)
        saved = load_file(path)
        for name, score in self.scores.items():
            score.copy_(saved[f"score.{name}"])
            self._optimizer.state[score] = {
                key: saved[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
            }


def lottery_masks(model, tokenizer, train, sparsity, *, rounds=ROUNDS, output_dir, **options):
    """Masks by iterative magnitude pruning with rewinding.

    Each round fine-tunes from the model's own weights under the masks so far, prunes the same share
    of what is left, and rewinds: only the masks go on to the next round.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Comes back as it was.
    tokenizer : transformers.PreTrainedTokenizer
    train : datasets.Dataset
        Tokenised training examples.
    sparsity : float
        After the last round.
    rounds : int
    output_dir : path
        Gets a folder for each round.
    **options
        As for `helpers.training.fine_tune`.

    Returns
    -------
    dict of str to torch.Tensor

    References
    ----------
    Frankle & Carbin 2019; Chen et al. 2020, "The Lottery Ticket Hypothesis for Pre-trained BERT
    Networks".
    """
    start = {name: value.clone() for name, value in model.state_dict().items()}
    masks = None
    for done in range(1, rounds + 1):
        pruning = MagnitudePruning(masks=masks) if masks else None
        fine_tune(
            model,
            tokenizer,
            train,
            output_dir=output_dir / f"round-{done}",
            pruning=pruning,
            **options,
        )
        # what is pruned is 0, so it stays pruned
        masks = magnitude_masks(model, 1 - (1 - sparsity) ** (done / rounds))
        model.load_state_dict(start)
    return masks


def _gradual(kind, sparsity, model, tokenizer, train, *, epochs, frequency, **options):
    """Prune while fine-tuning: from the end of the first epoch until three quarters of all."""
    in_all, accumulation = sum(epochs), options.get("gradient_accumulation_steps", 1)
    steps = steps_of(len(train), 1, options["batch_size"], accumulation)
    pruning = kind(sparsity, begin=steps, end=3 * in_all * steps // 4, frequency=frequency)
    fine_tune(model, tokenizer, train, epochs=in_all, pruning=pruning, **options)


movement = partial(_gradual, MovementPruning)
magnitude_downstream = partial(_gradual, MagnitudePruning)


def lottery(sparsity, model, tokenizer, train, *, epochs, output_dir, frequency, **options):
    """Find a lottery ticket and train it.

    Parameters
    ----------
    sparsity : float
    model : transformers.PreTrainedModel
        Trained in place.
    tokenizer : transformers.PreTrainedTokenizer
    train : datasets.Dataset
        Tokenised training examples.
    epochs : (int, int)
        Before and after pruning; each round, and the last training, take those after.
    output_dir : path
    frequency : int
        Not used: nothing is pruned while training.
    **options
        As for `helpers.training.fine_tune`.
    """
    arguments, options = (model, tokenizer, train), options | {"epochs": epochs[1]}
    masks = lottery_masks(*arguments, sparsity, output_dir=output_dir, **options)
    pruning = MagnitudePruning(masks=masks)
    fine_tune(*arguments, output_dir=output_dir / "after", pruning=pruning, **options)


def _one_shot(
    choose, sparsity, model, tokenizer, train, *, epochs, output_dir, frequency, **options
):
    """Fine-tune dense, prune what ``choose(model, sparsity)`` says, fine-tune on."""
    arguments, (before, after) = (model, tokenizer, train), epochs
    choose(model, sparsity)  # a model that cannot be pruned so fails before any training
    fine_tune(*arguments, epochs=before, output_dir=output_dir / "before", **options)
    pruning = MagnitudePruning(masks=choose(model, sparsity))
    fine_tune(*arguments, epochs=after, output_dir=output_dir / "after", pruning=pruning, **options)


prune_downstream = partial(_one_shot, magnitude_masks)
structured = partial(_one_shot, structured_masks)
single = partial(_one_shot, single_masks)
