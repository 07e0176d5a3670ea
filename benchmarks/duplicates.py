"""How the search for duplicates grows with the number of pictures, and which copies of real ones it finds.

    python benchmarks/duplicates.py [--counts 4000 15000 60000]
    python benchmarks/duplicates.py FOLDER [--copies 200] [--kinds crop zoom] [--draw 0]

Without a folder pictures are made: miniatures of noise at several scales, features that are a random projection of
them, and one in a hundred an edit (brightened, slightly noisy) of an earlier one. Prints JSON: seconds, the share of
edits that was found, and the other groups.

FOLDER is any data that `tellapart train` takes; pictures of its test split are left out. Of some of its pictures a copy
is made in each of the ways of `KINDS`, as a JPEG of quality 90, and each kind in turn is searched for among all the
pictures. Prints JSON: the groups of the pictures as they are, with processor seconds of the search; and for each kind
the share of copies in one group with their original, with its 95 % interval, and the copies that are paired with
another picture, which may be a copy of the original. Names tell nothing. Another draw takes other originals and other
turns, zooms and shifts; each kind is told on standard error as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.backbones.catalogue import load_backbone
from tellapart.data.scan import index_of_paths, scan
from tellapart.data.thumbnail import SIDE
from tellapart.duplicates.find import find_duplicates
from tellapart.duplicates.groups import DuplicateGroup
from tellapart.evaluation.intervals import wilson
from tellapart.features.embed import Embedded
from tellapart.features.look import look_at
from tellapart.progress import Silent
from tellapart.types import Index

WIDTH = 256
EDITED = 100  # one in so many


def made_pictures(count: int) -> NDArray[np.uint8]:
    """Miniatures uint8 [count, SIDE, SIDE, 3]; the last of every hundred is an edit of the first."""
    random = np.random.default_rng(0)
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, EDITED):
        block = np.full((min(EDITED, count - start), SIDE, SIDE, 3), 128.0, np.float32)
        for cells in (3, 6, 12, 24):
            noise = random.normal(0, 22, (len(block), cells, cells, 3)).astype(np.float32)
            block += noise.repeat(SIDE // cells, axis=1).repeat(SIDE // cells, axis=2)
        if len(block) == EDITED:
            block[-1] = block[0] * 1.2 + random.normal(0, 2, block[0].shape)
        pictures[start : start + len(block)] = block.clip(0, 255)
    return pictures


def measure(count: int) -> dict[str, Any]:
    miniatures = made_pictures(count)
    projection = np.random.default_rng(1).normal(size=(SIDE * SIDE * 3, WIDTH)).astype(np.float32)
    features = np.concatenate([rows.reshape(len(rows), -1) @ projection for rows in np.array_split(miniatures, 64)])
    embedded = Embedded(
        features=features.astype(np.float32),
        index=Index(name="made", root=Path(), layout="paths", classes=(), pictures=()),
        ledger=(),
        digests=tuple(row.to_bytes(4, "big") for row in range(count)),
        miniatures=miniatures,
        pixel_digests=(b"",) * count,
        fresh=0,
        precision="f32",
        decode_s=0.0,
        embed_s=0.0,
    )
    started = time.perf_counter()
    groups = find_duplicates(embedded)
    seconds = time.perf_counter() - started
    edits = {(row, row + EDITED - 1) for row in range(0, count - EDITED + 1, EDITED)}
    found = {group.rows for group in groups}
    return {
        "pictures": count,
        "seconds": round(seconds, 2),
        "edits_found": round(len(edits & found) / len(edits), 4),
        "other_groups": len(found - edits),
    }


def placed(
    picture: Image.Image,
    *,
    degrees: float = 0,
    zoom: float = 1,
    shift: Sequence[float] = (0, 0),
    fill: str = "black",
    mirrored: bool = False,
) -> Image.Image:
    """A picture turned about its middle, zoomed into and shifted by shares of its sides.

    What is left over is `fill`: black, white, or the last rows repeated.
    """
    pixels = np.asarray(picture)[:, :: -1 if mirrored else 1]
    height, width = pixels.shape[:2]
    around = ((height, height), (width, width), (0, 0))
    wide = (
        np.pad(pixels, around, mode="edge")
        if fill == "repeated"
        else np.pad(pixels, around, constant_values=255 if fill == "white" else 0)
    )
    turned = Image.fromarray(wide).rotate(degrees, Image.Resampling.BILINEAR)
    x, y = (1.5 - shift[0]) * width, (1.5 - shift[1]) * height
    across, down = width / zoom / 2, height / zoom / 2
    return turned.resize((width, height), Image.Resampling.BILINEAR, box=(x - across, y - down, x + across, y + down))


def lit(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A picture of another gamma, contrast and brightness."""
    shares = (np.asarray(picture, np.float32) / 255) ** random.uniform(0.7, 1.4)
    shares = (shares - 0.5) * random.uniform(0.7, 1.3) + 0.5 + random.uniform(-0.1, 0.1)
    return Image.fromarray((shares.clip(0, 1) * 255).astype(np.uint8))


