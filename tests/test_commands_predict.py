"""Answers of a model file, and its score on pictures it may never have seen."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest

from exported import small_classifier, write_model
from pictures import encode, make_pixels, write_classes, write_splits_and_classes
from tellapart.commands.evaluate import evaluate_model
from tellapart.commands.predict import predict
from tellapart.commands.summary import summarise
from tellapart.commands.train import train
from tellapart.errors import DataError, ModelFileError
from tellapart.heads.abstention import Abstention, SelectiveGuarantee
from tellapart.progress import Silent
from tellapart.runs.page import rewrite_report


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)

    def said(self, words):
        return [note for note in self.notes if words in note]


@pytest.mark.parametrize(("error", "told"), [(None, 1), (0.232, 1), (0.05, 0)])
def test_predict__a_model_that_promises_too_little_to_rely_on_says_so(tmp_path, error, told):
    """Its answers without a mark would read as those to rely on."""
    least = None if error is None else 0.0
    promise = SelectiveGuarantee(threshold=least, asked=0.01, error=error, pictures=18, needed=299)
    classifier = replace(small_classifier(3), abstention=Abstention(unsure=least, guarantee=promise))
    (tmp_path / "a.png").write_bytes(encode(make_pixels(1), "PNG"))
    predict(write_model(tmp_path / "model.tellapart", classifier), [tmp_path / "a.png"], progress=(notes := Notes()))
    assert len(notes.said("18 pictures in valid are too few to promise")) == told


def split_rows(run):
    return list(csv.DictReader((run / "split.csv").read_text().splitlines()))


def write_idx(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.tobytes())


def test_predict__gives_what_predictions_csv_says(trained):
    rows = list(csv.DictReader((trained.run / "predictions.csv").read_text().splitlines()))
    answers = predict(trained.model, [trained.data / row["path"] for row in rows])
    expected = [[float(row[f"p:{name}"]) for name in answers.classes] for row in rows]
    # The head is the same; the base inside the file is the same graph, fused by the engine in another way.
    np.testing.assert_allclose(answers.probabilities, expected, atol=0.02)
    # A threshold is the confidence of a picture of valid, so hardly any of test is near it.
    for column, flags in (("unsure", answers.flags.unsure), ("unlike", answers.flags.unlike)):
        assert sum((row[column] == "yes") != flag for row, flag in zip(rows, flags, strict=True)) <= 1
    assert [answers.classes[place] for place in answers.probabilities.argmax(axis=1)] == [
        row["predicted"] for row in rows
    ]


def test_predict__keeps_the_order_given_and_lists_what_cannot_be_read(trained):
    names = ["owl/001.png", "dog/017.png", "cat/000.png", "owl/001.png"]
    answers = predict(trained.model, [trained.data / name for name in names])
    assert [entry.status for entry in answers.ledger] == ["used", "skipped", "used", "used"]
    assert [picture.path for picture in answers.pictures] == [str(trained.data / names[i]) for i in (0, 2, 3)]
    np.testing.assert_array_equal(answers.probabilities[0], answers.probabilities[2])
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1)


def test_predict__a_folder_is_every_picture_below_it(trained):
    assert len(predict(trained.model, [trained.data]).ledger) == 50


def test_predict__nothing_readable_names_the_first(trained):
    with pytest.raises(DataError, match=r"truncated.*017"):
        predict(trained.model, [trained.data / "dog" / "017.png"])


def test_predict__no_such_picture_or_model(trained, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        predict(trained.model, [tmp_path / "none.png"])
    with pytest.raises(ModelFileError, match="no such model file"):
        predict(tmp_path / "none.tellapart", [trained.data])


def test_evaluate_model__on_its_own_test_pictures_gives_the_figures_of_the_run(trained, tmp_path):
    for row in csv.DictReader((trained.run / "split.csv").read_text().splitlines()):
        target = tmp_path / "data" / row["split"] / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trained.data / row["path"], target)
    figures = evaluate_model(trained.model, tmp_path / "data")
    expected = trained.metrics["test"]
    assert figures["split"] == "test"
    for name in ("n", "accuracy", "confusion"):
        assert figures[name] == expected[name]
    assert figures["thresholds"] == trained.metrics["thresholds"]
    assert figures["thresholds"]["promise"] is not None
    assert figures["selective"]["answered"] == pytest.approx(expected["selective"]["answered"], abs=1)
    assert figures["log_loss"] == pytest.approx(expected["log_loss"], abs=0.01)


def test_evaluate_model__without_splits_everything_counts(trained):
    figures = evaluate_model(trained.model, trained.data)
    assert (figures["split"], figures["n"]) == ("all", 49)
    assert figures["ledger"] == trained.metrics["ledger"]


def test_evaluate_model__the_ledger_counts_the_files_that_are_no_pictures(trained, tmp_path):
    shutil.copytree(trained.data, tmp_path / "data")
    before = evaluate_model(trained.model, tmp_path / "data")["ledger"]
    folder = next(path for path in sorted((tmp_path / "data").iterdir()) if path.is_dir())
    (folder / "notes.txt").write_text("no picture")
    after = evaluate_model(trained.model, tmp_path / "data")["ledger"]
    assert after == {**before, "skipped": before["skipped"] + 1}


def test_evaluate_model__says_which_pictures_it_was_trained_on(trained, tmp_path):
    learned = [row for row in split_rows(trained.run) if row["split"] != "test"]
    listener = Notes()
    figures = evaluate_model(trained.model, trained.data, progress=listener)
    counts = {name: sum(row["split"] == name for row in learned) for name in ("train", "valid")}
    assert figures["trained_on"] == counts
    (note,) = listener.said("trained on")
    assert note.startswith(
        f"{len(learned)} of these 49 pictures were trained on (train or valid): the score says little"
    )

    # Copies under other names count too, pictures of test and new ones do not.
    copied = [row for row in learned if row["label"] != "dog"][:1] + [
        row for row in split_rows(trained.run) if row["split"] == "test"
    ]
    for number, row in enumerate(copied):
        target = tmp_path / "data" / row["label"] / f"other-{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trained.data / row["path"], target)
    listener = Notes()
    figures = evaluate_model(trained.model, tmp_path / "data", progress=listener)
    assert sum(figures["trained_on"].values()) == 1
    (note,) = listener.said("trained on")
    assert note.startswith(f"1 of these {len(copied)} pictures was trained on")


def test_evaluate_model__without_a_run_beside_the_model_nothing_is_said(trained, tmp_path):
    alone = shutil.copyfile(trained.model, tmp_path / "model.tellapart")
    listener = Notes()
    assert evaluate_model(alone, trained.data, progress=listener)["trained_on"] is None
    assert not listener.said("trained on")


def test_evaluate_model__idx_pictures_are_told_by_their_pixels(tmp_path):
    random = np.random.default_rng(0)
    data = tmp_path / "data"
    levels = random.integers(0, 256, (60, 8, 8), np.uint8)
    levels[30:, :4] //= 4
    labels = np.repeat(np.arange(2, dtype=np.uint8), 30)
    for start, rows in (("train", slice(None, None, 2)), ("t10k", slice(1, None, 2))):
        write_idx(data / f"{start}-images-idx3-ubyte", levels[rows])
        write_idx(data / f"{start}-labels-idx1-ubyte", labels[rows])
    folder, document = train(data, out=tmp_path / "run")
    other = tmp_path / "other"
    write_idx(other / "train-images-idx3-ubyte", levels[:40])
    write_idx(other / "train-labels-idx1-ubyte", labels[:40])
    found = evaluate_model(folder / "model.tellapart", other)["trained_on"]
    assert sum(found.values()) == 20
    assert document["counts"]["test"] == 30


def test_evaluate_model__fewer_classes_than_the_model_knows_shift_nobody(trained, tmp_path):
    data = write_splits_and_classes(tmp_path / "data", {"test": {"cat": 3, "owl": 3}, "train": {"cat": 1, "owl": 1}})
    figures = evaluate_model(trained.model, data)
    assert figures["classes"] == ["cat", "dog", "owl"]
    assert [row["n"] for row in figures["per_class"]] == [3, 0, 3]


def test_evaluate_model__a_class_the_model_does_not_know(trained, tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 2, "zebra": 2})
    with pytest.raises(DataError, match=r"'zebra'.*the model knows: cat, dog, owl"):
        evaluate_model(trained.model, data)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "5", "{}", '{"schema": 1}', '{"schema": 99}', "[" * 99999])
def test_rewrite_report__metrics_that_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(DataError, match=str(tmp_path)):
        rewrite_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_rewrite_report__is_the_page_the_training_wrote(trained, tmp_path):
    shutil.copytree(trained.run, tmp_path / "run")
    (tmp_path / "run" / "report.html").unlink()
    (page,) = rewrite_report(tmp_path / "run")
    assert page.read_bytes() == (trained.run / "report.html").read_bytes()


@pytest.mark.parametrize(("splits", "said"), [(("train",), "all"), (("train", "valid"), "test")])
def test_evaluate_model__the_one_part_beside_train_is_the_test_and_train_alone_is_none(splits, said, trained, tmp_path):
    counts = {split: {"ape": 2, "bee": 2, "cow": 2} for split in splits}
    data = write_splits_and_classes(tmp_path / "data", counts)
    classes = list(trained.metrics["classes"])
    for split, inside in counts.items():
        for old, new in zip(sorted(inside), classes, strict=False):
            (data / split / old).rename(data / split / new)
    found = evaluate_model(trained.model, data)
    assert (found["split"], found["n"]) == (said, 6)


def test_summarise__layers_shapes_and_parameters_of_the_base():
    layers = summarise("lite0")
    assert layers[0].shape == (112, 112, 32)
    # EfficientNet-Lite0 has 4,652,008 parameters with its classifier of 1000 x 1281; here batch norms are biases.
    assert 3_300_000 < sum(layer.parameters for layer in layers) < 4_652_008 - 1_281_000 + 1
    small = summarise("lite0", size=64)
    assert small[0].shape == (32, 32, 32)
    assert [layer.parameters for layer in small] == [layer.parameters for layer in layers]
