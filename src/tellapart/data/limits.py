"""How much a table or an annotation file may hold, so that a small file cannot take much memory or time.

They are far beyond what lists of pictures hold; `docs/formats.md` says them.
"""

from __future__ import annotations

from typing import Final

LARGEST_TABLE: Final = 2_000_000_000  # bytes of a CSV or Parquet file
LARGEST_DOCUMENT: Final = 512 << 20  # bytes of a JSON or XML file
LARGEST_YAML: Final = 4 << 20  # bytes of a data.yaml, or of another file with the names of classes
LARGEST_LABELS: Final = 8 << 20  # bytes of the file with the labels of one picture
LARGEST_WITH_PICTURE: Final = 64 << 20  # bytes of such a file that may have its picture in it
MOST_LABEL_FILES: Final = 1_000_000  # of one set: pictures that have a file of labels each
MOST_YAML_PLACES: Final = 1_000  # folders and lists of pictures in a data.yaml
MOST_YAML_FOLDERS: Final = 64  # in a path of it, each of which may be where the set begins here
MOST_BOXES: Final = 2_000_000  # of one set, in all its files of labels; each is a kilobyte of memory
LONGEST_ROW: Final = 1 << 20  # characters of a row of text, the header too
LONGEST_CELL: Final = 1 << 17  # characters of a cell: what Python's csv module takes
LONGEST_PATH: Final = 8_192  # characters; no system takes paths so long, but addresses of pictures may be longer
LONGEST_NAME: Final = 1_000  # characters of a class, a split or a group
MOST_COLUMNS: Final = 10_000  # of which 64 that are none of ours are passed through, see `data/tables.py`
# Rows of text that are always read, and one more for each so many bytes: "1.png" and the end of a line are six.
MOST_ROWS, BYTES_A_ROW = 100_000, 6
MOST_MISSING: Final = 1_000  # pictures that are looked for in vain before the rest is left
# What rows may take once a Parquet file is unpacked: paths that only count upwards pack to a tenth of a byte each, and
# nothing else does, so that a million rows are always read.
UNPACKED: Final = 256_000_000  # bytes
UNPACKED_TIMES: Final = 100  # bytes more for each byte of the file
ROW: Final = 200  # bytes that a row takes beside its text
