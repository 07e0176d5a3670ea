"""A page that was exported is taken apart again and compared, part by part, with what its model file makes."""

import base64
import gzip
import hashlib
import json
import re

import numpy as np
import pytest

from exported import broken, small_classifier, swapped_channels, write_model
from tellapart.browser import held
from tellapart.browser.held import LARGEST_PAGE, read_page, unpacked
from tellapart.browser.page import exported_page, graph_in, library_of, packed
from tellapart.browser.runtime import BINARY, Runtime
from tellapart.bundle.bundle import read_bundle
from tellapart.commands import export
from tellapart.errors import ModelFileError
from tellapart.explain.exact import MapReader

RUNTIME = Runtime(script="export{a as b};", binary=b"\0asm")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("birds") / "birds.tellapart", small_classifier(3))


@pytest.fixture(scope="module")
def text(model):
    return exported_page(read_bundle(model, precision="f32")[0], RUNTIME, name="birds")


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    """A small runtime in place of the real one."""
    digests = {BINARY: hashlib.sha256(RUNTIME.binary).hexdigest()}
    monkeypatch.setattr(held, "SHA256", digests)
    monkeypatch.setattr(held, "LIBRARY_SHA256", hashlib.sha256(library_of(RUNTIME).encode()).hexdigest())
    monkeypatch.setattr(export, "web_runtime", lambda *_: RUNTIME)


def verified(tellapart, path, text, model, *more):
    path.write_bytes(text.encode())
    return tellapart("verify", path, "--against", model, *more)


def test_verify__a_page_with_real_pictures(tellapart, text, model, tmp_path, pictures):
    outcome = verified(tellapart, tmp_path / "page.html", text, model, pictures, "--json")
    assert (outcome.code, outcome.json["kind"], outcome.json["outcome"]) == (0, "html", "same")
    assert [(row["door"], row["on"], row["outcome"]) for row in outcome.json["rows"]] == [
        ("onnxruntime", "test cards", "same"),
        ("onnxruntime", "pictures", "same"),
    ]


@pytest.fixture
def pictures(tmp_path):
    from pictures import write_picture

    for seed in range(3):
        write_picture(tmp_path / "pictures" / f"{seed}.png", seed=seed)
    return tmp_path / "pictures"


def other_graph(text):
    graph = graph_in(text)
    return text.replace(packed(graph), packed(broken(graph, swapped_channels)))


def bomb(text):
    return text.replace(packed(graph_in(text)), base64.b64encode(gzip.compress(bytes(50_000_000))).decode())


def other_classes(text):
    return text.replace('["cat","dog"', '["dog","cat"')


def other_tolerance(text):
    return re.sub(r'"tolerance":\{"features":[0-9.]+', '"tolerance":{"features":9', text)


def content_twice(text):
    """Two blocks of one name: a browser takes the first, a dictionary the last."""
    (block,) = re.findall(r'<script type="application/json" id="content">.*?</script>', text)
    return text.replace(block, other_classes(block) + block)


CHANGES = {
    other_graph: "the model inside",
    bomb: "the model inside",
    other_classes: "what the page is told of the model",
    other_tolerance: "what the page is told of the model",
    lambda text: text.replace(packed(RUNTIME.binary), packed(b"\0other")): "what the page runs the model in",
    lambda text: text.replace("globalThis.ort=", "globalThis.oops=", 1): "what the page runs the model in",
    lambda text: text.replace("default-src ", "default-src * ", 1): "the page around",
    lambda text: text.replace("</body>", "<script>fetch('//x')</script></body>"): "the page around",
    content_twice: "the page around",
}


@pytest.mark.parametrize("change", CHANGES)
def test_verify__a_page_that_was_changed(tellapart, text, model, tmp_path, change):
    assert change(text) != text
    outcome = verified(tellapart, tmp_path / "page.html", change(text), model)
    assert outcome.code == 4
    assert CHANGES[change] in outcome.err


def test_verify__a_page_of_another_model(tellapart, text, tmp_path):
    other = write_model(tmp_path / "other.tellapart", small_classifier(4))
    outcome = verified(tellapart, tmp_path / "page.html", text, other, "--json")
    assert outcome.code == 4
    assert len(outcome.json["statements"]) == 2  # the graph and the test cards
    assert [row["outcome"] for row in outcome.json["rows"]] == ["not applicable"]


def test_verify__a_page_runs_in_one_runtime(tellapart, text, model, tmp_path):
    outcome = verified(tellapart, tmp_path / "page.html", text, model, "--runtime", "openvino")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_export__a_page_whose_model_has_no_heat_map(tellapart, model, tmp_path, monkeypatch):
    def without(self, *_, **__):
        raise KeyError("maps")

    monkeypatch.setattr(MapReader, "__init__", without)
    page = tmp_path / "page.html"
    assert tellapart("export", model, "-o", page).code == 0
    assert json.loads(read_page(page).text.split('id="content">')[1].split("<")[0])["model"]["heat"] is False
    assert tellapart("verify", page, "--against", model).code == 0


@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html>", b"\xff\xfe", b'<script type="text/plain" id="model"></script>']
)
def test_read_page__no_page_of_ours(tmp_path, content):
    path = tmp_path / "page.html"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a page that tellapart exported"):
        read_page(path)


def test_read_page__too_large(tmp_path):
    path = tmp_path / "page.html"
    with path.open("wb") as file:
        file.truncate(LARGEST_PAGE + 1)
    with pytest.raises(ModelFileError, match="larger than"):
        read_page(path)


def test_unpacked__only_whole_and_only_so_much():
    content = np.random.default_rng(0).bytes(1000)
    whole = gzip.compress(content)
    assert unpacked(base64.b64encode(whole).decode(), most=1000) == content
    for damaged in (whole[:-1], whole + b"more", b"none"):
        assert unpacked(base64.b64encode(damaged).decode(), most=1000) is None
    assert unpacked(base64.b64encode(whole).decode(), most=999) is None
    assert unpacked("no base64!", most=1000) is None
