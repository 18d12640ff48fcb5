"""A sweep by one process and by two: ``python benchmarks/sweep.py``, a few minutes on two cores.

Both are whole commands, from the start of Python to the results, in stores of their own; in turns, twice. One process
uses all cores as torch does; of two, each has half of them.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

COMMAND = [
    sys.executable, "-m", "helpers.experiment", "--profile", "tiny", "--conditions", "prune_pretrain", "info_deletion", "--sparsities", "0.5", "0.9",
    "--tasks", "sst2", "--seeds", "0", "1", "--set", "mlm_steps=200", "ramp_steps=80", "epochs=3", "deletion_epochs=[[0, 6]]",
]


def seconds(jobs):
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run([*COMMAND, "--out", folder, "--jobs", str(jobs)], check=True, capture_output=True)
        return time.perf_counter() - began, (Path(folder) / "results.csv").read_bytes()


table, results = [], set()
for repeat in range(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
    (one, first), (two, second) = seconds(1), seconds(2)
    results |= {first, second}
    table.append({"1 process, s": round(one, 1), "2 processes, s": round(two, 1), "ratio": round(one / two, 2)})
table = pd.DataFrame(table)
print(f"{os.cpu_count()} cores; 4 checkpoints pruned in MLM training, 8 fine-tunings")
print(table.to_string(index=False))
print(f"median ratio {table.ratio.median():.2f}; results {'the same' if len(results) == 1 else 'NOT the same'}")
