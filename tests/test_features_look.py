"""What is said of pictures that are looked at, and of those that need not be."""

from pictures import write_classes
from tellapart.backbones.catalogue import load_backbone
from tellapart.data.scan import scan
from tellapart.features.look import look_at
from tellapart.progress import Silent

SAID = "None had to be looked at again: what the base saw of them was kept from before."


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_look_at__says_where_all_that_a_base_saw_was_kept(tmp_path, fresh_cache):
    data = write_classes(tmp_path / "data", {"a": 3, "b": 2})
    base = load_backbone("lite0", size=64)

    def told(**options):
        notes = Notes()
        look_at(scan(data), base, notes, **options)
        return notes.notes

    assert told() == []
    assert told() == [SAID]
    assert told(keep=False) == []
    one = data / "a" / "000.png"
    one.rename(data / "b" / "another name.png")
    assert told() == [SAID]
    (data / "b" / "another name.png").write_bytes(b"no picture")
    assert told()[0] == SAID
    write_classes(tmp_path / "data", {"c": 1}, blotches=9)
    assert SAID not in told()
