"""Answers of an exported ONNX file, with ONNX Runtime and Pillow; nothing of tellapart is needed.

python answer.py birds.onnx new-photos/1.jpg new-photos/2.png
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main(model: str, paths: list[str]) -> None:
    """Print a line a picture: its path, the class, its probability, and marks."""
    session = onnxruntime.InferenceSession(model)
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    names = [output.name for output in session.get_outputs()]
    for path in paths:
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        found = dict(zip(names, session.run(names, {"images": np.asarray(picture)[np.newaxis]}), strict=True))
        label = int(found["label"][0])
        marks = [mark for mark in ("unsure", "unlike") if mark in found and found[mark][0]]
        print(path, classes[label], f"{found['probabilities'][0, label]:.6f}", *marks, sep="\t")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python answer.py MODEL.onnx PICTURE…")
    main(sys.argv[1], sys.argv[2:])
