"""A run that came from someone else neither writes elsewhere nor shows pictures from elsewhere."""

import csv
import json
import os
import shutil

import pytest

from tellapart.errors import OutputError
from tellapart.runs import folder as run_folder
from tellapart.runs.page import rewrite_report
from tellapart.runs.whereabouts import holds_more


class Notes:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)

    def start(self, *_, **__): ...

    def advance(self, *_): ...

    def finish(self): ...


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the shared run that a test may change."""
    folder = tmp_path / "run"
    shutil.copytree(trained.run, folder)
    return folder


def edit_metrics(run, **changes):
    path = run / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rows_of(path):
    return list(csv.reader(path.read_text().splitlines()))


def rename_rows(run, name_of):
    """Let every picture of the two tables be called something else."""
    for table in ("predictions.csv", "split.csv"):
        rows = rows_of(run / table)
        with (run / table).open("w", newline="") as file:
            csv.writer(file).writerows([rows[0], *([name_of(row[0]), *row[1:]] for row in rows[1:])])


def shown(run, **settings):
    """How many pictures the page has, and what was said."""
    notes = Notes()
    (run / "analysis.json").unlink(missing_ok=True)
    rewrite_report(run, progress=notes, **settings)
    return (run / "report.html").read_bytes().count(b"data:image/webp;base64,"), " ".join(notes.said)


def test_rewrite_report__says_where_it_reads_pictures(run, photos):
    count, said = shown(run)
    assert count >= 5
    assert f"Pictures are read below {photos.resolve()}" in said
    assert "Pictures are read" not in shown(run, data=photos)[1]


@pytest.mark.parametrize("name", ["report.html", "analysis.json"])
def test_rewrite_report__a_link_in_the_run_is_replaced(run, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim)
    rewrite_report(run)
    assert victim.read_text() == "mine"
    assert not (run / name).is_symlink()


def test_claim_run__no_link_or_pipe_stays_where_a_run_writes(run, tmp_path):
    victims = tmp_path / "victims"
    victims.mkdir()
    (victims / "history.jsonl").write_text("mine")
    for name in run_folder.RUN_FILES:
        if name not in ("metrics.json", "run.log"):
            (run / name).unlink(missing_ok=True)
            (run / name).symlink_to(victims / "history.jsonl")
    (run / "work").symlink_to(victims)
    run_folder.claim_run(run, force=True)
    assert not (run / "work").exists()
    (run / "work" / "deep").mkdir(parents=True)
    (run / "work" / "epoch.safetensors").symlink_to(victims / "history.jsonl")
    (run / "work" / "deep" / "elsewhere").symlink_to(victims)
    os.mkfifo(run / "work" / "views.npy")
    (run / "work" / "kept").write_text("kept")
    run_folder.claim_run(run, force=True)
    assert sorted(path.name for path in (run / "work").rglob("*")) == ["deep", "kept"]
    assert (victims / "history.jsonl").read_text() == "mine"


def test_train__force_writes_through_no_link(run, trained, tmp_path, tellapart):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in run_folder.RUN_FILES:
        if name not in ("metrics.json", "run.log"):
            (run / name).unlink(missing_ok=True)
            (run / name).symlink_to(victim)
    assert tellapart("train", trained.data, "-o", run, "--force").code == 0
    assert victim.read_text() == "mine"
    assert not any(path.is_symlink() for path in run.iterdir())


@pytest.mark.parametrize("place", ["absolute", "upwards"])
def test_rewrite_report__rows_that_lead_elsewhere_show_nothing(run, photos, tmp_path, place):
    """The data of the run is there, but its tables name copies outside it."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(photos, elsewhere)
    way = str(elsewhere) if place == "absolute" else os.path.relpath(elsewhere, photos)
    rename_rows(run, lambda name: f"{way}/{name}")
    assert shown(run)[0] == shown(run, data=photos)[0] == 0


