"""Sets whose pictures have their boxes in files beside them: written file by file, and what is read of them."""

import json


def write(root, files):
    """Files by their paths: text, JSON, or what is no picture inside where there is none."""
    for place, content in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        text = place if content is None else content if isinstance(content, str) else json.dumps(content)
        (root / place).write_text(text, encoding="utf-8")
    return root


def found(index):
    """The label of each picture."""
    return {picture.path: picture.label for picture in index.pictures}


def splits(index):
    """The split of each picture, by its file."""
    return {picture.path.split("#")[0]: picture.split for picture in index.pictures}
