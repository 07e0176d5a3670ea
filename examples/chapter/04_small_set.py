"""Row 4: a small set out of a big one: 1000, 500 and 500 pictures of each class for train, valid and test.

    python examples/chapter/04_small_set.py --data FOLDER --train 1000 --valid 500 --test 500

On the command line: tellapart split FOLDER OUT --train 1000 --valid 500 --test 500. The pictures are drawn by a seed,
copied and never moved; run it again and it goes on where it stopped. The new set is called like the old one, with its
counts and its seed.
"""

from __future__ import annotations

from collections.abc import Sequence

from common import ask, facts, find_data, folder, parser, run_example, set_name
from tellapart.commands.split import split
from tellapart.progress import listener


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__)
    for name, count in (("train", 1000), ("valid", 500), ("test", 500)):
        wanted.add_argument(f"--{name}", type=int, metavar="N", default=count, help=f"{name} pictures of each class")
    wanted.add_argument("--link", action="store_true", help="links instead of copies")
    wanted.add_argument("--seed", type=int, metavar="N", help="which pictures are drawn")
    options = wanted.parse_args(arguments)
    data = find_data(options, "cats_vs_dogs_small", few=False)
    sizes = {"train": 4, "valid": 2, "test": 2} if options.short else None
    sizes = sizes or {"train": options.train, "valid": options.valid, "test": options.test}
    drawn = [set_name(options, data), *map(str, sizes.values()), *([f"seed-{options.seed}"] if options.seed else [])]
    out = folder(options, 4) / "-".join(drawn)
    counts = split(data, out, sizes=sizes, seed=options.seed, link=options.link, progress=listener())
    facts(
        [
            (f"{name} pictures of {label}", chapter, str(found[name]))
            for label, found in counts.items()
            for name, chapter in (("train", "1000"), ("valid", "500"), ("test", "500"))
        ]
    )
    print(f"the small set: {out}")
    ask(4, options)


if __name__ == "__main__":
    run_example(main)
