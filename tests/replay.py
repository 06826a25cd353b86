"""Whether a stored training is what today's code makes: its first updates again, against the losses recorded then.

On the processor that they were made on all losses come out as recorded. Another one rounds sums differently, and a
network at its start multiplies that with every update: the first EXACT updates must agree to TOLERANCE, all together in
their mean to MEAN. This guards VERSION and LOOP_VERSION: another arithmetic, seeding or data order is seen here.
"""

import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmark import config, train
from benchmark.runs.hardware import choose_device
from benchmark.runs.make import make_method
from benchmark.training import loop
from datasets.face import BadInput
from datasets.pairs import Pairs

EXACT, TOLERANCE = 2, 0.01  # on older instructions than AVX2 the trunk's L_w is off by 0.0004 at update 2, 0.06 at 3
MEAN = 0.1


def replay(run: config.Run, seed: int, pairs: Pairs, updates: int = loop.FIRST) -> pd.DataFrame:
    """The losses of the first `updates` of the run's first phase, a row each, beside those recorded.

    Columns phase, update (0: their mean), term, replayed, recorded, off (relative), within.

    Raises:
        BadInput: if the training recorded no losses.
    """
    stored = loop.first_log(run.log(seed))
    if not stored.is_file():
        raise BadInput(f"{stored}: missing; train {run.name} again")
    device = choose_device("cpu", run.experiment.training.threads)
    precision = json.loads(run.provenance(seed).read_text())["precision"]
    with tempfile.TemporaryDirectory() as folder:
        context = train.make_context(run, seed, device, Path(folder), Path(folder) / "log.csv")
        settings = loop.Settings(precision=precision, checkpoint_seconds=1e9)
        context.train = partial(loop.train, settings=settings, max_updates=updates)
        torch.manual_seed(seed)  # as train does, before the weights are drawn
        make_method(run).to(device).fit(pairs, context)
        made = pd.read_csv(loop.first_log(context.log))
    keys = ["phase", "update", "term"]
    # A row a loss term; those that a phase does not have are left out.
    both = {"replayed": made, "recorded": pd.read_csv(stored)}
    terms = {name: table.melt(keys[:2], var_name="term", value_name=name) for name, table in both.items()}
    table = terms["replayed"].dropna().merge(terms["recorded"], how="left", on=keys)
    means = table.groupby(["phase", "term"], as_index=False)[["replayed", "recorded"]].mean().assign(update=0)
    table = pd.concat([table, means], ignore_index=True)
    table["off"] = (table["replayed"] - table["recorded"]).abs() / table["recorded"].abs()
    allowed = table["update"].map(lambda update: MEAN if update == 0 else TOLERANCE if update <= EXACT else np.inf)
    return table.assign(within=table["off"] <= allowed)