def cropped(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A picture without up to 12 % of it on each side."""
    left, top, right, bottom = random.uniform(0, 0.12, 4)
    width, height = picture.size
    return picture.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))


def either_way(random: np.random.Generator, low: float, high: float) -> float:
    return float(random.uniform(low, high) * random.choice([-1, 1]))


def shifts(random: np.random.Generator, most: float = 0.2) -> tuple[float, float]:
    return either_way(random, 0.05, most), either_way(random, 0.05, most)


def turned_mirrored_and_lit(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    fill = str(random.choice(["black", "repeated"]))
    return lit(placed(picture, degrees=random.uniform(15, 345), mirrored=True, fill=fill), random)


Copy = Callable[[Image.Image, np.random.Generator], Image.Image]
KINDS: dict[str, Copy] = {
    "crop": cropped,
    "zoom": lambda picture, random: placed(picture, zoom=random.uniform(1.1, 1.45)),
    "light": lit,
    "quarter turn": lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90),
    "upside down": lambda picture, _: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    **{
        f"turned, {fill}": lambda picture, random, fill=fill: placed(
            picture, degrees=random.uniform(15, 345), fill=fill
        )
        for fill in ("repeated", "white", "black")
    },
    "turned 5 to 20 degrees": lambda picture, random: placed(picture, degrees=either_way(random, 5, 20)),
    "turned and zoomed": lambda picture, random: placed(
        picture, degrees=either_way(random, 5, 30), zoom=random.uniform(1.1, 1.4)
    ),
    "turned, mirrored, other light": turned_mirrored_and_lit,
    **{
        f"shifted, {fill}": lambda picture, random, fill=fill: placed(picture, shift=shifts(random), fill=fill)
        for fill in ("black", "repeated")
    },
    "turned and shifted": lambda picture, random: placed(
        picture, degrees=either_way(random, 5, 30), shift=shifts(random, 0.12)
    ),
}


def beside(first: Embedded, second: Embedded) -> Embedded:
    """What a base saw in two lists of pictures, as of one list."""
    index = replace(first.index, pictures=(*first.index.pictures, *second.index.pictures))
    return replace(
        first,
        index=index,
        features=np.concatenate([first.features, second.features]),
        miniatures=np.concatenate([first.miniatures, second.miniatures]),
        digests=(*first.digests, *second.digests),
        pixel_digests=(*first.pixel_digests, *second.pixel_digests),
    )


def found_among(groups: Sequence[DuplicateGroup], origins: NDArray[np.int64], pictures: int) -> dict[str, Any]:
    """How many copies, rows from `pictures` up, are in the group of their original, and pairs with another picture."""
    home = {row: place for place, group in enumerate(groups) for row in group.rows}
    hits = sum(home.get(pictures + place, -1) == home.get(row, -2) for place, row in enumerate(origins.tolist()))
    others = sum(
        pair.first < pictures <= pair.second and pair.first != origins[pair.second - pictures]
        for group in groups
        for pair in group.pairs
    )
    return {"recall": wilson(hits, len(origins)).to_json(), "paired_with_others": int(others)}


def recalls(folder: Path, *, copies: int, kinds: Sequence[str], draw: int) -> dict[str, Any]:
    """What is found of made copies of a folder's pictures, kind by kind."""
    base, index = load_backbone("lite0"), scan(folder)
    index = replace(index, pictures=tuple(picture for picture in index.pictures if picture.split != "test"))
    embedded = look_at(index, base, Silent())
    pictures = len(embedded.digests)
    origins = np.random.default_rng([7, draw]).choice(pictures, min(copies, pictures), replace=False)
    started = time.process_time()
    groups = find_duplicates(embedded, last=base.last)
    seconds, found = time.process_time() - started, dict[str, Any]()
    for kind in kinds:
        random = np.random.default_rng([11, draw])
        with tempfile.TemporaryDirectory() as place:
            paths = [Path(place) / f"{row:05d}x.jpg" for row in range(len(origins))]
            for path, row in zip(paths, origins, strict=True):
                with Image.open(embedded.index.pictures[row].file) as picture:
                    KINDS[kind](picture.convert("RGB"), random).save(path, quality=90)
            made = look_at(index_of_paths(paths), base, Silent(), keep=False)
            found[kind] = found_among(find_duplicates(beside(embedded, made), last=base.last), origins, pictures)
        print(kind, found[kind], file=sys.stderr, flush=True)
    as_they_are = {"groups": len(groups), "search_cpu_s": round(seconds, 2)}
    return {
        "folder": folder.name,
        "pictures": pictures,
        "copies": len(origins),
        "draw": draw,
        "as_they_are": as_they_are,
        **found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--counts", type=int, nargs="+", default=[4000, 8000, 15000, 30000, 60000])
    given = parser.parse_args()
    measured = (
        {"recall": recalls(given.folder, copies=given.copies, kinds=given.kinds, draw=given.draw)}
        if given.folder
        else {"curve": [measure(count) for count in given.counts]}
    )
    json.dump({"benchmark": "duplicates", **measured}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
