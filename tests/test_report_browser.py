"""The page in a real browser: from disk, without the network, with a mouse, a keyboard, a small screen, in Chinese.

Needs Chromium from the system's packages and the packages playwright and axe-playwright-python of the extra dev.
"""

from __future__ import annotations

import os
import shutil

import pytest

from metrics_documents import metrics_document, write_report
from pictures import encode, make_pixels
from tellapart.audit.finding import Item, found, passed
from tellapart.evaluation.intervals import UNKNOWN, wilson
from tellapart.report.audit_page import write_audit_page
from tellapart.report.evidence import Answer, Evidence, Shot, SuspectCard
from tellapart.report.shots import heat_png
from tellapart.text import counted, percent, unbroken

CHROMIUM = os.environ.get("TELLAPART_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright, see the extra dev")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium from the system's packages")

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
CLASSES = ("<b>cats</b>", "dogs", "a very long class name that has to be cut somewhere")


def small_shot(seed, *, warm):
    pixels = make_pixels(seed, kind=seed % 3, width=96, height=64)
    heat = heat_png((pixels[::16, ::16, 0].astype(int) - 128).clip(-127, 127).astype("int8")) if warm else None
    return Shot(content=encode(pixels, "WEBP"), kind="image/webp", width=96, height=64, heat=heat)


def made_up_answers(document):
    """Answers that have the confusion matrix of the document."""
    number = 0
    for label, row in enumerate(document["test"]["confusion"]):
        for called, count in enumerate(row):
            for _ in range(count):
                number += 1
                shares = [0.05 + 0.001 * (number % 40)] * len(row)
                shares[called] = 1 - sum(shares[:-1])
                yield Answer(path=f"p {number}.png", label=label, predicted=called, probabilities=tuple(shares))


@pytest.fixture(scope="module")
def document():
    return metrics_document(CLASSES, test=200, skill=2.0)


