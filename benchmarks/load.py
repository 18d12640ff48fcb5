"""Copies of the fine-tuning cells at once: ``python benchmarks/load.py``, minutes on two cores.

Each copy is a process of its own, as a notebook's kernel is. Ideally k copies on c cores take k/c
times as long as one copy alone. ``--threads 2`` lets all copies compute with two threads, as torch
would by itself. ``--sizes`` measures instead what all cores are worth for models of several sizes:
where they pay, `helpers.machine.LARGE` should lie.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time

import pandas as pd

from helpers import data, machine, profiles, training

SIZES = {  # vocabulary, layers, hidden size, tokens
    "pocket BERT": (400, 2, 64, 32),
    "BERT-Tiny": (30_522, 2, 128, 64),
    "BERT-Mini": (30_522, 4, 256, 64),
    "MiniLM-L6": (30_522, 6, 384, 64),
    "BERT-Small": (30_522, 4, 512, 64),
}


def fine_tune(epochs, rows, threads, ready, go, seconds):
    """Load everything, wait for the others, and fine-tune; the time goes into a queue."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    profile = profiles.get("tiny").replace(fine_tuning={"train_rows": rows, "dev_rows": 64})
    examples = data.load_task(profile, "sst2")["train"]
    model = training.load_classifier(profiles.locate(profile.model), ("negative", "positive"))
    tokenizer = data.load_tokenizer(profile.model)
    options = dict(batch_size=profile.fine_tuning.batch, learning_rate=profile.learning_rates[0])
    with tempfile.TemporaryDirectory() as folder:
        training.fine_tune(model, tokenizer, examples, epochs=0.1, output_dir=folder, **options)
        ready.release()
        go.wait()
        began = time.perf_counter()
        training.fine_tune(model, tokenizer, examples, epochs=epochs, output_dir=folder, **options)
        seconds.put(time.perf_counter() - began)


def together(copies, *arguments):
    """Seconds until the last of so many copies is done, counted from when all are ready."""
    context = multiprocessing.get_context("spawn")
    ready, go, seconds = context.Semaphore(0), context.Event(), context.Queue()
    processes = [
        context.Process(target=fine_tune, args=(*arguments, ready, go, seconds))
        for _ in range(copies)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    go.set()
    slowest = max(seconds.get() for _ in processes)
    for process in processes:
        process.join()
    return slowest


def load(options):
    """Copies at once against the ideal."""
    cores, rows = machine.cores(), []
    for copies in options.copies:
        took = together(copies, options.epochs, options.rows, options.threads)
        alone = took if not rows else rows[0]["seconds"]
        ideal = alone * max(1, copies / cores)
        rows.append({"copies": copies, "seconds": took, "ideal": ideal, "ratio": took / ideal})
        print(f"{copies} copies: {took:.1f} s", flush=True)
    return pd.DataFrame(rows).round(2)


def sizes(options):
    """Milliseconds a training step with one thread and with all, in turns: fastest and median."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    rows = []
    for name, (words, layers, hidden, tokens) in SIZES.items():
        config = BertConfig(
            vocab_size=words,
            num_hidden_layers=layers,
            hidden_size=hidden,
            num_attention_heads=hidden // 32,
            intermediate_size=4 * hidden,
        )
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        batch = torch.randint(words, (32, tokens))
        labels = torch.randint(2, (32,))
        times = {1: [], machine.cores(): []}
        for _ in range(options.rounds):
            for threads, taken in times.items():
                torch.set_num_threads(threads)
                began = time.perf_counter()
                model(input_ids=batch, labels=labels).loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                taken.append(1e3 * (time.perf_counter() - began))
        row = {"model": name, "weights": sum(w.numel() for w in model.parameters())}
        for threads, taken in times.items():
            row |= {
                f"{threads}: fastest": min(taken),
                f"{threads}: median": statistics.median(taken),
            }
        rows.append(row)
        print(row, flush=True)
    return pd.DataFrame(rows).round(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--rows", type=int, default=2_048)
    parser.add_argument("--threads", type=int, help="default: by the rule of helpers.machine")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--rounds", type=int, default=10, help="of --sizes; default: 10")
    options = parser.parse_args()
    print((sizes if options.sizes else load)(options).to_string(index=False))
    others = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{machine.cores()} cores; processes that wanted them in the last minute: {others:.1f}")
