"""The page that answers, in a real browser: from disk with the model inside, and from a server.

Needs Chromium, playwright and, for the page from disk, onnxruntime-web.
"""

import base64
import contextlib
import io
import json
import re
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from browsers import chromium, runtime_folder
from exported import broken, small_classifier, swapped_channels, write_model
from pictures import encode, make_pixels
from tellapart.browser.page import graph_in, packed
from tellapart.bundle.bundle import read_bundle
from tellapart.data.scan import index_of_paths
from tellapart.explain.explain import explain_pictures
from tellapart.explain.overlay import overlay
from tellapart.heads.abstention import Abstention, SelectiveGuarantee

ORIENTATION = 0x0112
NAMES = ("</script><b>", "{{ 7 * 7 }}", "\u202egnp.雪豹")


def jpeg_on_its_side():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return encode(make_pixels(5, kind=2, width=120, height=90), "JPEG", quality=95, exif=exif)


def pictures():
    """By name: of odd sizes, on its side, half transparent, as WebP, and one of which means of 2 x 2 are looked at."""
    clear = np.dstack([make_pixels(3, kind=1), np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1))])
    return {
        "odd.png": encode(make_pixels(1, width=61, height=47), "PNG"),
        "tall.png": encode(make_pixels(2, kind=1, width=30, height=170), "PNG"),
        "turned.jpg": jpeg_on_its_side(),
        "clear.png": encode(clear, "PNG"),
        "web.webp": encode(make_pixels(4, kind=2), "WEBP", lossless=True),
        "large.jpg": encode(make_pixels(6, kind=1, width=331, height=277), "JPEG", quality=95),
    }


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """One whose classes have names that a page could obey instead of showing them."""
    classifier = replace(small_classifier(3), classes=NAMES)
    return write_model(tmp_path_factory.mktemp("birds") / "birds.tellapart", classifier)


