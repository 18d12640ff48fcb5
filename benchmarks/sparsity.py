"""What sparsity buys on this machine: bytes and milliseconds.

``python benchmarks/sparsity.py --out costs``. The engines OpenVINO and torchao are measured where
their packages are installed (``pip install openvino torchao``). With ``--shapes`` only these are
measured, and the rows of the others in the folder are kept. BERT-base needs 4 GB.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from helpers import machine, profiles, pruning, training
from helpers.cost import speed, storage

SPARSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
TIMED = {
    "BERT-tiny": (0.25, 0.5, 0.7, 0.8, 0.9, 0.95),
    "MiniLM-L6": (0.25, 0.5, 0.7, 0.8, 0.9, 0.95),
    "BERT-base": (0.5, 0.9),
}

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument(
    "--out",
    default="costs",
    help="folder for bytes.csv, milliseconds.csv and machine.json; default: costs",
)
parser.add_argument(
    "--shapes", nargs="+", choices=["pocket", *storage.SHAPES], default=["pocket", *storage.SHAPES]
)
parser.add_argument(
    "--sparsities",
    nargs="+",
    type=float,
    help="at which to time; default: some from 0.25 to 0.95, two for BERT-base",
)
parser.add_argument("--tokens", type=int, default=32, help="a sentence; default: 32")
parser.add_argument(
    "--repeats",
    type=int,
    default=7,
    help="timed rounds, less than half as many for BERT-base; default: 7",
)
parser.add_argument(
    "--what", nargs="+", choices=["bytes", "milliseconds"], default=["bytes", "milliseconds"]
)
options = parser.parse_args()
out = Path(options.out)
out.mkdir(parents=True, exist_ok=True)


def pocket_sizes():
    """Files of the pocket BERT itself, with all its tensors."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for sparsity in SPARSITIES:
            model = training.load_mlm(profiles.locate("pocket"))
            storage.positive_zeros(
                pruning.apply_masks(model, pruning.magnitude_masks(model, sparsity))
            )
            rows += [
                ("pocket", form, sparsity, storage.save(model, Path(folder) / "model", form))
                for form in storage.FORMATS
            ]
    return pd.DataFrame(rows, columns=["model", "format", "sparsity", "bytes"])


def keep(name, rows):
    """Write rows in the place of those of the same model."""
    path = out / f"{name}.csv"
    if path.is_file():
        earlier = pd.read_csv(path)
        rows = pd.concat([earlier[~earlier.model.isin(rows.model)], rows], ignore_index=True)
    order = {model: number for number, model in enumerate(("pocket", *storage.SHAPES))}
    rows.sort_values("model", key=lambda column: column.map(order), kind="stable").round(4).to_csv(
        path, index=False
    )


work = [
    (what, shape)
    for shape in options.shapes
    for what in options.what
    if (what, shape) != ("milliseconds", "pocket")
]
for what, shape in (bar := tqdm(work)):
    bar.set_postfix_str(f"{shape}, {what}")
    if what == "bytes":
        keep(what, pocket_sizes() if shape == "pocket" else storage.shape_sizes(shape, SPARSITIES))
    else:
        keep(
            what,
            speed.engine_times(
                shape,
                options.sparsities or TIMED[shape],
                tokens=options.tokens,
                repeats=max(1, options.repeats * 3 // 7)
                if shape == "BERT-base"
                else options.repeats,
            ),
        )
command = "python benchmarks/sparsity.py " + " ".join(sys.argv[1:])
note = machine.of_timing() | {
    "tokens": options.tokens,
    "roofs": {name: round(value, 1) for name, value in speed.roofs().items()},
}
earlier = json.loads((out / "machine.json").read_text()) if (out / "machine.json").is_file() else {}
if any(earlier.get(key) != note[key] for key in ("processor", "threads", "tokens", "versions")):
    earlier = {}  # another machine: its commands say nothing of this one
commands = earlier.get("commands", [])
note["commands"] = commands + [command] * (command not in commands)
(out / "machine.json").write_text(json.dumps(note, indent=1) + "\n")
print(
    f"{note['processor']}, {note['threads']} threads: rows in {out}/bytes.csv and "
    f"{out}/milliseconds.csv"
)
