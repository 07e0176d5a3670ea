"""Tell your pictures apart: a folder of labelled pictures in, a tested, explainable, deployable classifier out.

    from tellapart import ImageClassifier, embed, load

    classifier = ImageClassifier().fit("pictures/")
    classifier.predict(["new.jpg"])
    classifier.save("model.tellapart")
    load("model.tellapart").predict_proba(["new.jpg"])
    embed(["new.jpg"])  # what the base sees in it, float32 [N, D]

Importing this package costs next to nothing: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tellapart.commands.embed import embed as embed
    from tellapart.errors import DataError as DataError
    from tellapart.errors import MissingExtraError as MissingExtraError
    from tellapart.errors import ModelFileError as ModelFileError
    from tellapart.errors import OutputError as OutputError
    from tellapart.errors import PictureError as PictureError
    from tellapart.errors import TellapartError as TellapartError
    from tellapart.errors import UsageError as UsageError
    from tellapart.estimator import ImageClassifier as ImageClassifier
    from tellapart.estimator import load as load

__version__ = "0.1.0"

_HOMES = {
    "ImageClassifier": "tellapart.estimator",
    "embed": "tellapart.commands.embed",
    "load": "tellapart.estimator",
    "DataError": "tellapart.errors",
    "MissingExtraError": "tellapart.errors",
    "ModelFileError": "tellapart.errors",
    "OutputError": "tellapart.errors",
    "PictureError": "tellapart.errors",
    "TellapartError": "tellapart.errors",
    "UsageError": "tellapart.errors",
}

__all__ = [
    "DataError",
    "ImageClassifier",
    "MissingExtraError",
    "ModelFileError",
    "OutputError",
    "PictureError",
    "TellapartError",
    "UsageError",
    "__version__",
    "embed",
    "load",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