@pytest.fixture(scope="module")
def exported(model, tellapart):
    page = model.with_name("birds.html")
    outcome = tellapart("export", model, "-o", page, "--web-runtime", runtime_folder(), "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.json["to"], outcome.json["check"]["outcome"]) == ("html", "same")
    return page


@pytest.fixture(scope="module")
def said(model, tellapart, tmp_path_factory):
    """What `predict` says of each of the pictures, by name."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, content in pictures().items():
        (folder / name).write_bytes(content)
    rows = [json.loads(row) for row in tellapart("predict", model, folder, "--format", "jsonl").out.splitlines()]
    return {row["path"].rpartition("/")[2]: row for row in rows}


@contextlib.contextmanager
def opened(browser, address, *, width=1440, locale="en-GB", allowed=("file:", "data:", "blob:"), **options):
    """The page; at the end nothing may have been fetched from elsewhere, and nothing may have gone wrong."""
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=locale, **options)
    troubles, page = [], context.new_page()
    page.on("console", lambda message: None if refused(message.text) else troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(allowed) else troubles.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert troubles == []


def refused(text):
    """Whether a message of the browser only repeats what the server answered."""
    return re.search("status of (401|415)", text)


def verdict(page):
    """Wait until the test pictures are answered; what is said of them."""
    page.locator("#verdict.same, #verdict.differs").wait_for()
    return page.locator("#verdict").get_attribute("class")


def drop(page, content):
    """Let go of files above the page, as a mouse does."""
    given = [[name, base64.b64encode(each).decode()] for name, each in content.items()]
    page.evaluate(
        """given => {
            const dataTransfer = new DataTransfer();
            for (const [name, content] of given) {
                const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
                dataTransfer.items.add(new File([bytes], name));
            }
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        given,
    )


def answers(page, count):
    """What is answered about so many pictures, by name: class, probabilities and marks."""
    page.locator("#answers .answer:has(.heat), #answers .failed").nth(count - 1).wait_for()
    found = page.evaluate("""() => [...document.querySelectorAll('.answer:not(.failed)')].map(item => [
        item.querySelector('.path').textContent,
        item.querySelector('.called bdi').textContent,
        [...item.querySelectorAll('.bar')].map(bar => [
            bar.querySelector('bdi').textContent, Number(bar.style.getPropertyValue('--share'))]),
        [...item.querySelectorAll('.flag')].map(flag => flag.querySelector('[lang=en]').textContent),
    ])""")
    return {
        name.strip("\u2068\u2069"): {"predicted": called, "probabilities": dict(shares), "flags": flags}
        for name, called, shares, flags in found
    }


def check(given, expected):
    assert set(given) == set(expected)
    for name, row in expected.items():
        one = given[name]
        assert one["predicted"] == row["predicted"], name
        assert one["probabilities"] == pytest.approx(row["probabilities"], abs=0.005), name
        assert any("Unsure" in flag for flag in one["flags"]) == row["unsure"], name
        assert any("Unlike" in flag for flag in one["flags"]) == row["unlike"], name


def test_exported_page__answers_as_predict_does(browser, exported, said, model):
    with opened(browser, exported.as_uri()) as page:
        assert verdict(page) == "same"
        assert page.locator(".test.same").count() == 4
        assert page.title().strip("\u2068\u2069").endswith(": which class is it?")
        assert page.locator("#classes bdi").all_text_contents() == list(NAMES)
        drop(page, pictures())
        check(answers(page, 6), said)
        assert {row["unsure"] for row in said.values()} == {True, False}
        assert page.locator("#status").inner_text().strip()
        check_heat(page, model, "odd.png")
        other_class_is_explained(page)
        assert page.locator("main b").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        check_axe(page)


def check_heat(page, model, name):
    """The colours over a picture are those of `explain`."""
    item = page.locator(".answer", has=page.locator(".path", has_text=name))
    drawn = item.locator("canvas.heat").evaluate("canvas => canvas.toDataURL()")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn.partition(",")[2]))).convert("RGB"), float)
    path = model.with_name(name)
    path.write_bytes(pictures()[name])
    bundle, engine = read_bundle(model, precision="f32")
    (explanation,) = explain_pictures(bundle.classifier, index_of_paths([path]), engine=engine)
    assert explanation.heat.method == "exact"
    expected = overlay(explanation.pixels, explanation.heat).astype(float)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).mean() < 2
    plain = np.asarray(explanation.pixels, float)
    assert np.abs(pixels - plain).mean() > 10


def other_class_is_explained(page):
    item = page.locator(".answer").first
    before = item.locator("canvas.heat").evaluate("canvas => canvas.toDataURL()")
    bar = item.locator(".bar[aria-pressed=false]").first
    name = bar.locator("bdi").inner_text()
    bar.focus()
    page.keyboard.press("Enter")
    item.locator(".bar[aria-pressed=true]", has_text=name).wait_for()
    assert item.locator("canvas.heat").evaluate("canvas => canvas.toDataURL()") != before
    item.locator(".caption", has_text=name).wait_for()


def check_axe(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    for _ in range(2):
        found = axe.Axe().run(page)
        serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in serious] == []
        page.click("#theme")


def test_exported_page__on_a_phone_in_chinese(browser, exported):
    with opened(browser, exported.as_uri(), width=390, locale="zh-CN", permissions=["camera"]) as page:
        assert verdict(page) == "same"
        page.evaluate("() => { document.querySelector('#classes bdi').textContent = 'a-long-name'.repeat(12); }")
        page.evaluate(
            """() => {
                const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
                window.streams = [];
                devices.getUserMedia = async (asked) => {
                    const one = await open(asked);
                    streams.push(one);
                    return one;
                };
            }"""
        )
        page.click("#camera")
        page.locator("#viewfinder video").wait_for()
        page.click("#camera")
        page.wait_for_timeout(500)
        page.locator("#viewfinder video").evaluate(
            "video => new Promise(seen => video.requestVideoFrameCallback(seen))"
        )
        page.click("#shoot")
        page.locator(".answer .heat").wait_for()
        assert "照片 1" in page.locator(".answer .path").inner_text()
        page.click("#stop")
        assert not page.locator("#viewfinder").is_visible()
        assert page.evaluate("streams.map(one => one.active)") == [False, False]
        drop(page, {f"{'a-long-name' * 12}.txt": b"no picture"})
        page.locator(".answer.failed").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen = page.inner_text("main")
        assert "无法作为图片读取" in seen
        assert "which" not in seen
        page.click("#language")
        assert "cannot be read as a picture" in page.inner_text("main")
        assert "图片" not in page.inner_text("main")


