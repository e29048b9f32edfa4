"""The lectures: every figure they name is there, and the page goes by keys, without a network."""

import re

import pytest

from scripts import slides
from scripts.notebooks import ROOT
from tests.browser import chromium, needed

LECTURES = sorted(slides.LECTURES.glob("*.md"))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    assert slides.main(["--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_has_its_slides_figures_and_notes(path, out):
    text, page = path.read_text(encoding="utf-8"), (out / f"{path.stem}.html").read_text()
    parts = text.split("\n\n---\n\n")
    assert 15 <= len(parts) == page.count("<section") <= 22
    assert text.count("\nNote: ") == len(parts) == page.count('<aside class="note">')
    assert page.count("<img") + page.count('data-explorer="') == len(slides.FIGURE.findall(text))
    for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page):
        assert len(alt) >= 20
    assert not re.search(r'(src|href)=(?!"data:)', page)  # all of it is in the page
    assert "$" not in re.sub(r"<script>.*?</script>|<code>.*?</code>", "", page, flags=re.S)
    for part in parts:
        shown = re.sub(r"```.*?```", "", part, flags=re.DOTALL)
        shown = re.sub(r"^(Note: |!\[).*$", "", shown, flags=re.MULTILINE)
        assert len(shown.split()) < 75, part[:60]  # sparse


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_is_about_the_notebooks_in_its_title_and_the_guide_leads_to_it(path):
    text = path.read_text(encoding="utf-8")
    said = re.search(r"^Lecture \d of 3, for notebooks (.*)$", text, re.MULTILINE)[1]
    first, *last = re.findall(r"\d\d", said)
    span = range(int(first), int(last[0]) + 1) if " to " in said else map(int, [first, *last])
    assert set(re.findall(r"notebooks/(\d\d)_", text)) == {f"{number:02d}" for number in span}
    guide = (ROOT / "docs" / "teaching" / "README.md").read_text(encoding="utf-8")
    assert f"(slides/{path.name})" in guide


@pytest.mark.parametrize(
    "target, words",
    [
        ("../../../figures/none.png", "is not there"),
        (
            "../../../notebooks/00_start_here.ipynb#no-heading-1",
            "it has a-face-and-seven-numbers-1",
        ),
        ("../../../notebooks/00_start_here.ipynb#what-did-it-look-at-9", "what-did-it-look-at-2"),
    ],
)
def test_a_figure_that_is_not_there_is_named(target, words, tmp_path):
    deck = tmp_path / "deck.md"
    deck.write_text(f"# Title\n\n---\n\n## Two\n\n![]({target})\n")
    with pytest.raises(slides.SlideError, match="deck.md, slide 2: ") as error:
        slides.lecture(deck)
    assert words in str(error.value)


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(slides, "lecture", lambda path: "")
    assert slides.main(["--out", str(tmp_path / "file")]) == 2
    assert "cannot be written there" in capsys.readouterr().err


@needed
def test_keys_go_through_the_slides_and_the_explorer_follows(out):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("http") and wrong.append(asked.url))
        page.goto((out / "3_what_a_network_looks_at.html").as_uri())
        place = page.locator(".place")
        count = page.locator("section").count()
        for key, at in (("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 1), ("End", count)):
            page.keyboard.press(key)
            page.wait_for_function(
                "at => document.querySelector('.place').dataset.at == at", arg=at
            )
            assert place.inner_text() == f"{at} / {count}"
            assert page.locator("section:visible").count() == 1
        note = page.locator("section.now .note")
        assert not note.is_visible()
        page.keyboard.press("n")
        assert note.is_visible()
        number = page.locator("section").evaluate_all(
            "all => all.findIndex(one => one.querySelector('.explorer')) + 1"
        )
        page.evaluate(f"location.hash = '#{number}'")
        canvas = page.locator(".fer-face canvas").first
        before = page.locator(".fer-percent").all_inner_texts()
        canvas.hover(position={"x": 60, "y": 60})
        assert page.locator(".fer-percent").all_inner_texts() != before
        assert not wrong
