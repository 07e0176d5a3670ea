"""Each address answers as `predict` does, and everything beyond a limit has a status of its own."""

import asyncio
import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from exported import NAMES, small_classifier, write_model
from pictures import encode, make_pixels
from tellapart.errors import ModelFileError
from tellapart.serve import inference_protocol
from tellapart.serve.app import Service, endpoints, make_app
from tellapart.serve.description import ADDRESSES, description, page
from tellapart.serve.limits import Limits
from tellapart.serve.measures import ServerMetrics
from tellapart.serve.refusal import REFUSALS
from tellapart.serve.served import open_served

pytest.importorskip("starlette")
LIMITS = Limits(body=1_000_000, pictures=3, megapixels=0.2, body_seconds=0.3, answer_seconds=60, requests=4, waiting=20)


def png(seed=0, **size):
    content = io.BytesIO()
    Image.fromarray(make_pixels(seed, **size)).save(content, "PNG")
    return content.getvalue()


def form(*contents, boundary=b"edge"):
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a/b/%d.png"\r\n\r\n%s\r\n'
        % (boundary, place, content)
        for place, content in enumerate(contents)
    ]
    return b"".join(parts) + b"--" + boundary + b"--\r\n", {"content-type": "multipart/form-data; boundary=edge"}


class Reply:
    def __init__(self, messages):
        self.status = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def json(self):
        return json.loads(self.body)


