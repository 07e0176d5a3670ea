"""The Open Inference Protocol (KServe V2) over REST: tensors of pixels in, tensors of answers out.

Legend: N pictures, H W sides, K classes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.files import parse_json
from tellapart.serve.limits import Limits
from tellapart.serve.refusal import RefusalError
from tellapart.serve.served import Served

PLATFORM: Final = "tellapart_openvino"
INPUT: Final = "images"
MARKS: Final = ("unsure", "unlike")
HEADER_LENGTH: Final = "Inference-Header-Content-Length"


def metadata(served: Served) -> dict[str, Any]:
    """What GET /v2/models/NAME says."""
    classes = len(served.classifier.classes)
    outputs = [("probabilities", "FP32", [-1, classes]), ("label", "INT64", [-1]), ("class", "BYTES", [-1])]
    thresholds = served.classifier.abstention.to_json()
    marks = [(mark, "BOOL", [-1]) for mark in MARKS if thresholds[mark] is not None]
    return {
        "name": served.name,
        "versions": ["1"],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [_described(*each) for each in (*outputs, *marks)],
    }


def pictures_in_tensor(
    body: bytes, limits: Limits, *, stated: str | None = None
) -> tuple[str, list[NDArray[np.uint8]]]:
    """The id of an inference request, "" without one, and its pictures uint8 [H, W, 3].

    `stated` is what the header HEADER_LENGTH says: how many bytes of the body are JSON, behind which the pixels stand
    as they are; None where all of it is JSON. Source: the protocol's binary tensor data extension.

    Raises:
        RefusalError: it is malformed, or asks for more than may be asked.
    """
    length = len(body) if stated is None else _length(stated, body)
    try:
        document = parse_json(body[:length])
        (tensor,) = document["inputs"]
        name, kind, shape = (tensor[key] for key in ("name", "datatype", "shape"))
        data = tensor["data"] if stated is None else _raw(tensor, body[length:])
        identity = "" if document.get("id") is None else document["id"]
        identity.encode()  # half a letter could not be said again
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusalError("malformed", detail="expected one input with name, datatype, shape and data") from error
    if name != INPUT or kind != "UINT8" or not isinstance(identity, str) or len(identity) > 200:
        raise RefusalError("malformed", detail=f"expected the input {INPUT} of datatype UINT8")
    if not isinstance(shape, list) or len(shape) != 4 or not all(type(side) is int and side >= 1 for side in shape):
        raise RefusalError("malformed", detail="expected the shape [N, H, W, 3]")
    if shape[0] > limits.pictures:
        raise RefusalError("too_many_pictures")
    if shape[1] * shape[2] > limits.megapixels * 1e6:
        raise RefusalError("too_many_pixels", detail=f"at most {limits.megapixels:g} megapixels")
    if shape[3] != 3:
        raise RefusalError("malformed", detail="expected the shape [N, H, W, 3]")
    return identity, list(_values(data, shape))


def _length(stated: str, body: bytes) -> int:
    """How many bytes of a body are JSON, where a header says so."""
    if not re.fullmatch("[0-9]{1,12}", stated) or int(stated) > len(body):
        raise RefusalError("malformed", detail=f"{HEADER_LENGTH} is no length within the body")
    return int(stated)


def _raw(tensor: Mapping[str, Any], pixels: bytes) -> bytes:
    """The bytes behind the JSON, if they are as many as the only tensor says."""
    if "data" in tensor or tensor["parameters"]["binary_data_size"] != len(pixels):
        raise RefusalError("malformed", detail="binary_data_size is not the number of bytes behind the JSON")
    return pixels


def _values(data: object, shape: Sequence[int]) -> NDArray[np.uint8]:
    """The numbers of a tensor, flat or nested, or its bytes."""
    if isinstance(data, bytes):
        if len(data) != math.prod(shape):
            raise RefusalError("malformed", detail=f"data does not hold {math.prod(shape):,} bytes")
        return np.frombuffer(data, np.uint8).reshape(shape)
    try:
        if _kinds(data) != {int}:
            raise RefusalError("malformed", detail="data is no tensor of whole numbers")
        values = np.array(data)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RefusalError("malformed", detail="data is no tensor") from error
    if values.dtype.kind not in "iu" or values.size != math.prod(shape):
        raise RefusalError("malformed", detail=f"data does not hold {math.prod(shape):,} whole numbers")
    if values.ndim not in (1, 4) or values.min() < 0 or values.max() > 255:
        raise RefusalError("malformed", detail="data is neither flat nor of its shape, or holds other than 0 to 255")
    return values.astype(np.uint8).reshape(shape)


def _kinds(data: object) -> set[type]:
    """The types of the numbers of a tensor, asked for before NumPy, which gives each text the room of the longest.

    Raises:
        TypeError: it is neither flat nor of four axes.
    """
    if not isinstance(data, list):
        raise TypeError("no list")
    flat: Iterable[Any] = data
    if data and isinstance(data[0], list):
        flat = chain.from_iterable(chain.from_iterable(chain.from_iterable(data)))
    return set(map(type, flat))


def inferred(served: Served, answers: Sequence[Mapping[str, Any]], *, identity: str) -> dict[str, Any]:
    """The response to an inference request, from an object for each picture.

    A mark that the model has no threshold for is left out, as in the graph of its file: false would say that an answer
    can be relied on.
    """
    named = [answer["predicted"] for answer in answers]
    labels = [served.classifier.classes.index(name) for name in named]
    outputs: dict[str, tuple[str, list[int], list[Any]]] = {
        "probabilities": (
            "FP32",
            [len(answers), len(served.classifier.classes)],
            [value for answer in answers for value in answer["probabilities"].values()],
        ),
        "label": ("INT64", [len(answers)], labels),
        "class": ("BYTES", [len(answers)], named),
    }
    for mark in MARKS:
        said = [answer[mark] for answer in answers]
        if None not in said:
            outputs[mark] = ("BOOL", [len(answers)], said)
    made = [{**_described(name, kind, shape), "data": data} for name, (kind, shape, data) in outputs.items()]
    return {"model_name": served.name, "model_version": "1", "id": identity, "outputs": made}


def _described(name: str, kind: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": kind, "shape": shape}
