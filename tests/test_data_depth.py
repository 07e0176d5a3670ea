"""Grey pictures of 16 bit: what is white in them is told by a header, else by the set, and kept in the model."""

import numpy as np
import pytest
from PIL import Image

from pictures import make_pixels, write_classes
from tellapart.backbones.catalogue import load_backbone
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.audit import audit
from tellapart.commands.evaluate import evaluate_model
from tellapart.commands.predict import predict
from tellapart.commands.split import split
from tellapart.commands.train import train
from tellapart.data.depth import white_of
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import index_of_paths
from tellapart.features.look import with_white
from tellapart.progress import Silent


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def grey(seed, *, kind=0):
    return make_pixels(seed, kind=kind, width=64, height=64, blotches=50)[..., 0].astype(np.int64)


def write_deep(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint16)).save(path, **options)
    return path


def white(paths):
    listener = Listening()
    return white_of(index_of_paths(paths).pictures, threads=2, progress=listener), listener.notes


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".jp2"])
@pytest.mark.parametrize(("bits", "expected"), [(9, 511), (10, 1023), (12, 4095), (14, 16383), (16, 65535)])
def test_white_of__is_the_set_s_and_not_one_picture_s(suffix, bits, expected, tmp_path):
    paths = [write_deep(tmp_path / f"{n}{suffix}", grey(n) * (2**bits // 256) // (1 + 3 * (n > 0))) for n in range(4)]
    found, notes = white(paths)
    assert found == expected
    assert [f"{expected:,} is taken for white in all of them" in note for note in notes] == [True] * (bits < 16)


def test_white_of__a_depth_that_the_file_states_is_believed(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 1023 " + np.array([0, 9, 500, 900], ">u2").tobytes())
    (tmp_path / "b.pgm").write_bytes(b"P5 2 2 255 " + bytes(4))
    assert white([tmp_path]) == (None, [])


def test_white_of__nothing_deep_leaves_it_open(tmp_path):
    for number, mode in enumerate(("L", "RGB", "P")):
        Image.fromarray(make_pixels(number)).convert(mode).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture at all, but it begins like one")
    (tmp_path / "4.tif").write_bytes(b"II*\0")
    assert white([tmp_path]) == (None, [])


def test_white_of__a_hot_pixel_is_no_white(tmp_path):
    values = grey(1) * 4
    values[3, 3] = 65535
    assert white([write_deep(tmp_path / "a.png", values)])[0] == 1023


def test_white_of__a_header_that_says_it_is_believed(tmp_path):
    path = write_deep(tmp_path / "a.tif", grey(1) * 2, tiffinfo={281: 1000})
    assert white([path])[0] is None
    pixels = Preprocess(size=64).apply(path.read_bytes()).pixels
    np.testing.assert_allclose(pixels[..., 0], np.minimum(grey(1) * 2 * 255 / 1000, 255), atol=1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".jp2"])
def test_apply__ten_bits_are_what_eight_would_be(suffix, tmp_path):
    path = write_deep(tmp_path / f"a{suffix}", grey(2) * 1023 // 255)
    pixels = Preprocess(size=64, white=1023).apply(path.read_bytes()).pixels
    np.testing.assert_allclose(pixels[..., 0].astype(int), grey(2).astype(int), atol=1)
    assert Preprocess(size=64).apply(path.read_bytes()).pixels.max() < 8


def test_preprocess__says_white_only_where_it_is_known():
    assert "white" not in Preprocess(size=64).to_json()
    assert Preprocess.from_json(Preprocess(size=64).to_json()) == Preprocess(size=64)
    deep = Preprocess(size=64, white=1023)
    assert Preprocess.from_json(deep.to_json()) == deep
    assert deep.key != Preprocess(size=64).key == Preprocess(size=64, white=65535).key
    for bad in (1, 70000, "1023", True, 1023.0):
        with pytest.raises(ValueError, match="white"):
            Preprocess(size=64, white=bad)


def both(folder, *, count=12):
    """The same pictures of two classes as 8 bit and as 10 bit in files of 16."""
    for kind, name in enumerate(("cat", "dog")):
        for number in range(count):
            values = grey(number, kind=kind)
            write_deep(folder / "deep" / name / f"{number}.png", values * 1023 // 255)
            (folder / "plain" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / "plain" / name / f"{number}.png")
    return folder / "deep", folder / "plain"


def test_train__on_ten_bits_keeps_their_white_and_reads_a_lone_picture_alike(tmp_path):
    deep, plain = both(tmp_path)
    listener = Listening()
    folder, metrics = train(deep, out=tmp_path / "run", size=64, progress=listener)
    assert any("1,023 is taken for white" in note for note in listener.notes)
    assert metrics["test"]["accuracy"]["value"] == 1.0
    model = folder / "model.tellapart"
    assert read_bundle(model)[0].classifier.base.preprocess.white == 1023
    dark = write_deep(tmp_path / "dark.png", grey(3, kind=1) // 4)
    (lone,) = predict(model, [dark]).probabilities
    together = predict(model, [dark, *sorted(deep.rglob("*.png"))]).probabilities[0]
    np.testing.assert_allclose(lone, together, atol=1e-3)
    assert evaluate_model(model, plain)["accuracy"]["value"] == 1.0


def test_predict__a_model_of_eight_bits_answers_about_ten_alike(tmp_path):
    deep, plain = both(tmp_path)
    folder, _ = train(plain, out=tmp_path / "run", size=64)
    listener = Listening()
    model = folder / "model.tellapart"
    given = predict(model, sorted(deep.rglob("*.png")), progress=listener)
    expected = predict(model, sorted(plain.rglob("*.png")))
    np.testing.assert_allclose(given.probabilities, expected.probabilities, atol=0.02)
    assert any("is taken for white in all of them" in note for note in listener.notes)


def test_with_white__what_a_model_knows_stays(tmp_path):
    path = write_deep(tmp_path / "a.png", grey(1))
    base = load_backbone("lite0", size=64)
    found = with_white(base, index_of_paths([path]).pictures, Silent())
    assert found.preprocess.white == 255
    assert (
        with_white(found, index_of_paths([write_deep(tmp_path / "b.png", grey(1) * 200)]).pictures, Silent()) is found
    )
    plain = index_of_paths([write_classes(tmp_path / "plain", {"a": 2})])
    assert with_white(base, plain.pictures, Silent()) is base


def test_audit__pictures_of_nine_bits_have_as_much_on_them_as_those_of_eight(tmp_path):
    for kind, name in enumerate(("cat", "dog")):
        for number in range(6):
            write_deep(tmp_path / "deep" / name / f"{number}.png", grey(number, kind=kind) * 511 // 255)
    _, document = audit(tmp_path / "deep", out=tmp_path / "audit")
    outcomes = {finding["code"]: finding["outcome"] for finding in document["findings"]}
    assert [outcomes[code] for code in ("near-empty", "dark", "blurred")] == ["passed"] * 3


def test_split__cuts_boxes_out_of_ten_bits_as_a_training_sees_them(tmp_path):
    deep, plain = both(tmp_path, count=3)
    made = []
    for folder in (deep, plain):
        rows = [f"{name}/{number}.png,{name},8,8,40,40" for name in ("cat", "dog") for number in range(3)]
        (folder / "boxes.csv").write_text("\n".join(["path,label,x,y,width,height", *rows]))
        split(folder / "boxes.csv", folder / "out", sizes={"train": 2, "valid": 0, "test": 1})
        made.append({path.relative_to(folder): path for path in sorted((folder / "out").rglob("*.png"))})
        split(folder / "boxes.csv", folder / "out", sizes={"train": 2, "valid": 0, "test": 1})  # finds its own there
    assert list(made[0]) == list(made[1])
    for one, other in zip(*(found.values() for found in made), strict=True):
        np.testing.assert_allclose(np.asarray(Image.open(one)), np.asarray(Image.open(other)), atol=1)
