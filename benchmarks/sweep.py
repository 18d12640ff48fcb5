"""A sweep by one process and by two: ``python benchmarks/sweep.py``, twenty minutes on two cores.

All are whole commands, from the start of Python to the results, in stores of their own; in turns,
twice. Two processes have one core each. They are held against one process on one core, and against
one that uses all cores, as torch does by itself.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

COMMAND = [
    sys.executable,
    "-m",
    "helpers.lab",
    "--profile",
    "tiny",
    "--conditions",
    "prune_pretrain",
    "info_deletion",
    "--sparsities",
    "0.5",
    "0.9",
    "--tasks",
    "sst2",
    "--seeds",
    "0",
    "1",
    "--set",
    "pretraining.steps=800",
    "ramp_steps=320",
    "epochs=12",
    "deletion_epochs=[[0, 24]]",
]


def seconds(jobs, threads=1):
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [*COMMAND, "--out", folder, "--jobs", str(jobs)],
            check=True,
            capture_output=True,
            env=environment,
        )
        return time.perf_counter() - began, (Path(folder) / "results.csv").read_bytes()


table, results = [], set()
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
    one, first = seconds(1)
    two, second = seconds(2)
    all_cores, _ = seconds(1, threads=os.cpu_count())
    # the same only with as many threads: sums in another order round differently
    results |= {first, second}
    table.append(
        {
            "1 process on 1 core, s": round(one, 1),
            "1 process on all cores, s": round(all_cores, 1),
            "2 processes, s": round(two, 1),
            "ratio to 1 core": round(one / two, 2),
            "ratio to all cores": round(all_cores / two, 2),
        }
    )
table = pd.DataFrame(table)
print(f"{os.cpu_count()} cores; 4 checkpoints pruned in MLM training, 8 fine-tunings")
print(table.to_string(index=False))
print(
    f"medians of the ratios {table['ratio to 1 core'].median():.2f} and "
    f"{table['ratio to all cores'].median():.2f}; results of 1 and 2 processes of one thread "
    f"{'the same' if len(results) == 1 else 'NOT the same'}"
)
