"""The course's code, in rooms by reader. Imports run one way: learners' rooms know no others.

What a learner reads, one idea a file:

    conditions  what is done to the model, in one table
    profiles    three scales: tiny, small, paper; which model, text and lengths each takes
    pruning     which matrices are pruned; thresholds, masks and the schedule
    training    MLM training that prunes, fine-tuning with masks, predictions
    sources     where models and data lie: hub, mirror, folder, file
    data        text and tasks as a model reads them
    checks      whether model, tokenizer, profile and texts fit each other
    tasks       what a task is; GLUE's: columns, labels and metrics
    own         a task of one's own, described from a file or a data set
    suit        values that suit a model: learning rates, batch, burn-in
    pocket      the generated world: its words, sentences and tasks
    paper       the paper's tables and claims
    reference   results that ship with the course
    analysis    means, intervals, regimes
    claims      the paper's claims, judged by stated rules from anybody's rows
    weights     how fine-tuning moves weights, and which heads pruning spares
    structure   whole heads and neurons instead of single weights
    plots       every figure, from tidy rows
    diagram     BERT as one drawing: parts, shapes, what is pruned
    machine     cores, GPUs, memory, provenance

What sparsity costs and buys, for notebook 08:

    cost        bytes (storage), milliseconds (speed), what to do for each goal (advice)

What makes it a course, for those who teach or write:

    lesson      how a notebook opens; exercises, predictions, widgets, scoreboard

Sweeps of many runs, for those who try a model, a task or a method of their own:

    lab         runs, experiment, recipes (later methods), store, results, estimate, workers,
                export; the command line is ``python -m helpers.lab``

What only authors and CI run stands in the folder ``tools``. CONTRIBUTING.md has three walks through
these rooms: from a sparsity to a mask, from a run to a figure, from an exercise to its cell.
"""

from . import machine as machine  # before torch: it says how OpenMP waits
