from __future__ import annotations

from pictures import write_picture
from tellapart.data.scan import index_of_paths
from tellapart.report.thumbnails import thumbnails


def test_thumbnails__leave_out_what_cannot_be_read_and_what_was_not_asked_for(tmp_path):
    good, other = (write_picture(tmp_path / name) for name in ("good.png", "other.png"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    index = index_of_paths([good, other, bad])
    drawn = thumbnails(index, [str(good), str(bad)])
    assert list(drawn) == [str(good)]
    assert drawn[str(good)].startswith("data:image/webp;base64,")