@pytest.fixture(scope="module")
def report(document, tmp_path_factory):
    answers = tuple(made_up_answers(document))
    wrong = [answer for answer in answers if not answer.right]
    shots = {
        answer.path: small_shot(place, warm=not answer.right) for place, answer in enumerate([*wrong, *answers[:9]])
    }
    points = [
        {
            "n": n,
            "accuracy": {"value": 0.5 + n / 1000, "low": 0.4 + n / 1000, "high": 0.6 + n / 1000},
            "per_class": [{"class": name, "n": 9, "recall": {"value": n / 500}} for name in CLASSES],
        }
        for n in (50, 100, 200, 400)
    ]
    sentence = {"en": "More pictures will help.", "zh": "增加图片会有帮助。"}
    evidence = Evidence(
        answers=answers,
        ledger=(("skipped", "empty file", 2), ("used", "", 200)),
        history=tuple({"epoch": n, "loss": 1 / n, "valid_accuracy": 0.5 + n / 20} for n in range(1, 9)),
        analysis={"learning_curve": {"points": points, "advice": {"sentence": sentence}}},
        suspects=(SuspectCard(path="p 1.png", given=0, suggested=1, given_share=0.02, suggested_share=0.97),),
        shots=shots,
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, document, evidence)
    return path


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, report):
    """A function that opens the page; at the end nothing may have been fetched, and nothing may have gone wrong."""
    contexts, troubles = [], []

    def open_page(width=1440, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url) if is_outside(request.url) else None)
        page.goto(report.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def is_outside(address):
    return not address.startswith(("file:", "data:", "blob:"))


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_page__charts_are_drawn_and_the_page_fits(opened):
    page = opened()
    assert fits(page)
    drawn = page.evaluate("""[...document.querySelectorAll('canvas')].map(canvas => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return [canvas.id, pixels.some(value => value > 0)];
    })""")
    assert dict(drawn) == dict.fromkeys(
        [f"chart-{name}" for name in ("classes", "thresholds", "reliability", "learning", "losses", "shares")], True
    )


def test_page__a_cell_opens_its_pictures_by_keyboard(opened, document):
    page = opened()
    cell = page.locator("button[data-cell='1-0']")
    count = document["test"]["confusion"][1][0]
    assert count > 0
    cell.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog#behind")
    assert dialog.is_visible()
    assert dialog.locator("h2").inner_text() == "dogs predicted as <b>cats</b>"
    assert dialog.locator("li.card").count() == count
    assert dialog.locator("img.shot").first.evaluate("image => image.naturalWidth") == 96
    assert dialog.locator("img.heat").first.is_visible()
    dialog.locator(".heat-switch").uncheck()
    assert not dialog.locator("img.heat").first.is_visible()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert cell.evaluate("button => document.activeElement === button")


def test_page__a_right_cell_opens_samples_and_says_how_many_are_left_out(opened, document):
    page = opened()
    page.locator("button[data-cell='0-0']").click()
    shown = page.locator("dialog li.card").count()
    total = document["test"]["confusion"][0][0]
    assert 0 < shown < total
    assert page.locator("#behind-note").inner_text().startswith(f"{counted(total, 'test picture')}; {shown} of them")


def test_page__the_slider_opens_on_the_threshold_of_the_model(browser, document, tmp_path):
    # Between two points of the curve, where a page that only knows those would open beside it.
    curve = document["test"]["risk_coverage"]
    place = len(curve["answered"]) // 2
    own = (curve["threshold"][place] + curve["threshold"][place + 1]) / 2
    answered, wrong = curve["answered"][place] + 1, curve["wrong"][place]
    selective = {"answered": answered, "wrong": wrong, "unlike": UNKNOWN.to_json()}
    selective |= {"coverage": wilson(answered, 200).to_json(), "error": wilson(wrong, answered).to_json()}
    metrics = {**document, "thresholds": {"unsure": own, "unlike": None, "promise": None}}
    path = tmp_path / "report.html"
    write_report(path, {**metrics, "test": {**document["test"], "selective": selective}})
    page = browser.new_page(locale="en-GB")
    page.goto(path.as_uri())
    headline = page.locator(".tile", has_text="Answers you can rely on")
    assert page.locator("#threshold-value").inner_text() == percent(own)
    assert page.locator("#dial-answered").inner_text() == headline.locator(".large").inner_text()
    assert page.locator("#dial-answered-note").inner_text() == f"{answered} of 200 pictures"
    seen, high = percent(wrong / answered), percent(wilson(wrong, answered).high)
    assert page.locator("#dial-wrong").inner_text() == unbroken(f"up to {high}")
    assert (
        page.locator("#dial-wrong-note").inner_text().startswith(unbroken(f"seen here: {seen} ({wrong} of {answered} "))
    )
    assert unbroken(f"Misclassified among those answers: {seen} ") in headline.inner_text()
    page.close()


def test_page__the_slider_moves_coverage_and_error(opened, document):
    page = opened()
    slider = page.locator("#threshold")
    slider.focus()
    curve = document["test"]["risk_coverage"]
    answered, wrong = {}, {}
    for key, place in (("Home", 0), ("End", -1)):
        page.keyboard.press(key)
        answered[place] = page.locator("#dial-answered").inner_text()
        wrong[place] = page.locator("#dial-wrong").inner_text()
        assert page.locator("#dial-answered-note").inner_text() == f"{curve['answered'][place]} of 200 pictures"
    assert answered[-1] == unbroken("100.0 %")
    assert wrong[-1] == unbroken(f"up to {percent(curve['high'][-1])}")
    assert answered[0] != answered[-1]
    page.keyboard.press("ArrowLeft")
    assert page.locator("#dial-answered").inner_text() != answered[-1]


def test_page__both_languages(opened):
    page = opened()
    assert page.locator("h2#accuracy").inner_text() == "Test accuracy"
    page.locator("#language").click()
    assert page.locator("h2#accuracy").inner_text() == "测试准确率"
    assert page.locator("html").get_attribute("lang") == "zh"
    assert "增加图片会有帮助" in page.locator(".advice").inner_text()
    page.locator("button[data-cell='1-0']").click()
    assert "被判为" in page.locator("#behind-title").inner_text()
    page.keyboard.press("Escape")
    page.locator("#language").click()
    assert page.locator("h2#accuracy").inner_text() == "Test accuracy"


def test_page__smoothing_and_measure_redraw(opened):
    page = opened()
    look = "name => document.querySelector(`#chart-${name}`).toDataURL()"
    for name, control in (("losses", "#smooth"), ("classes", "input[value=precision]")):
        before = page.evaluate(look, name)
        page.locator(control).check()
        assert page.evaluate(look, name) != before


def test_page__a_phone(opened):
    page = opened(390, has_touch=True)
    assert fits(page)
    page.locator("button[data-cell='1-0']").tap()
    box = page.locator("dialog#behind").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory):
    """A page with more classes than a screen has room for, some of them written from top to bottom."""
    classes = (*(f"普通翠鸟的幼鸟{n}" for n in range(12)), *(f"a class in English {n}" for n in range(12)))
    document = metrics_document(classes, test=300)
    for row, count in zip(document["test"]["reliability"], (1, 2, 3), strict=False):
        row["n"] = count
    history = tuple({"depths": depths, "l2": l2, "log_loss": l2} for depths in ("last", "all") for l2 in (0.1, 0.01))
    path = tmp_path_factory.mktemp("many") / "report.html"
    write_report(path, document, Evidence(history=history))
    return path.as_uri()


