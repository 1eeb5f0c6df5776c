# SPDX-License-Identifier: Apache-2.0
import re
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest

from day2.model.severity import Severity
from day2.report.html import page, words
from day2.report.html.story import Story
from tests.unit.report import stories

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Tags(HTMLParser):
    """Collects what a browser would make of the file."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]


def parsed(story: Story) -> Tags:
    found = Tags()
    found.feed(page.render(story))
    return found


@pytest.mark.parametrize("made", [stories.rich, stories.hostile], ids=["rich", "hostile"])
def test_the_file_needs_nothing_but_itself(made: Callable[[], Story]) -> None:
    found = parsed(made())
    assert {"script", "img", "link", "iframe", "object", "form"}.isdisjoint(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
    links = [v or "" for n, v in found.attributes if n in {"href", "xlink:href"}]
    assert [link for link in links if not link.startswith("#")] == []
    text = page.render(made())
    assert "url(http" not in text
    assert "@import" not in text


def test_no_two_elements_have_one_id_and_every_link_has_its_target() -> None:
    found = parsed(stories.rich())
    assert len(found.ids) == len(set(found.ids))
    links = {v or "" for n, v in found.attributes if n in {"href", "xlink:href"}}
    assert {link.removeprefix("#") for link in links} <= set(found.ids)


def test_nothing_hostile_is_markup_and_nothing_unprintable_is_left() -> None:
    text = page.render(stories.hostile())
    tame = parsed(stories.hostile()).tags
    assert tame.count("title") == 1 + 3, "the page's, and one for each drawing"
    assert "<script" not in text
    assert "onerror=window" not in text.replace("&gt;&lt;img src=x onerror=window", "")
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "{{ 7*7 }}" in text
    assert "49{%" not in text


def test_a_name_of_5000_characters_is_cut_and_counted() -> None:
    text = page.render(msgspec.structs.replace(stories.hostile(), logs=[]))
    assert "x" * 1500 not in text
    assert "characters)" in text


def test_the_same_story_makes_the_same_file() -> None:
    assert page.render(stories.rich()) == page.render(stories.rich())


def test_every_drawing_has_a_title_and_a_description_and_no_fixed_colour() -> None:
    drawings = re.findall(r"<svg viewBox.*?</svg>", page.render(stories.rich()), re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        assert 'role="img"' in drawing
        assert re.search(r"<title id=.+?>.+?</title>\s*<desc id=.+?>.+?</desc>", drawing)
        assert re.findall(r"(?:fill|stroke): #\w+", drawing) == []


def test_5000_findings_are_bounded_and_every_one_is_counted() -> None:
    story = stories.huge()
    text = page.render(story)
    assert len(text.encode()) < 5 << 20
    assert "4,750" in text
    counted = re.findall(r'<td><code>check\d+\.x</code></td><td class="n">(\d+)</td>', text)
    assert sum(map(int, counted)) == 5000 - 250 - 1500


def test_an_empty_round_makes_a_calm_file() -> None:
    bare = Story(
        report=stories.report(severity=Severity.OK, compared_with=None, id=None),
        version="1",
        made_at=stories.AT,
    )
    text = page.render(bare)
    assert "The cloud is well" in text
    assert "found nothing wrong" in text
    assert "<h2>Usage" not in text
    assert "<h2>Errors in the logs" not in text


@pytest.mark.parametrize(
    ("severity", "said"),
    [
        (Severity.CRITICAL, "1 thing needs action now"),
        (Severity.WARNING, "Nothing critical as far as it was seen; 6 things need care"),
        (Severity.UNKNOWN, "Not everything could be judged"),
        (Severity.OK, "The cloud is well as far as it was seen"),
    ],
)
def test_the_headline_never_says_more_than_was_seen(severity: Severity, said: str) -> None:
    story = stories.rich()
    seen = msgspec.structs.replace(story.report, severity=severity)
    assert words.headline(msgspec.structs.replace(story, report=seen)) == said


def test_the_paragraph_says_what_a_manager_asks() -> None:
    assert words.paragraph(stories.rich()) == (
        "On 2026-05-04 at 09:00 UTC, 84 checks over 12,345 objects of the cloud prod (RegionOne) "
        "found 1 critical finding, 1 finding of unknown weight, 6 warnings and 1 note. "
        "First of all: compute.down:host:compute03 is not well, which explains 30 other findings. "
        "Since round 99 of 2026-05-03 09:00, 1 is new and 1 is gone. "
        "2 tables could not be read whole: what is missing there is not known. "
        "The fullest resource is VCPU in aggregate edge: 100%. "
        "The logs hold 2,000 errors of 2 kinds, 1 is new."
    )
