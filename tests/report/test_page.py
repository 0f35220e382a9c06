"""The page is one file that runs nothing, loads nothing, and takes no orders from a model's output."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.report.page import render
from tests.report.conftest import view_of
from tests.report.making import labelled, synthetic

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}\x1b[31m\u202e"
VOID = {"meta", "br", "img", "input", "hr", "link"}


class Reader(HTMLParser):
    """Collects what a browser would see, and whether all that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.mistakes: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def page(report) -> str:
    return render(report)


@pytest.fixture(scope="module")
def hostile() -> str:
    """Every text that comes from outside is an attack."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 40)
    status = np.full((3, 40), Status.SCORED)
    status[2, :3] = Status.FAILED
    made = labelled(
        [f"{EVIL} {i}" for i in range(3)],
        [f"{EVIL} no", f"{EVIL} yes"],
        target,
        [target, 1 - target, rng.integers(-1, 2, 40)],
        probabilities={0: np.full((40, 2), 0.5, np.float32)},
        needs=Needs(requirements=(Requirement("accuracy", ">=", 0.5, text=EVIL),)),
        inputs=[f"{EVIL} {i}" for i in range(40)],
        prices=[0.01, 0.02, None],
        latency_s=rng.random((3, 40)),
        tags={EVIL: [f"{EVIL} {i % 2}" for i in range(40)]},
        status=status,
        facts={EVIL: EVIL},
        said=lambda i, j: f"{EVIL} said",
        task_name=EVIL,
    )
    return render(view_of(made))


def test_it_is_well_formed(page, hostile):
    """A browser guesses at broken HTML, and guesses can be steered."""
    for text in (page, hostile):
        found = read(text)
        assert found.mistakes == []
        assert found.open == []


def test_it_runs_nothing_and_loads_nothing(page, hostile):
    """It is opened from mail and from file shares."""
    for text in (page, hostile):
        found = read(text)
        assert {"script", "img", "iframe", "link", "object", "form", "base"} & set(found.tags) == set()
        assert [a for a in found.attributes if a[1].startswith("on") or a[1] == "style"] == []
        links = [value for _, name, value in found.attributes if name in ("href", "src", "xlink:href", "action")]
        assert all(link.startswith("#") for link in links)
        assert "@import" not in text
        urls = set(re.findall(r"url\(([^)]*)\)", text))
        assert all(url.startswith("#") for url in urls)


def test_the_policy_allows_its_own_style_and_nothing_else(page):
    """Should something slip through, the browser refuses it."""
    found = read(page)
    policy = next(value for _, name, value in found.attributes if "default-src" in value)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    expected = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy == expected


def test_hostile_texts_are_shown_as_texts(hostile):
    """Escaped in tables and in drawings, without terminal escapes, and not run as a template."""
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile
    assert "49" not in "".join(read(hostile).text).replace("{{7*7}}", "")[:200]
    assert "{{7*7}}" in hostile
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile


def test_ids_are_unique_and_links_lead_somewhere(page):
    """Several drawings stand in one page, and each brings ids of its own."""
    found = read(page)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for _, name, value in found.attributes if name == "href"]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    clips = set(re.findall(r"url\(#([^)]*)\)", page))
    assert clips <= set(ids)


def test_drawings_follow_the_page_into_the_dark(page):
    """A colour that is written out stays bright, or invisible, in dark mode."""
    drawings = "".join(re.findall(r"<svg aria-hidden.*?</svg>", page, re.DOTALL))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawings))
    assert len(drawings) > 50_000
    assert {c for c in colours if not c.startswith("var(--") and c not in ("none", "transparent")} == set()


def test_every_drawing_says_in_words_what_it_shows(page):
    """For those who do not see it."""
    figures = [value for tag, name, value in read(page).attributes if tag == "figure" and name == "aria-label"]
    assert len(figures) == page.count("<figure") >= 10
    assert any("neighbours 98" in words for words in figures)


def test_tables_have_captions_and_heads(page):
    """Screen readers announce them."""
    tags = read(page).tags
    assert tags.count("table") == tags.count("caption") == tags.count("thead")


def test_every_colour_of_the_style_is_defined_for_light_dark_and_print(page):
    """A variable that is missing in one of them would be inherited from nowhere."""
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    light, dark, paper = (
        set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    assert light == dark == paper
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= light


def test_small_numbers_on_axes_keep_their_digits(report):
    """Rounding the drawing must not round what it says."""
    assert ">0.0001<" in render(report)


def test_the_same_view_makes_the_same_bytes(report, page):
    """Though Vega numbers its parts from where it stopped."""
    assert render(report) == page


@pytest.mark.parametrize(("bar", "verdict"), [(0.5, "adopt"), (0.9999, "none worth it"), (0.97, "undecided")])
def test_verdicts_of_every_kind_have_a_page(bar, verdict):
    """Undecided and none worth it are answers too."""
    made = synthetic(300, k=2, n_classes=2, needs=Needs(requirements=(Requirement("accuracy", ">=", bar),)))
    assert made.decision.verdict == verdict
    assert f'<span class="badge">{verdict}</span>' in render(view_of(made))


def test_a_page_without_optional_sections_is_well_formed():
    """No prices, no tags, no latency, no requirements, no probabilities."""
    target = np.arange(30) % 3
    found = read(render(view_of(labelled(["a", "b"], ["x", "y", "z"], target, [target, target * 0]))))
    assert found.mistakes == []
    assert "Not in this report" in "".join(found.text)


def test_the_size_does_not_grow_with_the_examples():
    """Summaries are drawn, not rows."""
    small, large = (len(render(view_of(synthetic(n, k=3, n_classes=2)))) for n in (500, 5_000))
    assert large < 1.2 * small
    assert large < 400_000


@pytest.mark.slow
def test_a_million_outcomes_fit_on_a_page_of_half_a_megabyte():
    """The page of 100,000 examples and ten candidates opens at once."""
    made = synthetic(100_000, k=10)
    assert len(render(view_of(made)).encode()) < 500_000
