# SPDX-License-Identifier: Apache-2.0
"""The drawings of a report; matplotlib is imported here, when an HTML report is made."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from day2.model.logs import LogReview
from day2.model.round import Tally
from day2.model.severity import Severity
from day2.model.usage import Usage
from day2.report.html.clip import clip
from day2.report.html.svg import colour, embed, token
from day2.report.usage import WORDS, by_name, percent

POINTS = 72
WIDTH = 720 / POINTS
"""720 units wide: at its usual size on the page one unit is about one pixel."""
ROWS_MAX = 14
COLUMNS_MAX = 4
LABEL_LENGTH = 22
FONT = 11.0
STACK = (Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING, Severity.INFO)


def usage(rows: Sequence[Usage]) -> Markup | None:
    """Draw one bar for each aggregate and resource class; None when nothing is bounded."""
    groups = [*by_name(rows, "cloud"), *by_name(rows, "aggregate")][:ROWS_MAX]
    found: dict[str, None] = {}
    for group in groups:
        found.update(dict.fromkeys(row.resource for row in group if row.used_ratio is not None))
    resources = list(found)[:COLUMNS_MAX]
    if not resources:
        return None
    height = (34 + 24 * len(groups)) / POINTS
    figure = Figure(figsize=(WIDTH, height))
    left, gap = 0.21, 0.07
    width = (1 - left - gap * len(resources)) / len(resources)
    labels = ["whole cloud" if g[0].scope == "cloud" else _label(g[0].title) for g in groups]
    for column, resource in enumerate(resources):
        axes = figure.add_axes(
            (left + column * (width + gap), 8 / 72 / height, width, 1 - 32 / 72 / height)
        )
        _bars(axes, resource, groups, title=token(len(groups) + column))
        if column == 0:
            for number in range(len(groups)):
                axes.text(
                    -0.05,
                    number,
                    token(number),
                    ha="right",
                    va="center",
                    size=FONT,
                    color=colour("ink"),
                    parse_math=False,
                )
    said = "; ".join(
        f"{label}: "
        + ", ".join(
            f"{_label(WORDS.get(row.resource, row.resource))} {percent(row.used_ratio)}"
            for row in group[:COLUMNS_MAX]
        )
        for label, group in zip(labels, groups, strict=True)
    )
    return embed(
        figure,
        "usage",
        title="How much of what may be allocated is allocated, by aggregate",
        description=said,
        labels=[*labels, *(_label(WORDS.get(name, name)) for name in resources)],
    )


def _bars(axes: Axes, resource: str, groups: Sequence[Sequence[Usage]], *, title: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.axis("off")
    axes.text(
        0,
        -0.62,
        title,
        va="bottom",
        size=FONT,
        color=colour("faint"),
        parse_math=False,
    )
    for number, group in enumerate(groups):
        ratio = next((row.used_ratio for row in group if row.resource == resource), None)
        if ratio is None:
            axes.text(0, number, "-", va="center", size=FONT, color=colour("faint"))
            continue
        axes.barh(number, 1, height=0.5, color=colour("track"))
        axes.barh(number, min(ratio, 1), height=0.5, color=colour("accent"))
        axes.text(1.03, number, percent(ratio), va="center", size=FONT, color=colour("ink"))


def severity(tallies: Sequence[Tally]) -> Markup | None:
    """Draw the findings of each round by severity, oldest first; None when there are none."""
    rounds = list(reversed(tallies))
    if not any(tally.counts.get(level) for tally in rounds for level in STACK):
        return None
    figure = Figure(figsize=(WIDTH, 170 / POINTS))
    axes = _time_axes(figure, (0.06, 0.2, 0.92, 0.7), len(rounds))
    floor = [0] * len(rounds)
    for level in STACK:
        heights = [tally.counts.get(level, 0) for tally in rounds]
        axes.bar(range(len(rounds)), heights, bottom=floor, width=0.78, color=colour(level.value))
        floor = [a + b for a, b in zip(floor, heights, strict=True)]
    axes.set_ylim(0, max([*floor, 1]) * 1.1)
    for number, tally in enumerate(rounds):
        if tally.gaps:
            axes.text(
                number, floor[number], "?", ha="center", va="bottom", size=9, color=colour("faint")
            )
    _dates(axes, [f"{tally.at:%m-%d}" for tally in rounds])
    first, last = rounds[0], rounds[-1]
    return embed(
        figure,
        "rounds",
        title=f"Findings of the last {len(rounds)} rounds by severity",
        description=f"From round {first.id} of {first.at:%Y-%m-%d} with {floor[0]} findings "
        f"to round {last.id} of {last.at:%Y-%m-%d} with {floor[-1]}.",
    )


def logs(reviews: Sequence[LogReview]) -> Markup | None:
    """Draw how many kinds of errors each review found, known and new, and how many errors."""
    told = list(reversed(reviews))
    if not told:
        return None
    figure = Figure(figsize=(WIDTH, 220 / POINTS))
    upper = _time_axes(figure, (0.08, 0.56, 0.9, 0.34), len(told))
    new = [sum(t.new for t in review.templates) for review in told]
    known = [len(review.templates) - fresh for review, fresh in zip(told, new, strict=True)]
    across = range(len(told))
    upper.bar(across, known, width=0.78, color=colour("muted"))
    upper.bar(across, new, bottom=known, width=0.78, color=colour("accent"))
    upper.set_ylim(0, max(*(len(review.templates) for review in told), 1, 1) * 1.1)
    _caption(upper, "kinds of errors")
    upper.set_xticks([])
    lower = _time_axes(figure, (0.08, 0.15, 0.9, 0.24), len(told))
    lower.bar(across, [review.events for review in told], width=0.78, color=colour("muted"))
    lower.set_ylim(0, max(*(review.events for review in told), 1, 1) * 1.1)
    _caption(lower, "errors")
    _dates(lower, [f"{review.until:%m-%d}" for review in told])
    latest = told[-1]
    return embed(
        figure,
        "logs",
        title=f"Kinds of errors in the logs over the last {len(told)} reviews",
        description=f"The latest review has {len(latest.templates)} kinds of errors, {new[-1]} of "
        f"them new, and {latest.events} errors.",
    )


def _time_axes(figure: Figure, place: tuple[float, float, float, float], count: int) -> Axes:
    axes = figure.add_axes(place)
    axes.set_facecolor("none")
    # One bar is not to be as wide as the page.
    axes.set_xlim(-0.6 - max(0, 12 - count), count - 0.4)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(colour("rule"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.tick_params(length=0, labelsize=10, labelcolor=colour("faint"), color=colour("rule"))
    axes.grid(axis="y", color=colour("rule"), linewidth=0.7)
    axes.set_axisbelow(True)
    return axes


def _caption(axes: Axes, text: str) -> None:
    axes.text(0, 1.06, text, transform=axes.transAxes, size=10, color=colour("faint"))


def _dates(axes: Axes, dates: Sequence[str]) -> None:
    """Write every day that fits once, the last one always."""
    step = max(1, -(-len(dates) // 10))
    places = sorted(range(len(dates) - 1, -1, -step))
    shown, seen = [], set()
    for place in reversed(places):
        if dates[place] not in seen:
            seen.add(dates[place])
            shown.append(place)
    axes.set_xticks(shown, [dates[place] for place in shown])


def _label(name: str) -> str:
    return clip(name, 200) if len(name) <= LABEL_LENGTH else f"{clip(name[: LABEL_LENGTH - 1])}…"
