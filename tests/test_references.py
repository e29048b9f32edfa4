"""The list of references is whole, its page is made from it, and notebooks link to it."""

import re

import pytest

from fer_utils import papers
from fer_utils.data import catalog
from scripts import notebooks, references

ROOT = references.ROOT
# "Zhu et al. (2017)", "Viola and Jones, 2001", "Parkhi, Vedaldi and Zisserman (2015)".
NAMED = re.compile(
    r"\b([A-Z][a-zA-Zäöüé]+)(?: et al\.|(?:, [A-Z]\w+)* and [A-Z]\w+),?\s\(?((?:19|20)\d\d)\b"
)
FILES = [
    path
    for folder in ("fer_utils", "faces3d", "fer_lab", "notebooks/src")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def test_the_page_is_what_its_source_says():
    assert references.PAGE.read_text(encoding="utf-8") == references.page()


def test_the_page_shows_every_address():
    text = references.page()
    assert "Zhu, Park, Isola and Efros, *Unpaired image-to-image translation" in text
    assert "Goodfellow et al., *Challenges" in text
    assert "<https://eur-lex.europa.eu/eli/reg/2024/1689/oj>" in text
    assert "<https://doi.org/10.1109/ICCV.2017.244>" in text and "arxiv.org/abs/1902.01019" in text


def test_works_are_listed_once_and_each_is_whole():
    works = references.works()
    keys = [work.key for work in works]
    assert len(set(keys)) == len(keys) >= 50
    written = references.BIB.read_text(encoding="utf-8")
    assert written.count("\n@") == len(keys)  # none that the reader does not understand
    for work in works:
        assert {"author", "title", "year", "note"} <= work.fields.keys(), work.key
        doi = work.fields.get("doi")
        assert doi is None or re.fullmatch(r"10\.\d{4,5}/\S+", doi), work.key
    dois = [work.fields["doi"] for work in works if "doi" in work.fields]
    assert len(set(dois)) == len(dois)


def test_every_work_that_is_named_is_listed():
    listed = {(work.surnames[0], work.fields["year"]) for work in references.works()}
    named = {match for path in FILES for match in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert named - listed == set()


def test_cards_of_data_sets_have_the_addresses_of_the_list():
    known = {work.fields["doi"]: work for work in references.works() if "doi" in work.fields}
    cards = [card for card in catalog.CARDS.values() if card.doi]
    assert len(cards) == 8
    for card in cards:
        assert card.citation.startswith(known[card.doi].surnames[0])
        assert card.cited.endswith(f"https://doi.org/{card.doi}")


def test_every_paper_of_the_course_is_listed():
    keys = {work.key for work in references.works()}
    assert {one.paper for one in papers.CLAIMS} - {"anchors"} <= keys


def test_the_first_mention_alone_becomes_a_link():
    waiting = {"zhu2017", "softmax", "pandey2019"}
    text = "# softmax\n\n`softmax(x)` of the softmax of softmax (Zhu et al. 2017), "
    text += "`pandey2019`, $$softmax$$."
    assert references.link(text, waiting) == (
        "# softmax\n\n`softmax(x)` of the [softmax](../docs/glossary.md#softmax) of softmax "
        "([Zhu et al. 2017](../REFERENCES.md#zhu2017)), "
        "[`pandey2019`](../REFERENCES.md#pandey2019), $$softmax$$."
    )
    assert waiting == set()
    assert references.link("softmax", waiting) == "softmax"


@pytest.mark.parametrize("text", ["[the recall](a.md)", "```\nrecall\n```", "<b title='recall'>"])
def test_no_link_in_a_link_in_code_or_in_html(text):
    assert references.link(text, {"recall"}) == text


def test_what_notebooks_link_to_is_there():
    pages = {"REFERENCES.md": references.PAGE, "glossary.md": references.GLOSSARY}
    heads = {
        name: {
            head.lower().replace(" ", "-")
            for head in references.TERM.findall(page.read_text(encoding="utf-8"))
        }
        for name, page in pages.items()
    }
    used = set()
    for path in sorted(notebooks.SOURCES.glob("*.py")):
        text = "\n".join(cell.source for cell in notebooks.read_source(path).cells)
        links = re.findall(r"\(\.\./(?:docs/)?(REFERENCES\.md|glossary\.md)#([\w-]+)\)", text)
        assert len(set(links)) == len(links) >= 3, path.stem
        used |= set(links)
    assert all(anchor in heads[name] for name, anchor in used)
    assert {key for name, key in used if name == "REFERENCES.md"} >= {
        *("alessi2019", "minaee2019", "pandey2019", "mazen2021", "borgalli2022")
    }


def test_the_glossary_leads_to_notebooks_that_are_there():
    text = references.GLOSSARY.read_text(encoding="utf-8")
    terms = references.TERM.findall(text)
    assert terms == sorted(terms, key=str.lower)
    for target in re.findall(r"\]\(\.\./(\S+?)\)", text):
        assert (ROOT / target).exists(), target
    assert text.count("](../notebooks/") == len(terms)
