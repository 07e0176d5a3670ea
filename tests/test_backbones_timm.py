"""Any base of timm becomes a graph that works without torch, from weights in a local file."""

import json
import logging
import os
import shutil
import zipfile
from functools import partial

import numpy as np
import pytest

from pictures import make_pixels

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
timm = pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones import timm as timm_base  # noqa: E402
from tellapart.backbones import timm_nets  # noqa: E402
from tellapart.backbones.catalogue import check_base  # noqa: E402
from tellapart.backbones.engine import Engine  # noqa: E402
from tellapart.backbones.timm import load_timm_backbone  # noqa: E402
from tellapart.backbones.timm_nets import create_net  # noqa: E402
from tellapart.backbones.weights import LARGEST_PICKLE, read_weights  # noqa: E402
from tellapart.errors import DataError, MissingExtraError, UsageError  # noqa: E402
from tellapart.finetuning.onnx_in_torch import trainable_stages  # noqa: E402
from tellapart.finetuning.split_point import find_cut  # noqa: E402
from tellapart.nets.summary import summarise_net  # noqa: E402
from tellapart.progress import Silent  # noqa: E402

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


@pytest.fixture(scope="module")
def made(weights, tmp_path_factory):
    """The cache folder in which the base was made, once: it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("made")))
        load_timm_backbone(NAME, size=SIDE, weights=weights)
        return timm_base._folder()


@pytest.fixture
def backbone(weights, made, fresh_cache):
    shutil.copytree(made, timm_base._folder())
    return load_timm_backbone(NAME, size=SIDE, weights=weights)


def test_load_timm_backbone__sees_what_torch_sees(backbone, net):
    images = np.stack([make_pixels(seed, kind=seed % 3, width=SIDE, height=SIDE) for seed in range(3)])
    mean, deviation = (255 * torch.tensor(net.pretrained_cfg[key]).reshape(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        maps = net.forward_features((torch.from_numpy(images).permute(0, 3, 1, 2) - mean) / deviation)
    features = Engine(backbone, precision="f32").run(images)
    last = backbone.last
    assert last.name == "last"
    np.testing.assert_allclose(features[:, last.start : last.stop], maps.mean((2, 3)).numpy(), rtol=1e-3, atol=1e-3)
    assert backbone.preprocess.size == SIDE
    assert list(backbone.means_only.widths) == ["stage2", "stage3", "stage4", "last"]


def test_load_timm_backbone__what_a_model_file_could_not_be_read_with_is_refused_at_once(
    weights, fresh_cache, monkeypatch
):
    """Not when the head is trained and the file is written."""

    def refuse(*_, **__):
        raise ValueError("it has an operator that no model of ours has (LSTM)")

    monkeypatch.setattr(timm_base, "check_graph", refuse)
    said = rf"cannot be turned into ONNX \(it has an operator that no model of ours has \(LSTM\)\): {NAME}, 32 px"
    with pytest.raises(UsageError, match=said):
        load_timm_backbone(NAME, size=SIDE, weights=weights)
    assert not timm_base._folder().exists()


def test_load_timm_backbone__a_net_that_cannot_look_is_refused_in_a_line(weights, fresh_cache, monkeypatch):
    def fail(*_, **__):
        raise AttributeError("'list' object has no attribute 'ndim'")

    monkeypatch.setattr(timm_nets, "look", fail)
    with pytest.raises(UsageError, match=f"this base cannot be turned into ONNX: {NAME}, .* Choose another base"):
        load_timm_backbone(NAME, weights=weights)


def test_load_timm_backbone__is_kept_and_then_needs_no_torch(backbone, weights, monkeypatch):
    def refuse():
        raise AssertionError

    monkeypatch.setattr(timm_base, "load_timm", refuse)
    monkeypatch.setattr(timm_base, "load_torch", refuse)
    assert load_timm_backbone(NAME, size=SIDE, weights=weights) == backbone
    monkeypatch.setattr(timm_base, "_timm_version", lambda: None)
    assert load_timm_backbone(NAME, size=SIDE, weights=weights) == backbone


def test_forget_earlier__a_graph_of_another_rule_goes_and_no_other(backbone, fresh_cache):
    (path,) = (fresh_cache / "bases").glob("*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    others = {"earlier": {"rule": 1}, "older": {"rule": None}, "another": {"rule": 1, "asked_size": 48}}
    for name, change in others.items():
        path.with_name(f"{name}.json").write_text(json.dumps({**document, **change}), encoding="utf-8")
        path.with_name(f"{name}.onnx").touch()
    timm_base._forget_earlier(timm_base.Description(**document), path)
    assert {file.name for file in path.parent.iterdir()} == {
        *(path.name, path.with_suffix(".onnx").name),
        *("another.json", "another.onnx"),
    }


def test_check_base__one_that_an_earlier_rule_kept_needs_timm_again(backbone, monkeypatch):
    def missing(_note):
        raise MissingExtraError("torch")

    monkeypatch.setattr(timm_nets, "load_timm", missing)
    check_base(NAME, size=SIDE)
    monkeypatch.setattr(timm_base, "RULE", timm_base.RULE + 1)
    with pytest.raises(MissingExtraError):
        check_base(NAME, size=SIDE)


@pytest.mark.parametrize("name", [NAME, f"lite0+{NAME}"])
@pytest.mark.parametrize("size", [7, 2049, True])
def test_check_base__a_size_that_no_base_takes(name, size):
    check_base(name, size=SIDE)
    with pytest.raises(UsageError, match=f"cannot take this size: {size} px. Give a whole number from 8 to 2048"):
        check_base(name, size=size)


@pytest.mark.parametrize("change", ["size", "version", "rule", "damage"])
def test_load_timm_backbone__is_made_again_where_the_kept_one_does_not_fit(
    backbone, weights, fresh_cache, monkeypatch, change
):
    made = []
    monkeypatch.setattr(timm_base, "_made", lambda *_, **settings: made.append(settings))
    if change == "version":
        monkeypatch.setattr(timm_base, "_timm_version", lambda: "0.0")
    if change == "rule":
        monkeypatch.setattr(timm_base, "RULE", timm_base.RULE + 1)
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


def test_create_net__what_the_hub_says_of_its_tries_is_held_down(monkeypatch, caplog):
    def tries(*_, **__):
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise ConnectionError

    monkeypatch.setattr(timm, "create_model", tries)
    with pytest.raises(UsageError, match="cannot be downloaded"):
        create_net(NAME, pretrained=True)
    assert caplog.messages == []
    logging.getLogger("huggingface_hub.utils._http").warning("again")
    assert caplog.messages == ["again"]


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


WRAPPERS = ["state_dict", "model", "model_state_dict", "model_ema", "anything"]
PREFIXES = ["module.", "_orig_mod.", "model.", "backbone.", "module.model."]


@pytest.fixture
def filled(monkeypatch, tmp_path):
    """The net that `load_timm_backbone` would export, of weights saved like this, and what was said of them."""

    def fill(state, name=NAME):
        path, notes = tmp_path / "published.pth", Notes()
        torch.save(state, path)
        return timm_base._net(name, weights=path, size=None, progress=notes).state_dict(), notes.notes

    return fill


@pytest.mark.parametrize(
    ("wrapper", "prefix"), [*((name, "") for name in WRAPPERS), *(("", name) for name in PREFIXES)]
)
def test_load_timm_backbone__weights_as_others_save_them(net, filled, wrapper, prefix):
    trunk = {key: value for key, value in net.state_dict().items() if not key.startswith("fc.")}
    state = {f"{prefix}{key}": value for key, value in {**trunk, "fc.weight": torch.zeros(3, 5)}.items()}
    found, notes = filled({wrapper: state, "epoch": 3} if wrapper else state)
    assert all(torch.equal(found[key], value) for key, value in trunk.items())
    assert notes == []


def test_load_timm_backbone__vgg_as_torchvision_publishes_it(filled, monkeypatch):
    def small(*_, **__):
        net = timm.models.vgg.VGG([8, "M", 16, "M"])
        net.pretrained_cfg = {"input_size": (3, 32, 32)}
        return net

    monkeypatch.setattr(timm, "create_model", small)
    trunk = {key: value for key, value in small().state_dict().items() if key.startswith("features.")}
    classifier = {f"classifier.{place}.{kind}": torch.zeros(3) for place in (0, 3, 6) for kind in ("weight", "bias")}
    found, notes = filled({**trunk, **classifier}, "vgg16")
    assert all(torch.equal(found[key], value) for key, value in trunk.items())
    assert notes == ["6 tensors of published.pth left aside, of no use to this base: classifier.0.bias …"]


def test_load_timm_backbone__weights_for_another_side_of_a_vit(filled):
    other = timm.create_model("test_vit", img_size=96).state_dict()
    found, _ = filled(other, "test_vit")
    assert torch.equal(found["blocks.0.attn.qkv.weight"], other["blocks.0.attn.qkv.weight"])
    assert found["pos_embed"].shape != other["pos_embed"].shape


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: {**state, "conv1.0.weight": state["conv1.0.weight"] * torch.nan}, "not finite.*conv1.0.weight"),
        (lambda state: {key: state[key] for key in state if "conv1.0" not in key}, "1 of 75 tensors are missing, 0 "),
        (lambda state: {**state, "conv1.0.weight": torch.zeros(3)}, "0 of 75 tensors are missing, 1 have another"),
        (
            lambda state: {f"{who}.{key}": value for who in ("a", "b") for key, value in state.items()},
            r"several nets \(a\. and b\.\)",
        ),
    ],
)
def test_load_timm_backbone__weights_that_cannot_be_used(net, filled, change, said):
    with pytest.raises(DataError, match=said):
        filled(change(net.state_dict()))


@pytest.mark.parametrize(
    ("name", "size", "hint"),
    [
        ("vgg11", 16, "It works at 32 px; its own is 224 px"),
        ("test_vit", 150, "It works at 144 px; its own is 160 px"),
        ("mixer_s32_224", 150, "It works at 224 px, its own"),
        ("test_resnet", 5, "from 8 to 2048"),
        ("test_resnet", 9999, "from 8 to 2048"),
    ],
)
def test_load_timm_backbone__a_side_it_cannot_take_has_sides_that_it_can(fresh_cache, weights, name, size, hint):
    """Told before weights are read, and by `summary` in the same words."""
    for ask in (partial(load_timm_backbone, weights=weights), summarise_net):
        with pytest.raises(UsageError, match=f"the net {name} cannot take this size.*{hint}"):
            ask(name, size=size)


def test_load_timm_backbone__a_base_that_gives_no_maps(net, fresh_cache, weights, monkeypatch):
    monkeypatch.setattr(type(net), "forward_features", lambda _self, pixels: [pixels])
    monkeypatch.setattr(type(net), "forward_intermediates", lambda _self, pixels, **_: ([pixels], []))
    monkeypatch.setattr(timm_base, "tensors_read", lambda _name: frozenset())
    with pytest.raises(UsageError, match=f"this base cannot be turned into ONNX: {NAME}"):
        load_timm_backbone(NAME, weights=weights)


def test_create_net__a_given_file_is_not_called_a_download(monkeypatch):
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: {}["tag"])
    with pytest.raises(UsageError, match="timm cannot make this base"):
        create_net(NAME)


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