FEW = SelectiveGuarantee(threshold=0.0, asked=0.01, error=0.232, pictures=18, needed=299)


@pytest.mark.parametrize(
    ("abstention", "said"),
    [
        (Abstention(), "The model promises nothing of its answers."),
        (Abstention(unsure=0.0, guarantee=FEW), "of such answers up to 23.2 % may be wrong"),
        (Abstention(unsure=0.0, guarantee=replace(FEW, error=0.01)), "The model is sure enough."),
    ],
    ids=["none", "weak", "kept"],
)
def test_exported_page__says_no_more_than_is_promised(browser, tellapart, tmp_path, abstention, said):
    classifier = replace(small_classifier(3), abstention=abstention)
    model, page = write_model(tmp_path / "birds.tellapart", classifier), tmp_path / "birds.html"
    assert tellapart("export", model, "-o", page, "--web-runtime", runtime_folder()).code == 0
    with opened(browser, page.as_uri()) as shown:
        assert verdict(shown) == "same"
        drop(shown, {"odd.png": pictures()["odd.png"]})
        shown.locator(".answer .bars").wait_for()
        standing = shown.locator(".answer .said > .called + p").inner_text()
    assert said in standing.replace("\u00a0", " ").replace("\u2068", "").replace("\u2069", "")


def test_exported_page__a_model_that_was_changed_shows_red(browser, exported, tmp_path):
    text = exported.read_text(encoding="utf-8")
    graph = graph_in(text)
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace(packed(graph), packed(broken(graph, swapped_channels))), encoding="utf-8")
    with opened(browser, changed.as_uri()) as page:
        assert verdict(page) == "differs"
        assert page.locator(".test.differs").count() == 4
        assert "Do not rely on the answers" in page.locator("#warning").inner_text()
        assert "off" in page.locator(".test .outcome").first.inner_text()


def test_exported_page__is_the_same_bytes_each_time_and_names_no_place(exported, model, tellapart, tmp_path):
    again = tmp_path / "again.html"
    assert tellapart("export", model, "-o", again, "--web-runtime", runtime_folder()).code == 0
    content = again.read_bytes()
    assert content == exported.read_bytes()
    assert b"https://" not in content
    assert b"http://" not in content
    assert b"Permission is hereby granted" in content


def test_served_page__asks_for_the_key_and_answers_as_predict_does(browser, model, said, tellapart_process, tmp_path):
    pytest.importorskip("uvicorn")
    (tmp_path / "key.txt").write_text("0123456789abcdef\n")
    server = tellapart_process("serve", model, "--port", 0, "--key-file", tmp_path / "key.txt")
    watch = threading.Timer(120, server.kill)
    watch.start()
    try:
        address = f"http://127.0.0.1:{json.loads(server.stderr.readline())['port']}/"
        while json.loads(server.stderr.readline())["event"] != "ready":
            pass
        with opened(browser, address, width=390, allowed=(address, "data:")) as page:
            check_key(page)
            assert verdict(page) == "same"
            page.set_input_files("#files", [file(name, content) for name, content in pictures().items()])
            check(answers(page, 6), said)
            other_class_is_explained(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.set_input_files("#files", [file("none.png", b"none")])
            page.locator(".answer.failed", has_text="cannot be read as a picture").wait_for()
            check_axe(page)
    finally:
        watch.cancel()
        server.kill()
        server.communicate()


def file(name, content):
    return {"name": name, "mimeType": "image/png", "buffer": content}


def check_key(page):
    """A wrong key is told, the right one opens the page."""
    for key in ("wrong", "0123456789abcdef"):
        page.locator("#key").wait_for()
        page.fill("#key-value", key)
        page.keyboard.press("Enter")
        if key == "wrong":
            page.locator("#key-wrong").wait_for()
