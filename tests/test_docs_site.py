"""The documentation's site: it builds without a warning, in both languages, and a broken link fails it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from browsers import chromium

ROOT = Path(__file__).parents[1]
SITE = ROOT / "tools" / "docs_site.py"

pytest.importorskip("sphinx")
pytest.importorskip("furo")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    output = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, SITE, "-o", output], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def docs_site():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SITE.parent))
        import docs_site

        yield docs_site


def test_docs_site__every_page_in_both_languages(site, docs_site):
    for language in ("en", "zh"):
        pages = {place.stem for place in (site / language).glob("*.html")}
        assert pages >= {docs_site.place(page) for page in ("README.md", *docs_site.PAGES)}
    assert "你的图片" in (site / "zh" / "data.html").read_text(encoding="utf-8")
    assert "zh/index.html" in (site / "index.html").read_text(encoding="utf-8")


def test_docs_site__no_line_ends_between_a_number_and_its_unit(site):
    front = (site / "en" / "index.html").read_text(encoding="utf-8")
    texts = re.sub(r"<(pre|code)\b.*?</\1>", "", front, flags=re.DOTALL)
    assert re.search(r"\d\N{NO-BREAK SPACE}%", texts)
    assert not re.search(r"\d %", texts)


def test_docs_site__a_link_called_like_its_file_has_the_title_of_the_page(site):
    for language, ending in (("en", ".md"), ("zh", ".zh-CN.md")):
        page = (site / language / "python.html").read_text(encoding="utf-8")
        title = (ROOT / "docs" / f"report{ending}").read_text(encoding="utf-8").split("\n")[0].removeprefix("# ")
        assert re.search(rf'href="report.html"><span class="[^"]*">{title}</span></a>', page)
        assert f">report{ending}<" not in page


@pytest.mark.parametrize(
    ("language", "query", "found"),
    [("zh", "训练", "选择训练方案"), ("zh", "KServe", "使用"), ("en", "KServe", "Using the model")],
)
def test_docs_site__is_searched(site, browser, language, query, found):
    page = browser.new_page()
    page.goto(f"{(site / language / 'search.html').as_uri()}?q={query}")
    page.locator("#search-results li").first.wait_for(timeout=20_000)
    assert found in page.locator("#search-results ul").inner_text()
    page.close()


def test_docs_site__no_document_is_left_out(docs_site):
    english = {
        f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md") if not file.name.endswith(docs_site.CHINESE)
    }
    assert english == {page for page in docs_site.PAGES if page.startswith("docs/")}


def test_docs_site__reference_names_commands_and_classes(site):
    options = (site / "en" / "every-option.html").read_text(encoding="utf-8")
    python = (site / "en" / "python-reference.html").read_text(encoding="utf-8")
    assert "--max-error" in options
    assert "tellapart cache clear" in options
    assert 'id="tellapart.estimator.ImageClassifier.predict_proba"' in python
    assert 'id="tellapart.errors.ModelFileError"' in python


def test_docs_site__programs_come_along(site):
    chapter = (site / "en" / "chapter.html").read_text(encoding="utf-8")
    program = re.search(r'href="(_downloads/\w+/01_mnist_convnet\.py)"', chapter).group(1)
    own = ROOT / "examples" / "chapter" / "01_mnist_convnet.py"
    assert (site / "en" / program).read_bytes() == own.read_bytes()


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # what MyST still calls of Sphinx
@pytest.mark.parametrize("link", ["nowhere.md", "index.md#no-such-heading"])
def test_build__broken_link_fails(docs_site, tmp_path, link, capsys):
    source = tmp_path / "en"
    source.mkdir()
    docs_site.write_looks(source)
    (source / "index.md").write_text(f"# Page\n\n[a link]({link})\n", encoding="utf-8")
    assert not docs_site.build(source, tmp_path / "out", "en")
    assert link.split("#")[-1] in capsys.readouterr().err
