"""Everything that is looked for in the data, before anything is claimed about it.

Legend: M readable pictures, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tellapart.audit.balance import find_imbalance, find_tiny_classes
from tellapart.audit.copies import copy_findings
from tellapart.audit.finding import Finding, by_severity
from tellapart.audit.labels import find_mislabelled, no_suspects
from tellapart.audit.look import kept_properties, look_shortly
from tellapart.audit.metadata import find_metadata
from tellapart.audit.pixels import find_in_miniatures, find_in_pixels
from tellapart.audit.reading import find_converted, find_unreadable
from tellapart.backbones.backbone import Backbone
from tellapart.data.groups import connected_sets, label_numbers
from tellapart.duplicates.groups import DuplicateGroup
from tellapart.evaluation.suspects import out_of_fold_probabilities
from tellapart.features.embed import Embedded
from tellapart.progress import Progress
from tellapart.types import Depth, Labels, LedgerEntry, Picture

PROBED = 2000  # files whose headers training reads


def audit_pictures(
    embedded: Embedded,
    *,
    skipped: Sequence[LedgerEntry],
    groups: Sequence[DuplicateGroup],
    base: Backbone,
    seed: int,
    progress: Progress,
) -> tuple[Finding, ...]:
    """All findings about what a base saw, what was found first and the worst first.

    `skipped` are files that were passed over before anything was opened, `groups` the rows that show the same, and
    what is white in 16 bit is what the base took for it.
    """
    index = embedded.index
    labels = label_numbers(index.pictures, index.classes)
    seen = look_shortly(index, white=base.preprocess.white, progress=progress)
    return by_severity(
        [
            find_unreadable(skipped, looked_at=embedded.ledger),
            find_converted(embedded.ledger),
            *copy_findings(groups, index.pictures),
            find_tiny_classes(index),
            find_imbalance(index),
            find_metadata([properties for properties, _ in seen], labels, classes=index.classes, seed=seed),
            *find_in_pixels(index.pictures, [measures for _, measures in seen]),
            find_wrong_labels(embedded, labels, groups=groups, depths=base.depths, seed=seed, progress=progress),
        ]
    )


def cheap_findings(embedded: Embedded, *, seed: int) -> tuple[Finding, ...]:
    """What costs less than a second: unreadable pictures, class sizes, headers of a sample of files, miniatures."""
    index = embedded.index
    probed = slice(None, None, -(-len(index.pictures) // PROBED) or 1)
    sample = replace(index, pictures=index.pictures[probed])
    properties = kept_properties(sample, embedded.digests[probed])
    return by_severity(
        [
            find_unreadable(index.skipped, looked_at=embedded.ledger),
            find_tiny_classes(index),
            find_imbalance(index),
            find_metadata(properties, label_numbers(sample.pictures, sample.classes), classes=index.classes, seed=seed),
            *find_in_miniatures(index.pictures, embedded.miniatures),
        ]
    )


def find_wrong_labels(
    embedded: Embedded,
    labels: Labels,
    *,
    groups: Sequence[DuplicateGroup],
    depths: Sequence[Depth],
    seed: int,
    progress: Progress,
) -> Finding:
    """Labels that heads doubt which have seen neither the picture nor anything of its group."""
    index = embedded.index
    if len(np.unique(labels)) < 2:
        return no_suspects("Fewer than two classes have pictures that can be read.")
    probabilities = out_of_fold_probabilities(
        embedded.features,
        labels,
        class_count=len(index.classes),
        depths=depths,
        seed=seed,
        groups=belonging(index.pictures, groups),
        progress=progress,
    )
    return find_mislabelled(probabilities, labels, pictures=index.pictures, classes=index.classes)


def belonging(pictures: Sequence[Picture], groups: Sequence[DuplicateGroup]) -> NDArray[np.int64] | None:
    """One number for all pictures that duplicates or a declared group connect, int64 [M]; None if nothing does."""
    declared: dict[str, list[int]] = {}
    for row, picture in enumerate(pictures):
        if picture.group is not None:
            declared.setdefault(picture.group, []).append(row)
    links = [*(group.rows for group in groups), *declared.values()]
    if not links:
        return None
    numbers = np.arange(len(pictures))
    for rows in connected_sets(links):
        numbers[list(rows)] = rows[0]
    return numbers
