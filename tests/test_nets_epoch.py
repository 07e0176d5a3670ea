import math

import numpy as np
import pytest

from tellapart.nets.epoch import Batch, run_epoch


def batches(*sizes):
    return [Batch(inputs=np.zeros((size, 1)), labels=np.zeros(size, np.int64)) for size in sizes]


def test_run_epoch__means_are_over_pictures_not_over_batches():
    seen = []

    def step(batch):
        count = len(batch.labels)
        return {"loss": 2.0 * count if count == 3 else 0.0, "correct": 1.0, "pictures": float(count)}

    record = run_epoch(step, batches(3, 1), on_batch=lambda: seen.append(1))
    assert record["loss"] == pytest.approx(1.5)
    assert record["accuracy"] == pytest.approx(0.5)
    assert record["pictures"] == 4
    assert record["pictures_per_s"] == pytest.approx(4 / record["seconds"])
    assert len(seen) == 2


def test_run_epoch__nothing_to_do():
    record = run_epoch(lambda _batch: {}, [])
    assert math.isnan(record["loss"])
    assert record["pictures"] == 0
