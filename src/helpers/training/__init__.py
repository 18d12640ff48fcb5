"""Training with `transformers.Trainer`. Nothing here knows which experiment it is part of.

callbacks    pruning by magnitude while a Trainer trains; a look at the model after each epoch
models       models in 32 bits, with a pooler, with a head for a task
running      what all training shares: arguments, threads, interruption, resuming
mlm          masked language modelling: training that may prune, the loss, the likeliest words
fine_tuning  fine-tuning a classifier, with masks or without; predictions
"""

from .callbacks import STATE_FILE, EachEpoch, MagnitudePruning
from .fine_tuning import fine_tune, predict, steps_of
from .mlm import (
    MLM_HEADS,
    MLMTrainer,
    RepeatableMasking,
    masked_logits,
    mlm_loss,
    top_words,
    train_mlm,
)
from .models import IN_32_BITS, label_options, load_classifier, load_mlm, quiet
from .running import TAKEN, Interrupted, check_options, warnings_off