def test_page__every_column_of_a_phone_is_reached_and_the_way_is_shown(browser, many_classes):
    page = browser.new_page(viewport={"width": 390, "height": 800}, locale="en-GB")
    page.goto(many_classes)
    assert fits(page)
    boxes = page.locator(".box")
    for number in range(boxes.count()):
        box = boxes.nth(number)
        hint = page.locator(".onward").nth(number)
        for direction, inner, outer in (
            ("right", "scrollWidth", "clientWidth"),
            ("below", "scrollHeight", "clientHeight"),
        ):
            goes_on = box.evaluate(f"box => box.{inner} > box.{outer} + 2")
            assert hint.locator({"right": ".sideways", "below": ".below"}[direction]).is_visible() == goes_on
        box.evaluate("box => box.scrollTo(box.scrollWidth, box.scrollHeight)")
        page.wait_for_function("box => box.dataset.more === ''", arg=box.element_handle())
        assert not hint.is_visible()
        last = box.locator("tbody tr").last.locator("td").last
        assert last.evaluate("cell => cell.getBoundingClientRect().right <= innerWidth")
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_page__a_name_without_a_space_stays_in_its_cell(browser, tmp_path, width):
    document = metrics_document(("x" * 60, "dogs"), test=100)
    answers = tuple(made_up_answers(document))
    shots = {answer.path: small_shot(row, warm=False) for row, answer in enumerate(answers[:99])}
    write_report(tmp_path / "report.html", document, Evidence(answers=answers, shots=shots))
    page = browser.new_page(viewport={"width": width, "height": 800}, locale="en-GB")
    page.goto((tmp_path / "report.html").as_uri())
    look = """row => {
        const [name, cell] = [row.querySelector("bdi"), row.querySelector("th")];
        return name.getBoundingClientRect().right <= cell.getBoundingClientRect().right + 1;
    }"""
    row = page.locator(".classes tbody tr").first
    assert row.locator("img").count() == 1
    assert row.evaluate(look)
    page.close()


def test_page__names_above_the_matrix_stand_as_their_script_does(browser, opened, many_classes):
    look = """span => {
        const { writingMode, textOrientation, transform } = getComputedStyle(span);
        return [writingMode, textOrientation, transform === 'none', span.scrollHeight > span.offsetHeight];
    }"""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page.goto(many_classes)
    names = page.locator(".matrix thead th > span:not([lang])")
    assert names.nth(0).evaluate(look) == ["vertical-rl", "mixed", True, False]
    assert names.nth(12).evaluate(look) == ["vertical-rl", "sideways", False, False]
    page.close()
    level = opened().locator(".matrix thead th > span:not([lang])")
    assert level.nth(0).evaluate(look)[0] == "horizontal-tb"


