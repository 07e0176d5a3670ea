"""A server tells of answers that have left what testing showed, once, and with the date."""

import asyncio
import json

import numpy as np
import pytest

from exported import NAMES, small_classifier
from tellapart.bundle.bundle import pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.errors import ModelFileError
from tellapart.evaluation.watch import Reference
from tellapart.heads.abstention import Flags
from tellapart.serve.app import Service
from tellapart.serve.limits import Limits
from tellapart.serve.measures import ServerMetrics
from tellapart.serve.served import open_served
from tellapart.serve.watch import ANSWERS, EVERY, UNLIKE, Watch

pytest.importorskip("prometheus_client")
REFERENCE = Reference.of(
    np.repeat([0, 1, 2], [400, 350, 250]),
    Flags(unsure=np.arange(1000) < 100, unlike=np.arange(1000) < 30),
    class_count=3,
    weight=1.0,
)


def said(count, *, name="cat", unlike=False):
    return [{"predicted": name, "unsure": False, "unlike": unlike}] * count


def mixed():
    return [*said(6), *said(6, name="dog"), *said(4, name="雪豹")]


def model_file(path, **more):
    manifest = {"recipe": "features", **more}
    write_container(path, *pack_bundle(small_classifier(3, size=32), manifest=manifest, card="# a card"))
    return path


def test_watch__answers_as_tested_are_nothing_to_tell():
    watch = Watch(NAMES, REFERENCE)
    assert [left for _ in range(100) for left in watch.see(mixed())] == []
    assert watch.left == {}


def test_watch__many_unlike_pictures_are_told_once_and_with_the_date():
    watch = Watch(NAMES, REFERENCE)
    told = [left for _ in range(20) for left in watch.see([*mixed(), *said(2, unlike=True), {"error": "truncated"}])]
    (unlike,) = (left for left in told if left.what == UNLIKE)
    assert unlike.to_json() | {"since": ""} == {
        "what": "unlike", "since": "", "answers": unlike.answers, "share": 0.1111, "tested": 0.03
    }  # fmt: skip
    assert watch.left[UNLIKE] is unlike
    assert unlike.since.tzinfo is not None


def test_watch__another_mix_names_the_class_that_comes_oftener():
    watch = Watch(NAMES, REFERENCE)
    told = [left for _ in range(20) for left in watch.see(said(EVERY, name="dog"))]
    assert [(left.what, left.name, left.share, left.tested) for left in told] == [(ANSWERS, "dog", 1.0, 0.35)]


def test_watch__a_model_file_that_does_not_say_is_not_watched(tmp_path):
    bundle, _ = read_bundle(model_file(tmp_path / "old.tellapart"))
    watch = Watch(NAMES, bundle.tested)
    assert watch.watched == ()
    assert watch.see(said(500, unlike=True)) == []


def test_read_bundle__figures_of_a_test_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="makes no sense"):
        read_bundle(model_file(tmp_path / "odd.tellapart", tested=REFERENCE.to_json() | {"pictures": 7}))


def test_train__the_model_file_says_what_testing_showed(trained):
    bundle, _ = read_bundle(trained.model)
    tested = trained.metrics["test"]
    assert bundle.tested.pictures == tested["n"]
    assert list(bundle.tested.answers) == np.sum(tested["confusion"], axis=0).tolist()


def test_service__tells_in_the_log_and_on_metrics(tmp_path):
    lines = []

    async def scenario():
        path = model_file(tmp_path / "birds.tellapart", tested=REFERENCE.to_json())
        service = Service(open_served(path), limits=Limits(), measures=ServerMetrics(), log=lines.append)
        before = (await service.scrape(None)).body.decode()
        for _ in range(20):
            service.count(service.served, said(EVERY, name="dog"))
        return before, (await service.scrape(None)).body.decode()

    before, after = asyncio.run(scenario())
    assert 'tellapart_tested_share{mark="unlike"} 0.03' in before
    assert 'tellapart_tested_answers_share{class="dog"} 0.35' in before
    assert 'tellapart_watch_left{what="answers"} 0.0' in before
    assert 'tellapart_watch_left{what="answers"} 1.0' in after
    assert 'tellapart_watch_left_since_seconds{what="answers"}' in after
    (told,) = map(json.loads, lines)
    assert (told["event"], told["what"], told["class"]) == ("left what testing showed", "answers", "dog")
