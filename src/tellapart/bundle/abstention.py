"""What a model abstains by, in and out of a model file.

The thresholds stand in model.json; the typical directions are a member of their own, plain little-endian float16 in
rows, whose shape model.json gives. So is where the classes lie, little-endian float32: the matrix of r directions
[d, r], their middle [r], the means of the classes [K, r], and the share within classes [r].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.bundle.container import CLASSES, FAMILIAR, RETRAIN
from tellapart.errors import ModelFileError
from tellapart.heads.abstention import NEVER, Abstention, ClassPromise, SelectiveGuarantee
from tellapart.heads.out_of_distribution import MOST_TYPES, STORED, ClassLikeness, OutOfDistribution
from tellapart.heads.relative_distance import MOST_DIRECTIONS, RelativeDistance
from tellapart.heads.unknown_kinds import UNKNOWN_KINDS
from tellapart.shape import misfit

FLOAT = np.dtype("<f4")


def pack_abstention(abstention: Abstention) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What model.json says of it, and the members it needs."""
    thresholds = {"thresholds": abstention.to_json()}
    if abstention.out_of_distribution is None:
        return thresholds, {}
    known = abstention.out_of_distribution
    types = known.types.astype(STORED)
    stated: dict[str, Any] = {"rows": types.shape[0], "width": types.shape[1]}
    members = {FAMILIAR: types.tobytes()}
    if known.classes is not None:
        relative = known.classes.relative
        shape = {"directions": len(relative.middle), "means": len(relative.means)}
        stated["classes"] = {**shape, "shift": known.classes.shift, "scale": known.classes.scale}
        parts = (relative.matrix, relative.middle, relative.means, relative.within)
        members[CLASSES] = b"".join(part.astype(FLOAT).tobytes() for part in parts)
    return {**thresholds, "familiar": stated}, members


def read_abstention(manifest: Mapping[str, Any], members: Mapping[str, bytes], *, width: int, path: Path) -> Abstention:
    """What a model file abstains by; one made before there was any never abstains.

    Args:
        manifest: model.json.
        members: the other members.
        width: features of the last depth.
        path: of the model file, for the message.

    Raises:
        ModelFileError: a threshold or promise is no number, or the directions do not fit what is said of them.
    """
    try:
        thresholds = manifest["thresholds"]
        unsure, unlike = (_threshold(thresholds.get(name)) for name in ("unsure", "unlike"))
        guarantee = _guarantee(thresholds.get("promise"), threshold=unsure)
        by_class = _by_class(thresholds.get("unsure_by_class") or None, class_count=len(manifest["classes"]))
        promises = _promises(thresholds.get("promise_by_class") or [], thresholds=by_class or ())
        known = Abstention(unsure=unsure, guarantee=guarantee, by_class=by_class, promises=promises)
        unknown = _unknown_kinds(thresholds.get("unknown_kinds") or {})
        if FAMILIAR not in members and unlike is None:
            return known
        types = _directions(members[FAMILIAR], manifest["familiar"], width=width)
        classes = _classes(members.get(CLASSES), manifest["familiar"].get("classes"), width=width)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = "the thresholds in model.json and the model file do not fit together"
        raise ModelFileError(what, where=path, hint=RETRAIN) from error
    likeness = OutOfDistribution(types=types, threshold=unlike, classes=classes)
    return replace(known, out_of_distribution=likeness, unknown_kinds=unknown)


def _directions(content: bytes, stated: Mapping[str, object], *, width: int) -> NDArray[np.float16]:
    shape = [stated[name] for name in ("rows", "width")]
    rows = len(content) // (width * STORED.itemsize)
    if shape != [rows, width] or not 1 <= rows <= MOST_TYPES:
        raise ValueError(f"directions of shape {shape}")
    types = np.frombuffer(content, STORED).reshape(rows, width)
    if not np.isfinite(types).all():
        raise ValueError("a direction that is no number")
    return types


def _classes(content: bytes | None, stated: Mapping[str, Any] | None, *, width: int) -> ClassLikeness | None:
    """Where the classes lie; None in files made before it stood there, and where it could not be learned."""
    if content is None and stated is None:
        return None
    if content is None or stated is None:
        raise ValueError("directions of classes without their numbers, or the other way round")
    directions, means = (_count(stated[name]) for name in ("directions", "means"))
    if not 1 <= directions <= MOST_DIRECTIONS or means < 1:
        raise ValueError(f"{directions} directions of {means} classes")
    numbers = np.frombuffer(content, FLOAT)
    sizes = [width * directions, directions, means * directions, directions]
    scale, shift = (_finite(stated[name]) for name in ("scale", "shift"))
    if len(numbers) != sum(sizes) or not np.isfinite(numbers).all() or scale <= 0:
        raise ValueError("directions of classes that do not fit what is said of them")
    matrix, middle, places, within = np.split(numbers, np.cumsum(sizes)[:-1])
    relative = RelativeDistance(
        matrix=matrix.reshape(width, directions),
        middle=middle,
        means=places.reshape(means, directions),
        within=within,
    )
    return ClassLikeness(relative=relative, shift=shift, scale=scale)


def _finite(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f"{value!r} is no number")
    return float(value)  # type: ignore[arg-type]


def _guarantee(stated: Mapping[str, Any] | None, *, threshold: float | None) -> SelectiveGuarantee | None:
    """What the threshold was chosen for, as `to_json` wrote it; None in files made before it stood there."""
    if stated is None:
        return None
    error = stated["error"]
    return SelectiveGuarantee(
        threshold=threshold,
        asked=_share(stated["asked"]),
        error=None if error is None else _share(error),
        pictures=_count(stated["pictures"]),
        needed=_count(stated["needed"]),
        by_folds=stated.get("by") == "folds",
        by_costs=stated.get("by_costs") is True,
    )


def _by_class(stated: object, *, class_count: int) -> tuple[float, ...] | None:
    """A threshold for each class; None in files made before there were any."""
    if stated is None:
        return None
    if not isinstance(stated, list) or len(stated) != class_count:
        raise ValueError("not a threshold for each class")
    if any(type(value) not in (int, float) or not 0 <= value <= NEVER for value in stated):
        raise ValueError(f"{stated!r} are no thresholds")
    return tuple(map(float, stated))


def _promises(stated: Sequence[Mapping[str, Any]], *, thresholds: Sequence[float]) -> tuple[ClassPromise, ...]:
    """What was promised of each class, as `to_json` wrote it."""
    return tuple(
        ClassPromise(
            threshold=threshold,
            error=None if row["error"] is None else _share(row["error"]),
            answered=_count(row["answered"]),
            missed=_share(row["missed"]),
            shown=_count(row["shown"]),
            learned=_count(row["learned"]),
        )
        for threshold, row in zip(thresholds, stated, strict=True)
    )


def _unknown_kinds(stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """What left-out classes showed, as `measure_unknown_kinds` gave it; {} in files made before it stood there."""
    wrong = misfit(stated, UNKNOWN_KINDS) if stated else None
    if wrong is not None:
        raise ValueError(wrong)
    return stated


def _share(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"{value!r} is no share")
    return float(value)  # type: ignore[arg-type]


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of pictures")
    return value


def _threshold(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not -1 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"{value!r} is no threshold")
    return float(value)  # type: ignore[arg-type]
