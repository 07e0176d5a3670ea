"""Nodes and constants of an ONNX graph while it is written: the one collector, whatever writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(slots=True)
class GraphPart:
    """Nodes and constants being collected; every method returns the name of the tensor it made."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    opset: int = 0  # of a graph whose nodes are among them
    version: int = 0  # of its IR

    def add(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:  # noqa: ANN401
        """One node, called like the tensor that it makes."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: Any) -> str:  # noqa: ANN401
        """One array, or what becomes one."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name
