"""A net is compiled once, however often it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tellapart.backbones import compiling
from tellapart.backbones.catalogue import lite0
from tellapart.backbones.engine import Engine
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.bundle.runtimes import openvino_run
from tellapart.explain.exact import MapReader

SMALL = 64  # px


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices that something was compiled for, in turn; nothing is kept from before, nor for after."""
    monkeypatch.setattr(compiling, "_kept", type(compiling._kept)())
    core = load_openvino().Core
    made: list[str] = []
    plain = core.compile_model

    def counted(self: Any, model: Any, device: str, settings: dict[str, str]) -> Any:
        made.append(device)
        return plain(self, model, device, settings)

    monkeypatch.setattr(core, "compile_model", counted)
    return made


def test_the_same_base_is_compiled_once(compilations: list[str]) -> None:
    first, second = (Engine(lite0(size=SMALL), precision="f32") for _ in range(2))
    assert compilations == ["CPU"]
    pictures = np.random.default_rng(0).integers(0, 256, (3, SMALL, SMALL, 3), np.uint8)
    np.testing.assert_array_equal(first.run(pictures), second.run(pictures))


def test_another_size_count_or_part_is_another_net(compilations: list[str]) -> None:
    base = lite0(size=SMALL)
    Engine(base, precision="f32")
    Engine(base, precision="f32", pictures=2)
    Engine(lite0(size=SMALL + 32), precision="f32")
    MapReader(base, precision="f32")
    assert len(compilations) == 4
    MapReader(base, precision="f32")
    assert len(compilations) == 4


def test_only_the_last_few_are_kept(compilations: list[str]) -> None:
    base = lite0(size=SMALL)
    for pictures in range(1, compiling.KEPT + 2):
        Engine(base, precision="f32", pictures=pictures)
    assert len(compiling._kept) == compiling.KEPT
    Engine(base, precision="f32", pictures=compiling.KEPT + 1)
    assert len(compilations) == compiling.KEPT + 1
    Engine(base, precision="f32", pictures=1)
    assert len(compilations) == compiling.KEPT + 2


def test_a_graph_changed_by_one_byte_is_another(compilations: list[str]) -> None:
    graph = lite0().graph
    openvino_run(graph)
    openvino_run(bytes(graph))
    assert len(compilations) == 1
    openvino_run(graph + b"\x3a\x00")  # an empty graph behind the first: the field is read as more of the same
    assert len(compilations) == 2


def test_read_net__works_out_what_depends_on_no_input() -> None:
    base, core = lite0(size=SMALL), load_openvino().Core()
    kinds = [node.get_type_name() for node in compiling.read_net(core, base.graph).get_ops()]
    as_written = [node.get_type_name() for node in core.read_model(base.graph).get_ops()]
    assert "Broadcast" in as_written
    assert "Broadcast" not in kinds
    assert kinds.count("Convolution") == as_written.count("Convolution")
    assert len(kinds) < len(as_written) / 2
