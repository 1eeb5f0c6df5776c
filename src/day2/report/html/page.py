# SPDX-License-Identifier: Apache-2.0
"""Put the page together: one file that needs nothing but itself."""

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from day2.report.html import view, words
from day2.report.html.clip import clip
from day2.report.html.story import Story

if TYPE_CHECKING:
    from jinja2 import Template

TALLIES_TABLE_MAX = 30


def render(story: Story) -> str:
    """Render the whole file.

    Every text of the cloud passes `clip` (printable, bounded) and the template's escaping; the
    drawings are markup that this package made.
    """
    from day2.report.html import plots  # noqa: PLC0415 - half a second, for this file only

    report = story.report
    found = words.counts(story)
    return _template().render(
        style=_read("style.css"),
        cloud=clip(report.cloud, 80),
        region=clip(report.region, 80),
        report=report,
        severity=report.severity.value,
        unseen=bool(report.gaps),
        headline=words.headline(story),
        paragraph=words.paragraph(story),
        counts=[(severity.value, number) for severity, number in found.items()],
        findings=view.findings(report),
        changes=view.changes(report),
        gaps=view.gaps(report.gaps),
        usage=view.usage(story.usage),
        usage_notes=[clip(note, 600) for note in report.usage_notes[: view.KEYS_MAX]],
        usage_plot=plots.usage(story.usage),
        tallies=story.tallies[:TALLIES_TABLE_MAX],
        tallies_plot=plots.severity(story.tallies),
        logs=view.logs(story.logs[0]) if story.logs else None,
        logs_plot=plots.logs(story.logs) if len(story.logs) > 1 else None,
        story=story,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - as above

    environment = Environment(
        loader=PackageLoader("day2.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _read(name: str) -> str:
    return resources.files("day2.report.html").joinpath(name).read_text(encoding="utf-8")