def test_rewrite_report__a_manifest_that_the_run_names_shows_only_what_lies_beside_it(run, photos):
    """Only the user may name a manifest that leads anywhere; see the head of runs/whereabouts.py."""
    manifest = run / "list.csv"
    rename_rows(run, lambda name: str(photos / name))
    rows = rows_of(run / "split.csv")[1:]
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], *(row[:2] for row in rows)])
    edit_metrics(run, data_path=str(manifest))
    count, said = shown(run)
    assert count == 0
    assert "lie outside" in said
    assert shown(run, data=manifest)[0] >= 5


def test_rewrite_report__links_out_of_the_data_are_left_out(run, photos, tmp_path):
    data = tmp_path / "links"
    shutil.copytree(photos, data)
    moved = tmp_path / "moved"
    for path in sorted(data.rglob("*.*")):
        if path.is_file():
            target = moved / path.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            path.symlink_to(target)
    edit_metrics(run, data_path=str(data))
    count, said = shown(run)
    assert count == 0
    assert "lie outside" in said


def test_rewrite_report__links_are_followed_where_the_user_names_the_data(run, photos, tmp_path):
    data = tmp_path / "links"
    for path in photos.rglob("*.*"):
        link = data / path.relative_to(photos)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    edit_metrics(run, data_path=str(data))
    assert shown(run)[0] == 0
    assert shown(run, data=data)[0] == shown(run, data=photos)[0] >= 5


def test_rewrite_report__of_some_links_the_others_are_shown(run, photos, tmp_path):
    data, moved = tmp_path / "links", tmp_path / "moved"
    shutil.copytree(photos, data)
    moved.mkdir()
    for number, path in enumerate(sorted(path for path in data.rglob("*.*") if path.is_file())):
        if number % 2:
            path.rename(moved / f"{number}{path.suffix}")
            path.symlink_to(moved / f"{number}{path.suffix}")
    edit_metrics(run, data_path=str(data))
    count, said = shown(run)
    assert 0 < count < shown(run, data=data)[0]
    assert "are left out; --data with that place has them read" in said


@pytest.mark.parametrize("place", ["\0", "\ud800", "/dev/zero", "", "x" * 5000, "/proc/self/mem", "no\nsuch\x1b[2J"])
def test_rewrite_report__places_that_are_none(run, place):
    edit_metrics(run, data_path=place)
    count, said = shown(run)
    assert count == 0
    assert "The report has no pictures" in said
    assert said.isprintable()


def test_rewrite_report__a_place_that_the_user_names_is_not_said_to_be_where_it_was(run, tmp_path):
    count, said = shown(run, data=tmp_path / "nowhere")
    assert count == 0
    assert f"the data is not where --data says (no such file or folder: {tmp_path / 'nowhere'})." in said


def test_rewrite_report__does_not_walk_what_is_larger_than_the_data(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tellapart.runs.whereabouts.SPARE", 0)
    large = tmp_path / "large"
    for number in range(10):
        (large / str(number)).mkdir(parents=True)
        for name in range(40):
            (large / str(number) / f"{name}.png").touch()
    (large / "around").symlink_to(large)
    edit_metrics(run, data_path=str(large))
    count, said = shown(run)
    assert (count, "far more" in said) == (0, True)


def test_holds_more__counts_every_folder_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "around").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "c.png").touch()
    assert holds_more(tmp_path, than=3)
    assert not holds_more(tmp_path, than=4)


def test_split__writes_and_removes_nothing_through_a_link(photos, tmp_path, tellapart):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / ".tellapart-mine").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    for link in ("train", "valid/cat"):
        path = out / link
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(victim)
        outcome = tellapart("split", photos, out, "--train", "2", "--valid", "2", "--test", "2")
        assert outcome.code == OutputError.exit_code
        assert "a link is where a folder has to be" in outcome.err
        path.unlink()
    assert [path.name for path in victim.iterdir()] == [".tellapart-mine"]