def test_page__settings_are_dots_the_chosen_one_has_a_ring_and_few_pictures_are_faint(browser, opened, many_classes):
    series = """name => Chart.getChart(`chart-${name}`).data.datasets.map(
        ({ label, showLine, data, backgroundColor }) => ({ label, showLine, data, backgroundColor }))"""
    page = browser.new_page(locale="en-GB")
    page.goto(many_classes)
    dots, ring = page.evaluate(series, "losses")
    assert (dots["showLine"], ring["data"]) == (False, [None, None, None, 0.01])
    strong, faint, *_ = page.evaluate(series, "reliability")
    assert len(faint["data"]) == 2
    assert strong["data"]
    assert faint["backgroundColor"].endswith("0.25)")
    assert page.locator("#smooth").count() == 0
    page.close()
    lines = opened().evaluate(series, "losses")
    assert [line["showLine"] for line in lines] == [True]


def test_page__versions_and_machine_are_folded_until_it_is_printed(opened):
    page = opened()
    versions = page.locator("table.pairs", has_text="scikit-learn")
    assert not versions.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert versions.is_visible()


def test_page__the_list_of_suspects_can_be_taken_away(opened):
    page = opened()
    with page.expect_download() as download:
        page.locator("a[download]").click()
    assert download.value.suggested_filename == "suspects.csv"
    assert download.value.path().read_text().splitlines()[0].startswith("path,label,suggested")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page__axe_finds_nothing_serious(opened, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = opened(color_scheme=scheme)
    page.locator("button[data-cell='1-0']").click()
    behind = axe.Axe().run(page, context="#behind")
    page.keyboard.press("Escape")
    found = axe.Axe().run(page)
    serious = [
        (violation["id"], violation["nodes"][0]["html"][:200], violation["nodes"][0]["failureSummary"][:300])
        for result in (behind, found)
        for violation in result.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert len(found.response["passes"]) > 15
    assert serious == []


def test_page__prints_without_its_switches(opened):
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("#theme").is_visible()
    assert page.locator("#chart-thresholds").is_visible()
    assert page.locator("#mistakes li").first.is_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_audit_page__switches_language_and_theme(browser, width, tmp_path):
    facts = {"bad": 3, "pictures": 50}
    advice = "Look at them; remove those on which nobody could tell the class."
    item = Item(paths=(f"{'a-long-name' * 12}.jpg",), text="95 % darker")
    findings = [
        found("dark", "warning", "3 of 50 pictures have little.", advice=advice, items=[item], facts=facts),
        passed("converted", "note", "Every picture that can be read is used as it is."),
    ]
    audit = {"tellapart": "0", "command": "tellapart audit data", "seed": 0, "backbone": "lite0", "seconds": 1.0}
    audit |= {"data": {"name": "data"}, "classes": ["a", "b"], "findings": [finding.to_json() for finding in findings]}
    write_audit_page(
        tmp_path / "audit.html",
        audit | {"pictures": {"used": 49, "converted": 0, "skipped": 1}},
        thumbnails={},
    )
    page = browser.new_page(locale="en-GB", viewport={"width": width, "height": 900})
    troubles = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto((tmp_path / "audit.html").as_uri())
    assert page.title() == "data: what the data is like"
    assert "3 of 50 pictures have little." in page.inner_text("main")
    assert "几乎" not in page.inner_text("main")
    page.click("#language")
    assert page.title() == "data：数据情况"
    assert "50 张图片中有 3 张几乎全黑。" in page.inner_text("main")
    assert "pictures" not in page.inner_text("main")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert fits(page)
    assert troubles == []
    page.close()