async def ask(app, method, path, body=b"", headers=None, *, pause=0.0, query=b""):
    """One request, its body in two parts with a pause between them."""
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]
    messages = []

    async def receive():
        if len(parts) == 1:
            await asyncio.sleep(pause)
        part = parts.pop(0) if parts else b""
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        messages.append(message)

    given = {"content-length": str(len(body)), **(headers or {})}
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query}
    scope |= {"headers": [(name.encode(), value.encode()) for name, value in given.items()], "root_path": ""}
    scope |= {"scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "http_version": "1.1"}
    await app(scope, receive, send)
    return Reply(messages)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "birds"
    folder.mkdir()
    return open_served(write_model(folder / "model.tellapart", small_classifier(3)))


@pytest.fixture
def during(served):
    """Run a scenario with an application that is ready: an asynchronous function of app, service and log lines."""

    def run(scenario, *, limits=LIMITS, key=None, origins=()):
        async def whole():
            lines = []
            service = Service(served, limits=limits, measures=ServerMetrics(), log=lines.append)
            app = make_app(service, key=key, origins=origins, log=lines.append)
            async with service.lifespan(None):
                return await scenario(app, service, lines)

        return asyncio.run(whole())

    return run


def test_predict__says_what_the_command_says(during, served, tmp_path, tellapart):
    paths = []
    for seed in range(3):
        paths.append(tmp_path / f"{seed}.png")
        paths[-1].write_bytes(png(seed))
    said = tellapart("predict", served.path, *paths, "--format", "jsonl").out.splitlines()
    expected = [{**json.loads(line), "path": f"{place}.png"} for place, line in enumerate(said)]

    async def scenario(app, service, lines):
        body, headers = form(*(path.read_bytes() for path in paths))
        together = await ask(app, "POST", "/predict", body, headers)
        alone = await asyncio.gather(*(ask(app, "POST", "/predict", path.read_bytes()) for path in paths))
        return together, alone

    together, alone = during(scenario)
    assert together.status == 200
    assert together.json["model"] == "birds"
    check_alike(together.json["answers"], expected)
    check_alike([reply.json["answers"][0] | {"path": f"{place}.png"} for place, reply in enumerate(alone)], expected)


def check_alike(given, expected):
    """The same but for the last digits: what is looked at together is computed in another order."""
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(*(list(each["probabilities"].values()) for each in (one, other)), atol=1e-4)
        first, second = ({**each, "probabilities": 0, "probability": 0} for each in (one, other))
        assert first == second


def test_predict__one_unreadable_picture_of_several_has_its_reason(during):
    async def scenario(app, service, lines):
        return await ask(app, "POST", "/predict", *form(png(), b"no picture"))

    answers = during(scenario).json["answers"]
    assert answers[0]["predicted"] in NAMES
    assert "format" in answers[1]["error"]


REFUSED = {
    "no_picture": ("POST", "/predict", b"", {}),
    "unreadable": ("POST", "/predict", b"no picture", {}),
    "malformed": ("POST", "/predict", b"--x\r\nnonsense", {"content-type": "multipart/form-data; boundary=edge"}),
    "malformed 2": ("POST", "/predict", png(), {"content-type": "multipart/form-data"}),
    "too_many_bytes": ("POST", "/predict", b"x" * 1_000_001, {}),
    "too_many_bytes 2": ("POST", "/predict", b"x" * 1_000_001, {"content-length": "5"}),
    "too_many_bytes 3": ("POST", "/predict", b"", {"content-length": "-1"}),
    "too_many_pictures": ("POST", "/predict", *form(*[png()] * 4)),
    "too_many_pixels": ("POST", "/predict", png(width=500, height=500), {}),
    "not_found": ("GET", "/../model", b"", {}),
    "wrong_method": ("GET", "/predict", b"", {}),
    "too_many_pictures 2": ("POST", "/explain", *form(png(), png())),
    "unreadable 2": ("POST", "/explain", b"no picture", {}),
    "not_found 2": ("POST", "/v2/models/other/infer", b"{}", {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals__each_has_its_status_and_code(during, name):
    method, path, body, headers = REFUSED[name]
    reply = during(lambda app, service, lines: ask(app, method, path, body, headers))
    code = name.split()[0]
    assert (reply.status, reply.json["code"]) == (REFUSALS[code][0], code)
    assert reply.json["request"] == reply.headers["x-request-id"]


def tensor(**changes):
    pixels = make_pixels(1, width=8, height=6)
    one = {"name": "images", "datatype": "UINT8", "shape": [1, 6, 8, 3], "data": pixels.ravel().tolist(), **changes}
    return json.dumps({"id": "seven", "inputs": [one]}).encode()


def test_infer__says_what_predict_says(during, served):
    pixels = make_pixels(1, width=8, height=6)
    nested = tensor(data=pixels[np.newaxis].tolist())

    async def scenario(app, service, lines):
        replies = [await ask(app, "POST", "/v2/models/birds/infer", body) for body in (tensor(), nested)]
        return *replies, await ask(app, "GET", "/v2/models/birds"), await ask(app, "GET", "/v2/models/birds/ready")

    flat, other, metadata, ready = during(scenario)
    (expected,) = served.answer([("0", pixels)])
    outputs = {output["name"]: output for output in flat.json["outputs"]}
    assert flat.json["id"] == "seven"
    assert outputs["probabilities"]["data"] == list(expected["probabilities"].values())
    assert outputs["class"]["data"] == [expected["predicted"]]
    assert outputs["label"]["data"] == [NAMES.index(expected["predicted"])]
    assert (outputs["unsure"]["data"], outputs["unlike"]["data"]) == ([expected["unsure"]], [expected["unlike"]])
    assert other.json == flat.json
    assert [output["name"] for output in metadata.json["outputs"]] == list(outputs)
    assert ready.status == 200


def test_infer__the_version_that_the_metadata_names_is_the_model(during):
    async def scenario(app, service, lines):
        model = "/v2/models/birds"
        metadata = await ask(app, "GET", model)
        (version,) = metadata.json["versions"]
        asked = [("GET", ""), ("GET", "/ready"), ("POST", "/infer")]
        replies = [
            [await ask(app, method, f"{address}{rest}", tensor()) for method, rest in asked]
            for address in (model, f"{model}/versions/{version}", f"{model}/versions/2")
        ]
        return [[reply.status for reply in three] for three in replies], [three[2].json for three in replies]

    statuses, (plain, by_version, _) = during(scenario)
    assert statuses == [[200] * 3, [200] * 3, [404] * 3]
    assert by_version == plain


def test_infer__a_mark_that_the_model_has_no_threshold_for_is_left_out(tmp_path):
    """As in the graph of its file: false would say that the answer can be relied on."""
    markless = open_served(write_model(tmp_path / "model.tellapart", small_classifier(3, marks=False)))
    answers = markless.answer([("0", make_pixels(1, width=8, height=6))])
    found = inference_protocol.inferred(markless, answers, identity="")
    assert [output["name"] for output in found["outputs"]] == ["probabilities", "label", "class"]
    described = inference_protocol.metadata(markless)["outputs"]
    assert [output["name"] for output in described] == ["probabilities", "label", "class"]


def test_infer__an_id_of_null_is_none(during):
    body = json.dumps(json.loads(tensor()) | {"id": None}).encode()
    reply = during(lambda app, service, lines: ask(app, "POST", "/v2/models/birds/infer", body))
    assert (reply.status, reply.json["id"]) == (200, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b"{}", "malformed"),
        (json.dumps({"inputs": []}).encode(), "malformed"),
        (tensor(name="other"), "malformed"),
        (tensor(datatype="FP32"), "malformed"),
        (tensor(shape=[1, 6, 8]), "malformed"),
        (tensor(shape=[1, 6, 8, 4]), "malformed"),
        (tensor(shape=[1, 6, -8, 3]), "malformed"),
        (tensor(shape=[1, 6, 8.0, 3]), "malformed"),
        (tensor(shape=[1, 10**9, 10**9, 3]), "too_many_pixels"),
        (tensor(shape=[10**9, 1, 1, 3]), "too_many_pictures"),
        (tensor(data=[1, 2, 3]), "malformed"),
        (tensor(data=[300] * 144), "malformed"),
        (tensor(data=[0.5] * 144), "malformed"),
        (tensor(data=["1"] * 144), "malformed"),
        (tensor(data=[[1], [1, 2]]), "malformed"),
        (tensor(data={"a": 1}), "malformed"),
        (tensor(data=[10**30] * 144), "malformed"),
        (tensor(data=[[[]]]), "malformed"),
        (tensor(data=["a" * 300_000, *["b"] * 100_000]), "malformed"),  # 120 GB, were it an array
    ],
)
def test_infer__malformed_tensors_are_refused(during, body, code):
    reply = during(lambda app, service, lines: ask(app, "POST", "/v2/models/birds/infer", body))
    assert (reply.status, reply.json["code"]) == (REFUSALS[code][0], code)


def in_bytes(pixels, *, size=None, stated=None, **changed):
    """An inference request whose pixels stand behind its JSON, and its headers."""
    one = {"name": "images", "datatype": "UINT8", "shape": list(pixels.shape)} | changed
    one |= {"parameters": {"binary_data_size": pixels.nbytes if size is None else size}}
    document = json.dumps({"inputs": [one]}).encode()
    headers = {"inference-header-content-length": str(len(document)) if stated is None else stated}
    return document + pixels.tobytes(), headers


def test_infer__pixels_as_bytes_are_answered_as_those_in_json(during):
    pixels = np.stack([make_pixels(seed, width=8, height=6) for seed in (1, 2)])
    written = tensor(shape=list(pixels.shape), data=pixels.ravel().tolist())

    async def scenario(app, service, lines):
        asked = [(written, None), in_bytes(pixels)]
        return [await ask(app, "POST", "/v2/models/birds/infer", body, headers) for body, headers in asked]

    in_json, raw = during(scenario)
    assert raw.status == 200, raw.json
    assert raw.json["outputs"] == in_json.json["outputs"]


@pytest.mark.parametrize(
    "changed",
    [
        {"size": 143},
        {"size": "144"},
        {"size": None, "shape": [1, 6, 8, 4]},
        {"data": [1]},
        *({"stated": stated} for stated in ("", "-1", "1e2", "9999", "٣", "5")),
    ],
    ids=str,
)
def test_infer__bytes_that_are_not_what_is_said_of_them_are_refused(during, changed):
    body, headers = in_bytes(make_pixels(1, width=8, height=6)[np.newaxis], **changed)
    reply = during(lambda app, service, lines: ask(app, "POST", "/v2/models/birds/infer", body, headers))
    assert (reply.status, reply.json["code"]) == (400, "malformed")


def test_infer__an_id_that_cannot_be_said_again_is_refused(during):
    body = json.dumps(json.loads(tensor()) | {"id": "\ud800"}).encode()
    reply = during(lambda app, service, lines: ask(app, "POST", "/v2/models/birds/infer", body))
    assert (reply.status, reply.json["code"]) == (400, "malformed")


def test_explain__is_a_png(during):
    reply = during(lambda app, service, lines: ask(app, "POST", "/explain", png(2)))
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(reply.body)).width >= 640


def test_explain__numbers_add_up_to_the_score_of_the_class_that_is_asked(during, served):
    async def scenario(app, service, lines):
        headers, name = {"accept": "application/json"}, "雪豹"
        answered = await ask(app, "POST", "/explain", png(2), headers)
        query = urlencode({"class": name}).encode()
        asked = await ask(app, "POST", "/explain", png(2), headers, query=query)
        sheet = await ask(app, "POST", "/explain", png(2), query=query)
        unknown = await ask(app, "POST", "/explain", png(2), headers, query=b"class=owl")
        unreadable = await ask(app, "POST", "/explain", b"none", headers)
        return (
            (await ask(app, "POST", "/predict", png(2))).json["answers"][0],
            answered,
            asked,
            sheet,
            unknown,
            unreadable,
        )

    said, answered, asked, sheet, unknown, unreadable = during(scenario)
    assert (answered.json["class"], asked.json["class"]) == (said["predicted"], "雪豹")
    for found in (answered.json, asked.json):
        values = np.frombuffer(base64.b64decode(found["values"]), "<f4").reshape(found["height"], found["width"])
        assert found["method"] == "exact"
        assert values.sum() + found["bias"] == pytest.approx(found["logit"], abs=1e-3)
    assert sheet.headers["content-type"] == "image/png"
    assert (unknown.status, unknown.json["code"]) == (422, "unknown_class")
    assert (unreadable.status, unreadable.json["code"]) == (415, "unreadable")


def test_page__is_there_for_people_without_a_key_and_names_nothing(during):
    async def scenario(app, service, lines):
        return await ask(app, "GET", "/"), await ask(app, "GET", "/cards"), await ask(app, "GET", "/predict")

    page_reply, cards, asked = during(scenario, key="k" * 20)
    assert (page_reply.status, page_reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "frame-ancestors 'none'" in page_reply.headers["content-security-policy"]
    assert not [name for name in (*NAMES, "birds") if f'"{name}"' in page_reply.body.decode()]
    assert (cards.status, asked.status) == (401, 401)


def test_cards__say_what_must_be_answered(during, served):
    async def scenario(app, service, lines):
        told = (await ask(app, "GET", "/cards")).json
        cards = [base64.b64decode(card["png"]) for card in told["cards"]]
        return told, [(await ask(app, "POST", "/predict", card)).json["answers"][0] for card in cards]

    told, answers = during(scenario)
    assert (told["name"], tuple(told["classes"])) == ("birds", NAMES)
    assert len(answers) == 4
    for card, answer in zip(told["cards"], answers, strict=True):
        assert NAMES.index(answer["predicted"]) in card["accepted"]
        assert card["probabilities"] == pytest.approx(list(answer["probabilities"].values()), abs=0.001)
        assert [card[mark] for mark in ("unsure", "unlike")] == [answer[mark] for mark in ("unsure", "unlike")]


def test_wrong_method__says_where_people_and_programs_look(during):
    reply = during(lambda app, service, lines: ask(app, "GET", "/predict"))
    assert (reply.status, reply.json["code"]) == (405, "wrong_method")
    assert "/docs" in reply.json["detail"]
    assert reply.headers["allow"] == "POST"


def test_body__that_comes_too_slowly(during):
    reply = during(lambda app, service, lines: ask(app, "POST", "/predict", png(), pause=5))
    assert (reply.status, reply.json["code"]) == (408, "slow_body")


def test_queue__is_bounded_and_so_are_requests(during):
    async def scenario(app, service, lines):
        full = await ask(app, "POST", "/predict", *form(png(1), png(2)))
        many = await asyncio.gather(*(ask(app, "POST", "/predict", png(seed)) for seed in range(9)))
        return full, many

    full, many = during(scenario, limits=replace(LIMITS, waiting=1))
    assert (full.status, full.headers["retry-after"]) == (503, "1")
    statuses = [reply.status for reply in many]
    assert statuses.count(429) == 5
    assert all(reply.headers["retry-after"] for reply in many if reply.status in (429, 503))
    assert 200 in statuses


def test_answer__that_takes_too_long(during, served, monkeypatch):
    import time

    monkeypatch.setattr(type(served), "answer", lambda self, pictures: time.sleep(0.3) or [{}])
    reply = during(
        lambda app, service, lines: ask(app, "POST", "/predict", png()), limits=replace(LIMITS, answer_seconds=0.05)
    )
    assert (reply.status, reply.json["code"]) == (504, "too_slow")


def test_fault_of_ours__says_no_more_than_that(during, served, monkeypatch):
    def broken(self, pictures):
        raise RuntimeError("secret")

    monkeypatch.setattr(type(served), "answer", broken)

    async def scenario(app, service, lines):
        try:
            reply = await ask(app, "POST", "/predict", png())
        except RuntimeError:  # starlette answers, and raises it once more for whoever runs it
            reply = None
        return reply, lines

    _, lines = during(scenario)
    assert any(json.loads(line)["event"] == "fault" for line in lines)
    assert "secret" not in "".join(lines)


def test_key__is_asked_for_everywhere_but_health(during):
    async def scenario(app, service, lines):
        said = (f"Bearer {'k' * 19}", "k" * 20, f"Basic {'k' * 20}", f"Bearer {'k' * 20}", f"bearer  {'k' * 20}")
        headers = [{}, *({"authorization": words} for words in said)]
        asked = [await ask(app, "GET", "/model", headers=each) for each in headers]
        return [reply.status for reply in asked], (await ask(app, "GET", "/health/ready")).status

    assert during(scenario, key="k" * 20) == ([401, 401, 401, 401, 200, 200], 200)


def test_origins__only_those_that_are_allowed(during):
    async def scenario(app, service, lines):
        asked = [
            await ask(app, "GET", "/model", headers={"origin": site}) for site in ("http://a.test", "http://b.test")
        ]
        return ["access-control-allow-origin" in reply.headers for reply in asked]

    assert during(scenario, origins=["http://a.test"]) == [True, False]


def test_origins__such_a_page_can_read_that_it_was_refused(during):
    headers, key = {"origin": "https://a.example"}, "k" * 20
    refused = during(
        lambda app, service, lines: ask(app, "POST", "/predict", png(), headers), key=key, origins=[headers["origin"]]
    )
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, headers["origin"])
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


def test_request_id__is_kept_where_it_is_one(during):
    async def scenario(app, service, lines):
        kept = await ask(app, "GET", "/model", headers={"x-request-id": "mine-7"})
        made = await ask(app, "GET", "/model", headers={"x-request-id": 'a"\n{}'})
        return kept.headers["x-request-id"], made.headers["x-request-id"], lines

    kept, made, lines = during(scenario)
    assert kept == "mine-7"
    assert len(made) == 32
    assert [json.loads(line)["event"] for line in lines] == ["ready", "request", "request", "stopped"]


def test_metrics__count_answers_by_class_and_marks(during):
    async def scenario(app, service, lines):
        await ask(app, "POST", "/predict", *form(png(1), png(2), b"none"))
        return (await ask(app, "GET", "/metrics")).body.decode()

    text = during(scenario)
    answers = [line for line in text.splitlines() if line.startswith("tellapart_answers_total")]
    assert sum(float(line.split()[-1]) for line in answers) == 2
    assert 'tellapart_marks_total{mark="unreadable"} 1.0' in text
    assert 'tellapart_requests_total{route="/predict",status="200"} 1.0' in text
    assert "tellapart_waiting_pictures 0.0" in text


def test_description__has_every_address_and_loads_nothing(served):
    service = Service(served, limits=LIMITS, measures=ServerMetrics(), log=print)
    assert {(method.lower(), path) for method, path, _ in endpoints(service)} == set(ADDRESSES)
    assert set(description()["paths"]) == {path for _, path in ADDRESSES}
    text = page()
    assert "http" not in text.replace("https", "http").split("<body>")[0]
    assert "src=" not in text
    assert all(words.zh in text for words in ADDRESSES.values())


def test_reload__takes_only_what_proves_itself(served, tmp_path):
    async def scenario():
        path = write_model(tmp_path / "model.tellapart", small_classifier(3))
        lines = []
        service = Service(replace(served, path=path), limits=LIMITS, measures=ServerMetrics(), log=lines.append)
        before = service.served
        good = path.read_bytes()
        path.write_bytes(good[:-1000])
        await service.reload()
        assert service.served is before
        path.write_bytes(good)
        await service.reload()
        assert service.served is not before
        return [json.loads(line)["event"] for line in lines]

    assert asyncio.run(scenario()) == ["reload refused", "reload taken"]


@pytest.mark.parametrize("way", ["cannot be loaded", "turns the picture over"])
def test_open_served__a_whole_graph_that_does_not_answer_as_the_base_and_head_do(tmp_path, monkeypatch, way):
    from tellapart.bundle.runtimes import openvino_run

    def other(graph):
        if way == "cannot be loaded":
            raise RuntimeError("no such operator")
        run = openvino_run(graph)
        return lambda images: run(np.ascontiguousarray(images[:, ::-1]))

    monkeypatch.setattr("tellapart.serve.served.openvino_run", other)
    with pytest.raises(ModelFileError, match="the graph does not answer as the model file says"):
        open_served(write_model(tmp_path / "birds.tellapart", small_classifier(3, size=32)))


def test_batcher__work_of_one_model_is_done_together_and_close_answers_all(served):
    from tellapart.serve.batcher import Batcher

    sizes = []

    def double(things):
        sizes.append(len(things))
        return [2 * thing for thing in things]

    async def scenario():
        batcher = Batcher(waiting=10, at_once=1)
        batcher.start()
        asked = [
            asyncio.create_task(batcher.ask(work, [place])) for place, work in enumerate([double, double, abs_all])
        ]
        await asyncio.sleep(0)
        await batcher.close()
        return await asyncio.gather(*asked)

    def abs_all(things):
        return list(map(abs, things))

    assert asyncio.run(scenario()) == [[0], [2], [2]]
    assert sizes == [2]


def test_batcher__one_batch_is_made_while_another_is_worked_on_and_no_third():
    from tellapart.serve.batcher import TOGETHER, Batcher

    let_go, both, begun = threading.Event(), threading.Barrier(3), []

    def work(things):
        begun.append(list(things))
        if things[0] < 2:
            both.wait(10)
        let_go.wait(10)
        return things

    async def scenario():
        batcher = Batcher(waiting=100, at_once=2)
        batcher.start()
        asked = []
        for place in range(2):  # nobody else is at work, or a thing more would be waited for
            asked.append(asyncio.create_task(batcher.ask(work, [place])))
            await asyncio.sleep(0.01)
        asked += [asyncio.create_task(batcher.ask(work, [place])) for place in range(2, 2 + TOGETHER)]
        await asyncio.to_thread(both.wait, 10)
        waiting = batcher.waiting, list(begun)
        let_go.set()
        await batcher.close()
        return waiting, [place for answer in await asyncio.gather(*asked) for place in answer]

    (waiting, first), answers = asyncio.run(scenario())
    assert (waiting, first) == (TOGETHER + 2, [[0], [1]])
    assert begun == [[0], [1], list(range(2, 2 + TOGETHER))]
    assert answers == list(range(TOGETHER + 2))


def test_answer__two_threads_at_once_answer_as_one_does(served):
    pictures = [("a", png(seed)) for seed in range(6)]
    alone = [served.answer([picture])[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:  # more than there are engines
        found = list(pool.map(served.answer, [pictures] * 12))
        maps = list(pool.map(served.explain, [[(pictures[0], None)]] * 4))
    for answers in found:
        assert [answer["predicted"] for answer in answers] == [answer["predicted"] for answer in alone]
        for said, before in zip(answers, alone, strict=True):
            assert said["probabilities"] == pytest.approx(before["probabilities"], abs=1e-3)
    assert all(np.array_equal(made[0].heat.values, maps[0][0].heat.values) for made in maps)


def test_quick_megapixels__says_of_a_jpeg_what_opening_it_says():
    from tellapart.serve.bodies import megapixels, quick_megapixels

    jpeg = encode(make_pixels(1, width=70, height=50), "JPEG")
    assert quick_megapixels(jpeg) == megapixels(jpeg) == 70 * 50 / 1e6
    assert {quick_megapixels(content) for content in (png(1), b"", jpeg[:30], b"\xff\xd8\xff" + bytes(50))} == {None}
