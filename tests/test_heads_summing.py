"""Sums added up where pictures are looked at: those of the features, whoever looks and however many they are."""

from dataclasses import replace

import numpy as np
import pytest

from pictures import write_classes
from tellapart.backbones.catalogue import find_base
from tellapart.data.groups import label_numbers
from tellapart.data.scan import scan
from tellapart.features.look import look_at
from tellapart.heads.ridge import moments_of, ridge_head
from tellapart.heads.summing import sum_up
from tellapart.heads.sums import sums_from_bytes, sums_of
from tellapart.progress import Silent
from tellapart.workers.pool import HERE
from test_workers_pool import Elsewhere


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes, of which one picture cannot be read and one counts double."""
    folder = write_classes(tmp_path_factory.mktemp("data"), {"cat": 6, "dog": 5})
    (folder / "cat/002.png").write_bytes(b"no picture")
    index = scan(folder)
    first, *others = index.pictures
    return replace(index, pictures=(replace(first, weight=2.0), *others))


@pytest.mark.parametrize("workers", [HERE, Elsewhere(2), Elsewhere(2, machines=3)], ids=["here", "elsewhere", "three"])
def test_sum_up__are_the_sums_of_the_features(pictures, workers):
    base = find_base("lite0")
    columns = slice(base.last.start, base.last.stop)
    seen = look_at(pictures, base, Silent())
    labels = label_numbers(seen.index.pictures, pictures.classes)
    weights = np.array([picture.weight for picture in seen.index.pictures])
    own = sums_of(seen.features[:, columns], labels, class_count=2, weights=weights)
    summed = sum_up(pictures, base, columns=columns, progress=Silent(), workers=workers, size=4)
    found = summed.sums
    assert (summed.ledger, summed.digests) == (seen.ledger, seen.digests)
    assert (found.rows, found.counts.tolist()) == (10, [6.0, 5.0])
    np.testing.assert_allclose(found.totals, own.totals, rtol=1e-12)
    np.testing.assert_allclose(np.tril(found.products), np.tril(own.products), rtol=1e-12)
    heads = [ridge_head(moments_of(sums), l2=1.0) for sums in (found, own)]
    np.testing.assert_allclose(heads[0].weight, heads[1].weight, rtol=1e-5, atol=1e-8)


def test_sums_from_bytes__are_those_that_were_written_and_nothing_else():
    random = np.random.default_rng(0)
    sums = sums_of(random.random((9, 6), np.float32), random.integers(0, 3, 9), class_count=3)
    content = sums.to_bytes()
    again = sums_from_bytes(content, rows=9, class_count=3, width=6)
    np.testing.assert_array_equal(np.tril(again.products), np.tril(sums.products))
    np.testing.assert_array_equal(again.totals, sums.totals)
    for wrong in (content[:-8], content + content[:8], content[:-8] + np.array(np.inf).tobytes()):
        with pytest.raises(ValueError, match="no sums"):
            sums_from_bytes(wrong, rows=9, class_count=3, width=6)
