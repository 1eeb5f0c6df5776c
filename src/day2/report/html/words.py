# SPDX-License-Identifier: Apache-2.0
"""A report in one paragraph, for whoever reads nothing else."""

from collections import Counter
from collections.abc import Iterator

from day2.model.severity import Severity
from day2.report.html.clip import clip
from day2.report.html.story import Story
from day2.report.usage import WORDS, percent

SUMMARY_LENGTH = 240
NOUNS = {
    Severity.CRITICAL: ("critical finding", "critical findings"),
    Severity.UNKNOWN: ("finding of unknown weight", "findings of unknown weight"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("note", "notes"),
}
SHOWN = tuple(NOUNS)


def count(number: int, one: str, many: str = "") -> str:
    """Say a number with its noun."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def counts(story: Story) -> dict[Severity, int]:
    """Count the top-level findings by severity."""
    found = Counter(finding.severity for finding in story.report.findings)
    return {severity: found[severity] for severity in SHOWN if found[severity]}


def headline(story: Story) -> str:
    """Say in a few words how the cloud is."""
    report = story.report
    if report.refused:
        return "The cloud could not be judged: the account was refused"
    unseen = " as far as it was seen" if report.gaps else ""
    found = counts(story)
    match report.severity:
        case Severity.CRITICAL:
            return (
                f"{count(found.get(Severity.CRITICAL, 0), 'thing needs', 'things need')} action now"
            )
        case Severity.WARNING:
            said = count(found.get(Severity.WARNING, 0), "thing needs", "things need")
            return f"Nothing critical{unseen}; {said} care"
        case Severity.UNKNOWN:
            return "Not everything could be judged"
        case _:
            return f"The cloud is well{unseen}"


def paragraph(story: Story) -> str:
    """Say the whole in a few sentences."""
    return " ".join(_sentences(story))


def _sentences(story: Story) -> Iterator[str]:
    report = story.report
    where = f"{report.cloud}{f' ({report.region})' if report.region else ''}"
    found = counts(story)
    said = [count(number, *NOUNS[severity]) for severity, number in found.items()]
    listed = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)
    yield (
        f"On {report.at:%Y-%m-%d} at {report.at:%H:%M} UTC, {count(report.checks, 'check')} over "
        f"{count(report.objects, 'object')} of the cloud {where} found {listed or 'nothing wrong'}."
    )
    worst = next(iter(report.findings), None)
    if worst and worst.severity in {Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING}:
        more = len(worst.consequences)
        explains = f", which explains {count(more, 'other finding')}" if more else ""
        yield f"First of all: {clip(worst.summary, SUMMARY_LENGTH)}{explains}."
    if report.compared_with:
        before = report.compared_with
        yield (
            f"Since round {before.id} of {before.at:%Y-%m-%d %H:%M}, {_number(len(report.new))} "
            f"new and {_number(len(report.gone))} gone."
        )
    if report.gaps:
        tables = len({gap.kind for gap in report.gaps})
        yield (
            f"{count(tables, 'table')} could not be read whole: what is missing there is not known."
        )
    fullest = max(
        (r for r in story.usage if r.scope in {"aggregate", "cloud"} and r.used_ratio is not None),
        key=lambda r: r.used_ratio or 0,
        default=None,
    )
    if fullest:
        what = WORDS.get(fullest.resource, fullest.resource)
        place = "of the cloud" if fullest.scope == "cloud" else f"in aggregate {fullest.title}"
        yield f"The fullest resource is {what} {clip(place, 80)}: {percent(fullest.used_ratio)}."
    if story.logs:
        latest = story.logs[0]
        new = sum(template.new for template in latest.templates)
        yield (
            f"The logs hold {count(latest.events, 'error')} of "
            f"{count(len(latest.templates), 'kind')}, {_number(new)} new."
        )


def _number(number: int) -> str:
    return "none is" if number == 0 else "1 is" if number == 1 else f"{number:,} are"
