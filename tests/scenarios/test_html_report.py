# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser: nothing but itself, in the dark, in the light, on paper."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from day2.report.html import page as html
from day2.report.html.story import Story
from tests.unit.report import stories

CHROMIUM = os.environ.get("DAY2_TEST_CHROMIUM", "/usr/bin/chromium")
# Chromium has no sandbox of its own for root, and small /dev/shm in containers.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
Scheme = Literal["dark", "light"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(
            f"there is no browser at {CHROMIUM}: install it as root with `bash tests/browser.sh`, "
            "or name another Chromium with DAY2_TEST_CHROMIUM"
        )
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Opened:
    """A page with everything that it asked for and complained of."""

    def __init__(self, browser: Browser, file: Path, scheme: Scheme) -> None:
        self.page: Page = browser.new_page(
            viewport={"width": 1000, "height": 900}, color_scheme=scheme
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri(), wait_until="networkidle")

    def colour(self, selector: str, name: str) -> tuple[int, ...]:
        found: str = self.page.evaluate(
            "([s, n]) => getComputedStyle(document.querySelector(s)).getPropertyValue(n)",
            [selector, name],
        )
        return tuple(int(part) for part in found.strip("rgba()").split(",")[:3])


def write(folder: Path, story: Story) -> Path:
    file = folder / "report.html"
    file.write_text(html.render(story), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("made", [stories.rich, stories.hostile, stories.huge])
def test_it_asks_for_nothing_and_complains_of_nothing(
    browser: Browser, tmp_path: Path, made: Callable[[], Story], scheme: Scheme
) -> None:
    file = write(tmp_path, made())
    opened = Opened(browser, file, scheme)
    assert opened.requests == [file.as_uri()]
    assert opened.complaints == []
    assert opened.page.evaluate("window.hit") is None
    assert opened.page.evaluate("document.scripts.length") == 0
    assert opened.page.evaluate("document.images.length") == 0
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1000, "a name makes the page wider than the window"
    opened.page.close()


def test_what_is_hostile_stays_words(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, write(tmp_path, stories.hostile()), "light")
    said: str = opened.page.evaluate("document.body.textContent")
    for name in stories.HOSTILE[:5]:
        assert name in said
    drawn: str = opened.page.evaluate(
        "[...document.querySelectorAll('figure svg text')].map(t => t.textContent).join('|')"
    )
    assert "<script>window.hit=1" in drawn
    assert "\x1b" not in said
    assert "\u202e" not in said
    opened.page.mouse.click(500, 400)
    assert opened.page.evaluate("window.hit") is None
    opened.page.close()


@pytest.mark.parametrize(("scheme", "dark"), [("dark", True), ("light", False)])
def test_both_colour_schemes_are_readable(
    browser: Browser, tmp_path: Path, scheme: Scheme, dark: bool
) -> None:
    opened = Opened(browser, write(tmp_path, stories.rich()), scheme)
    paper = opened.colour("body", "background-color")
    assert (sum(paper) < 200) is dark
    for selector in ("body", ".lead", ".word.critical", ".word.warning", ".quiet", "dt"):
        assert contrast(opened.colour(selector, "color"), paper) >= 4.5, selector
    for drawn in ("#usage-desc ~ g text", "#rounds-desc ~ g text", "#logs-desc ~ g text"):
        assert contrast(opened.colour(drawn, "fill"), paper) >= 4.5, drawn
    opened.page.close()


def test_on_paper_it_is_light_and_every_detail_is_there(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, write(tmp_path, stories.rich()), "dark")
    shut = "document.querySelector('.finding:not([open]) dd').checkVisibility()"
    opened.page.emulate_media(media="print")
    assert opened.colour("body", "background-color") == (255, 255, 255)
    heights: list[float] = opened.page.evaluate(
        "[...document.querySelectorAll('.finding:not([open]) dl')]"
        ".map(e => e.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) > 20
    assert opened.page.evaluate(shut)
    assert len(opened.page.pdf(format="A4")) > 10_000
    opened.page.close()


def test_a_telephone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 700})
    for made in (stories.rich, stories.hostile):
        page.goto(write(tmp_path, made()).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the contrast ratio of WCAG 2; 4.5 is what it wants of text."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: tuple[int, ...]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
