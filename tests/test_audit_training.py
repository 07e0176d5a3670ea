from __future__ import annotations

from PIL import Image

from pictures import write_classes, write_picture
from tellapart.audit.training import tell_findings
from tellapart.backbones.catalogue import load_backbone
from tellapart.data.scan import scan
from tellapart.features.embed import embed_pictures
from tellapart.progress import Silent


def told(data):
    noted = Noted()
    return tell_findings(
        embed_pictures(scan(data), load_backbone("lite0", size=32)), seed=0, progress=noted
    ), noted.notes


class Noted(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_tell_findings__says_what_matters_and_returns_all(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 30, "dog": 12})
    for number in range(12):
        write_picture(data / "dog" / f"{number:03d}.png", width=90, kind=1)
    Image.new("RGB", (48, 40)).save(data / "cat" / "empty.png")
    findings, notes = told(data)
    codes = {"unreadable", "tiny-classes", "imbalance", "metadata", "dark", "blown-out", "near-empty"}
    assert {finding.code for finding in findings} == codes
    assert [note.split(":")[0] for note in notes] == [
        "File properties that give the class away",
        "Classes with few pictures",
        "Pictures with next to nothing on them",
    ]


def test_tell_findings__is_quiet_where_nothing_matters(tmp_path):
    findings, notes = told(write_classes(tmp_path / "data", {"cat": 25, "dog": 25}))
    assert notes == []
    assert {finding.severity for finding in findings if finding.outcome == "found"} <= {"note"}


def test_tell_findings__says_what_transparency_on_white_leaves_nothing_of(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 25, "dog": 25})
    for name, colour in (("icon", "white"), ("logo", "black")):
        drawn = Image.new("RGBA", (48, 40), (255, 255, 255, 0))
        drawn.paste(colour, (10, 10, 30, 30))
        drawn.save(data / "cat" / f"{name}.png")
    notes = " ".join(told(data)[1])
    assert (
        "1 transparent picture has nothing left to see when laid on white, as all are (the first: cat/icon.png)"
        in notes
    )


def test_train__keeps_them_with_its_figures(trained):
    codes = {finding["code"]: finding["outcome"] for finding in trained.metrics["findings"]}
    assert (codes["tiny-classes"], codes["unreadable"], codes["conflicting-labels"]) == ("found", "found", "passed")
    assert "Classes with few pictures" in trained.outcome.err
    assert trained.metrics["timing"]["findings_s"] < 5
