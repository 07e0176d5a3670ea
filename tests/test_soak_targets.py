"""Every parser of ours on its kept corpus, on a few hundred damaged copies of it, and on bytes of no meaning.

The targets are in tools/soak/targets.py; `make soak` runs the long form, and atheris can take any of them.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.data import helper

SOAK = Path(__file__).parents[1] / "tools" / "soak"
SLOW = {
    "parquet": 6,
    "weights": 60,
    "checkpoint": 60,
    "cache": 25,
}  # mutants of a parser that starts a process, writes to the disk, or needs torch
MUTANTS = 150
TORCH = ("checkpoint", "weights")
LARGEST = 100_000  # bytes of the whole corpus


@pytest.fixture(scope="module")
def targets():
    sys.path.insert(0, str(SOAK))
    spec = importlib.util.spec_from_file_location("soak_targets", SOAK / "targets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SOAK))


NAMES = sorted(path.name for path in (Path(__file__).parent / "corpus").iterdir())


def skip_without_torch(name):
    if name in TORCH:
        pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


def test_targets__each_has_a_corpus_and_it_is_small(targets):
    assert sorted(targets.TARGETS) == NAMES
    kept = [content for name in NAMES for content in targets.corpus(name)]
    assert len(kept) > 40
    assert sum(map(len, kept)) < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_attempt__the_corpus_and_damaged_copies(targets, name):
    skip_without_torch(name)
    kept = targets.corpus(name)
    for content in kept:
        targets.attempt(name, content)
    for number in range(SLOW.get(name, MUTANTS)):
        targets.attempt(name, targets.mutant(kept, np.random.default_rng([7, number])))


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SLOW)))
def test_attempt__bytes_of_no_meaning(targets, name):
    @given(st.binary(max_size=200))
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    def attempt(content):
        targets.attempt(name, content)

    attempt()


def test_attempt__sound_files_are_answers(targets):
    sound = {name: targets.corpus(name) for name in NAMES if name not in TORCH}
    found = {name: {targets.attempt(name, content) for content in kept} for name, kept in sound.items()}
    assert [name for name, outcomes in found.items() if "answer" not in outcomes] == []


def test_attempt__sees_what_it_looks_for(targets, monkeypatch):
    def broken(_folder, content):
        raise KeyError(content)

    monkeypatch.setitem(targets.TARGETS, "csv", broken)
    with pytest.raises(KeyError):
        targets.attempt("csv", b"x")
    monkeypatch.setitem(targets.TARGETS, "csv", lambda _folder, _content: sum(range(30_000_000)))
    monkeypatch.setattr(targets, "SECONDS", 0.01)
    with pytest.raises(AssertionError, match="took"):
        targets.attempt("csv", b"x")


def test_helper__its_jobs_are_those_that_are_asked_for():
    assert set(helper.JOBS) == {"search_pattern", "read_parquet", "run_ir"}
