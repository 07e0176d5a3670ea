"""Requests that mean ill, and what a server says of them: case n of a seed is always the same."""

import asyncio
import functools
import io
import json
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from exported import small_classifier, write_model
from hostile_pictures import chunk, png, zeros
from pictures import encode, make_pixels
from tellapart.serve.app import Service, make_app
from tellapart.serve.limits import Limits
from tellapart.serve.measures import ServerMetrics
from tellapart.serve.refusal import REFUSALS
from tellapart.serve.served import open_served

LIMITS = Limits(body=300_000, pictures=4, megapixels=0.5, body_seconds=5, answer_seconds=60, requests=4, waiting=20)
EXPECTED = {200, *(status for status, _ in REFUSALS.values())} - {500}
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SOUND = tuple(encode(make_pixels(seed), kind) for seed, kind in enumerate(FORMATS))
NAMES = (b"a.png", b"../../etc/passwd", b"C:\\windows\\x.png", b"", b"\xff\xfe", b"x" * 5000, b"a\r\nX: 1", b"%00")


def damaged(content, random):
    """Bytes with a few of them changed, as tools/soak/fuzz.py does it."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "soak"))
    from fuzz import change

    changed = bytearray(content)
    for _ in range(int(random.integers(1, 6))):
        change(changed, random)
    return bytes(changed)


def one_of(random, things):
    return things[int(random.integers(len(things)))]


def bomb(random):
    """A small file that says of itself, or unpacks to, far more than a picture may be."""
    return one_of(random, bombs())


@functools.cache
def bombs():
    return (
        png(1_000, 1_000),
        png(30_000, 30_000, data=b""),
        png(8, 8, before=[chunk(b"zTXt", b"k\0\0" + zeros(200_000_000))]),
        png(8, 8, before=[chunk(b"iCCP", b"k\0\0" + zeros(100_000_000))]),
        png(700, 700, data=zeros(100_000_000)),
        many_frames(),
    )


def many_frames():
    content = io.BytesIO()
    frames = [Image.new("L", (64, 64), shade) for shade in range(200)]
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    return content.getvalue()


def picture_body(random):
    """One picture as the body: damaged, a bomb, or no picture at all."""
    content = one_of(random, (lambda: damaged(one_of(random, SOUND), random), lambda: bomb(random), lambda: b""))()
    return "/predict" if random.random() < 0.8 else "/explain", content, {}


def form_body(random):
    """A form: damaged, of thousands of parts, with names that are paths, or not as its header says."""
    edge, parts = one_of(random, (b"edge", b"e" * 70, b"e d=g;e")), []
    for _ in range(int(one_of(random, (1, 2, 5, 40, 3000)))):
        field = b"" if random.random() < 0.2 else b'; filename="%s"' % one_of(random, NAMES)
        content = one_of(random, SOUND) if random.random() < 0.3 else random.bytes(int(random.integers(40)))
        head = b'--%s\r\nContent-Disposition: form-data; name="f"%s\r\n' % (edge, field)
        more = b"X-Long: %s\r\n" % (b"y" * 20_000) if random.random() < 0.02 else b""
        parts.append(head + more + b"\r\n" + content + b"\r\n")
    body = b"".join(parts) + b"--" + edge + b"--\r\n"
    kinds = (b"multipart/form-data", b"multipart/mixed; boundary=\xff", b"multipart/")
    kind = b"multipart/form-data; boundary=" + edge if random.random() < 0.8 else one_of(random, kinds)
    return "/predict", damaged(body, random) if random.random() < 0.6 else body, {b"content-type": kind}


def tensor_body(random):
    """An inference request whose tensor is damaged, or makes no sense in one place."""
    side = int(random.integers(1, 9))
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, side, side, 3], "data": [7] * (3 * side * side)}
    if random.random() < 0.2:
        del tensor["data"]
        tensor["parameters"] = {"binary_data_size": one_of(random, (3 * side * side, 3 * side * side, -1, 1e9, "3"))}
    document = {"id": "a", "inputs": [tensor]}
    odd = (None, -1, 1e308, 10**30, "3", [], {}, True, [[1, 2], [3]], [1.5] * 3, ["7"] * 3, [10**400], "\ud800", [256])
    deep = "[" * int(random.integers(2, 3000)) + "1" + "]" * int(random.integers(3000))
    place = str(one_of(random, ("name", "datatype", "shape", "data", "id", "inputs", "size", "nothing")))
    if place in tensor:
        tensor[place] = one_of(random, odd)
    elif place in document:
        document[place] = one_of(random, odd)
    elif place == "size":
        tensor["shape"] = [int(one_of(random, (0, 1, 3, 2**31, 2**63))) for _ in range(int(random.integers(6)))]
    body = json.dumps(document).encode()
    if random.random() < 0.2:
        body = body.replace(b"[7,", b"[" + deep.encode() + b",", 1)
    headers = {}
    if random.random() < 0.3:  # pixels as bytes behind it
        lengths = (len(body), len(body), 0, 7, 2**63)
        headers[b"inference-header-content-length"] = b"%d" % one_of(random, lengths)
        body += random.bytes(int(one_of(random, (0, 3, 3 * side * side, 3 * side * side, 100_000))))
    return "/v2/models/model/infer", damaged(body, random) if random.random() < 0.5 else body, headers


def length_body(random):
    """A sound picture under a header that says another length."""
    content = one_of(random, SOUND)
    said = (b"0", b"1", b"99999999999999999999", b"-1", b"abc", b"", b" 12", b"%d" % (len(content) + 1), "٣".encode())
    return "/predict", content, {b"content-length": one_of(random, said)}


def noise_body(random):
    """Anything, anywhere."""
    paths = ("/predict", "/explain", "/v2/models/model/infer", "/v2/models/../infer", "/model", "/a" * 900, "/%00")
    headers = {b"content-type": random.bytes(20), b"x-request-id": random.bytes(80), b"authorization": random.bytes(9)}
    return one_of(random, paths), random.bytes(int(random.integers(3000))), headers


KINDS = (picture_body, form_body, tensor_body, length_body, noise_body)


async def answer_to(app, path, body, headers, *, random):
    """Status and body of the answer to one request that comes in up to five pieces."""
    cuts = sorted(int(cut) for cut in random.integers(0, len(body) + 1, int(random.integers(0, 5))))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    messages = []

    async def receive():
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        messages.append(message)

    given = {b"content-length": b"%d" % len(body), **headers}
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": list(given.items()), "root_path": "", "scheme": "http", "http_version": "1.1"}
    await app(scope | {"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)}, receive, send)
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:])


@functools.cache
def small_model():
    folder = Path(tempfile.mkdtemp(prefix="tellapart-bodies-"))
    return open_served(write_model(folder / "small.tellapart", small_classifier(3, size=32)))


def statuses(cases, *, seed=0):
    """The status of each of some cases, all asked of one application.

    Raises:
        ValueError: an answer is none that a server of ours gives.
    """

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # as `serve` has it

    async def whole():
        service = Service(small_model(), limits=LIMITS, measures=ServerMetrics(), log=lambda _: None)
        app, found = make_app(service, key=None, origins=(), log=lambda _: None), []
        async with service.lifespan(None):
            for case in cases:
                random = np.random.default_rng([seed, case])
                path, body, headers = KINDS[case % len(KINDS)](random)
                path = path.replace("/models/model/", f"/models/{service.served.name}/")
                status, answer = await answer_to(app, path, body, headers, random=random)
                if status not in EXPECTED or (status != 200 and "code" not in json.loads(answer)):
                    message = f"case {case}: {status} {answer[:200]!r}"
                    raise ValueError(message)
                found.append(status)
        return found

    return asyncio.run(whole())
