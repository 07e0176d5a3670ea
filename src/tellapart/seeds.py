"""Randomness as an argument: a generator made from what it is for, never a global state."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator for one purpose, for example ("augment", epoch, index).

    The same seed and purpose give the same numbers on every machine and in every order of calls; different purposes
    give unrelated ones.
    """
    text = "\x1f".join([str(seed), *(str(part) for part in purpose)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))
