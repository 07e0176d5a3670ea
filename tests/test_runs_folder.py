"""The run folder is claimed without harm to anything that is not ours, and complete only with its metrics."""

import contextlib

import pytest

from tellapart.errors import OutputError
from tellapart.progress import Silent, in_stage
from tellapart.runs.folder import (
    BEGUN_AGAIN,
    DEMO_DATA,
    LOG,
    LOG_START,
    METRICS,
    RUN_FILES,
    Logged,
    check_outside,
    claim_run,
    open_run,
)


def filled(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(LOG_START if name == LOG else f"of {name}")
    return {entry.name: entry.read_text() for entry in folder.iterdir()}


def contents(folder):
    return {entry.name: entry.read_text() for entry in folder.iterdir()}


def test_claim_run__makes_the_folder_and_its_parents(tmp_path):
    claim_run(tmp_path / "a" / "b", force=False)
    assert (tmp_path / "a" / "b").is_dir()


def test_claim_run__a_finished_run_is_left_alone_without_force(tmp_path):
    before = filled(tmp_path / "run", *RUN_FILES)
    with pytest.raises(OutputError, match=r"already there.*--force"):
        claim_run(tmp_path / "run", force=False)
    assert contents(tmp_path / "run") == before


def test_open_run__the_metrics_go_first(tmp_path):
    filled(tmp_path / "run", *RUN_FILES)
    claim_run(tmp_path / "run", force=True)
    assert (tmp_path / "run" / METRICS).exists()
    open_run(tmp_path / "run")
    assert not (tmp_path / "run" / METRICS).exists()
    assert (tmp_path / "run" / "model.tellapart").read_text() == "of model.tellapart"


def test_claim_run__an_unfinished_run_is_taken_over_and_tidied(tmp_path):
    filled(tmp_path / "run", "run.log", "split.csv", ".tellapart-half.csv")
    (tmp_path / "run" / DEMO_DATA).mkdir()
    claim_run(tmp_path / "run", force=False)
    assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == [DEMO_DATA, "run.log", "split.csv"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "names", [["thesis.docx"], [".git"], ["digits"], ["metrics.json"], ["thesis.docx", "model.tellapart"]]
)
def test_claim_run__a_folder_with_other_peoples_files_is_refused_untouched(tmp_path, force, names):
    before = filled(tmp_path / "run", *names)
    with pytest.raises(OutputError, match="in use for something else"):
        claim_run(tmp_path / "run", force=force)
    assert contents(tmp_path / "run") == before


def test_claim_run__what_the_user_laid_beside_a_finished_run_stays(tmp_path):
    filled(tmp_path / "run", *RUN_FILES, "notes.txt")
    claim_run(tmp_path / "run", force=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "of notes.txt"


def test_claim_run__a_forced_run_that_died_beside_a_users_file_can_be_run_again(tmp_path):
    filled(tmp_path / "run", *RUN_FILES, "notes.txt")
    claim_run(tmp_path / "run", force=True)
    open_run(tmp_path / "run")
    claim_run(tmp_path / "run", force=False)
    assert (tmp_path / "run" / "notes.txt").read_text() == "of notes.txt"


def test_claim_run__a_log_that_is_not_ours_does_not_make_a_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOG).write_text("somebody else's log\n")
    with pytest.raises(OutputError, match="in use for something else"):
        claim_run(tmp_path / "run", force=True)


def test_check_outside__refuses_a_place_inside_the_data(tmp_path):
    (tmp_path / "data").mkdir()
    check_outside(tmp_path / "runs" / "data", tmp_path / "data")
    check_outside(tmp_path / "data" / "run", tmp_path / "data" / "labels.csv")
    with pytest.raises(OutputError, match="inside the data"):
        check_outside(tmp_path / "data" / "runs" / "data", tmp_path / "data")


@pytest.mark.parametrize("force", [False, True])
def test_claim_run__a_file_in_place_of_the_folder_or_of_its_parent(tmp_path, force):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OutputError, match="file"):
            claim_run(place, force=force)
    assert (tmp_path / "file").read_text() == "mine"


def test_logged__what_a_stopped_run_said_stays_above_what_is_said_now(tmp_path):
    for said in ("first", "second"):
        with contextlib.suppress(KeyboardInterrupt), (log := Logged(Silent())).kept_in(tmp_path / LOG):
            log.record(said)
            raise KeyboardInterrupt
    written = (tmp_path / LOG).read_text()
    assert written.startswith(LOG_START)
    assert [line.rpartition("s  ")[2] for line in written.splitlines()[1:]] == ["first", BEGUN_AGAIN, "second"]
    (tmp_path / METRICS).write_text("{}")  # that one ended
    with (log := Logged(Silent())).kept_in(tmp_path / LOG):
        log.record("another")
    assert [line.rpartition("s  ")[2] for line in (tmp_path / LOG).read_text().splitlines()[1:]] == ["another"]


def test_logged__passes_on_and_keeps_what_was_said():
    heard = []

    class Hearing(Silent):
        def note(self, message):
            heard.append(message)

    log = Logged(Hearing())
    log.start("Looking", total=3, unit="pictures")
    log.advance(2)
    log.advance()
    log.finish()
    log.start("Training", total=5, unit="epochs")
    log.advance(4)
    log.finish()
    log.note("something")
    log.record("only kept")
    with pytest.raises(ValueError, match="no"), in_stage(log, "Looking", total=3, unit="pictures"):
        raise ValueError("no")
    assert heard == ["something"]
    assert log.text().startswith(LOG_START)
    assert [line.split("s  ", 1)[1] for line in log.text().splitlines()[1:]] == [
        "Looking: 3 pictures",
        "done",
        "Training: 5 epochs",
        "ended early: 1 left",
        "something",
        "only kept",
        "Looking: 3 pictures",
        "broken off: 3 left",
    ]
