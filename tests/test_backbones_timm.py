"""Any base of timm becomes a graph that works without torch, from weights in a local file."""

import hashlib
import os
import zipfile

import numpy as np
import pytest

from pictures import make_pixels

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
timm = pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones import timm as timm_base  # noqa: E402
from tellapart.backbones.engine import Engine  # noqa: E402
from tellapart.backbones.timm import load_timm_backbone  # noqa: E402
from tellapart.backbones.weights import LARGEST_PICKLE, read_weights  # noqa: E402
from tellapart.errors import DataError, UsageError  # noqa: E402
from tellapart.finetuning.onnx_in_torch import trainable_stages  # noqa: E402
from tellapart.finetuning.split_point import find_cut  # noqa: E402

NAME = "test_resnet"  # 0.5 million weights, made by timm for tests like these
SIDE = 32


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return timm.create_model(NAME).eval()


@pytest.fixture(scope="module")
def weights(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    from safetensors.torch import save_file

    save_file(net.state_dict(), path)
    return path


@pytest.fixture
def backbone(weights, fresh_cache):
    return load_timm_backbone(NAME, size=SIDE, weights=weights)


def test_load_timm_backbone__sees_what_torch_sees(backbone, net):
    images = np.stack([make_pixels(seed, kind=seed % 3, width=SIDE, height=SIDE) for seed in range(3)])
    mean, deviation = (255 * torch.tensor(net.pretrained_cfg[key]).reshape(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        maps = net.forward_features((torch.from_numpy(images).permute(0, 3, 1, 2) - mean) / deviation)
    features = Engine(backbone, precision="f32").run(images)
    last = backbone.depths[-1]
    assert last.name == "last"
    np.testing.assert_allclose(features[:, last.start :], maps.mean((2, 3)).numpy(), rtol=1e-3, atol=1e-3)
    assert backbone.preprocess.size == SIDE
    assert list(backbone.widths) == ["stage2", "stage3", "stage4", "last"]


def test_load_timm_backbone__is_kept_and_then_needs_no_torch(backbone, weights, monkeypatch):
    def refuse():
        raise AssertionError

    monkeypatch.setattr(timm_base, "load_timm", refuse)
    monkeypatch.setattr(timm_base, "load_torch", refuse)
    assert load_timm_backbone(NAME, size=SIDE, weights=weights) == backbone
    monkeypatch.setattr(timm_base, "_timm_version", lambda: None)
    assert load_timm_backbone(NAME, size=SIDE, weights=weights) == backbone


@pytest.mark.parametrize("change", ["size", "version", "damage"])
def test_load_timm_backbone__is_made_again_where_the_kept_one_does_not_fit(
    backbone, weights, fresh_cache, monkeypatch, change
):
    made = []
    monkeypatch.setattr(timm_base, "_made", lambda *_, **settings: made.append(settings))
    if change == "version":
        monkeypatch.setattr(timm_base, "_timm_version", lambda: "0.0")
    if change == "damage":
        (path,) = (fresh_cache / "bases").glob("*.onnx")
        path.write_bytes(path.read_bytes()[:-1])
    load_timm_backbone(NAME, size=48 if change == "size" else SIDE, weights=weights)
    assert len(made) == 1


def test_load_timm_backbone__another_nets_weights_are_refused(tmp_path, fresh_cache):
    path = tmp_path / "other.pt"
    torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(DataError, match=f"these are not the weights of {NAME}"):
        load_timm_backbone(NAME, size=SIDE, weights=path)


def test_load_timm_backbone__an_unknown_name(fresh_cache):
    with pytest.raises(UsageError, match="no such base: no_such_net"):
        load_timm_backbone("no_such_net")


def test_load_timm_backbone__offline_says_what_to_do(fresh_cache, monkeypatch):
    def offline(*_, **__):
        raise ConnectionError

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UsageError, match="--weights FILE"):
        load_timm_backbone(NAME)


def test_load_timm_backbone__a_state_dict_of_torch_with_another_classifier(net, tmp_path, weights, fresh_cache):
    path = tmp_path / "net.pt"
    state = {**net.state_dict(), "fc.weight": torch.zeros(3, 5), "fc.bias": torch.zeros(3)}
    torch.save({"state_dict": state}, path)
    graphs = [load_timm_backbone(NAME, size=SIDE, weights=one).graph for one in (path, weights)]
    assert len({hashlib.sha256(graph).hexdigest() for graph in graphs}) == 1


class Malice:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("content", ["code", "noise", "list", "absent"])
def test_read_weights__only_tensors_are_read(tmp_path, content, capsys):
    path = tmp_path / "weights.pt"
    if content == "noise":
        path.write_bytes(b"noise")
    elif content != "absent":
        torch.save({"code": {"layer": Malice()}, "list": [1, 2]}[content], path)
    with pytest.raises(DataError):
        read_weights(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["deflated", "endless names", "cut", "pipe", "sparse"])
def test_read_weights__a_file_that_no_one_saved(tmp_path, kind):
    path = tmp_path / "weights.pt"
    torch.save({"layer": torch.zeros(100_000)}, path)
    if kind == "deflated":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    elif kind == "endless names":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("weights/data.pkl", b"\x80\x02" + b"]" * LARGEST_PICKLE + b".")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    else:
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        else:
            with path.open("wb") as file:
                file.truncate(30_000_000_000)
    with pytest.raises(DataError, match="the weights cannot be read"):
        read_weights(path)


def test_load_timm_backbone__graph_names_nothing_outside(backbone):
    for word in (b"location", b"/tmp", b"site-packages", b"/root"):
        assert word not in backbone.graph


def test_find_cut__a_timm_base_can_be_fine_tuned(backbone):
    cut = find_cut(backbone, share=0.5)
    outputs = [f"pooled_{depth}" for depth in cut.trained]
    stages = trainable_stages(backbone.graph, entry=cut.tensor, outputs=outputs)
    assert stages.weights
