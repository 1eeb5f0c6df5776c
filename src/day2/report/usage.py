# SPDX-License-Identifier: Apache-2.0
"""Usage as text: bars in 80 columns, the fullest of each scope first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from day2.model.usage import SCOPES, Trend, Usage
from day2.report.terminal import Text

Trends = Mapping[tuple[str, str, str], Sequence[Trend]]
BAR = 20
NAMES_MAX = 10
"""A scope with more names than this shows its fullest ones and counts the others."""
TITLES = {
    "cloud": "The whole cloud",
    "zone": "Availability zones",
    "aggregate": "Aggregates",
    "project": "Projects, against their quotas",
    "pool": "Storage pools",
}
_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_BYTES = {"MEMORY_MB": 1 << 20, "DISK_GB": 1 << 30, "BYTES": 1, "PROVISIONED_BYTES": 1}
_STEPS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
WORDS = {
    "MEMORY_MB": "memory",
    "DISK_GB": "disk",
    "BYTES": "stored",
    "RAW_BYTES": "raw",
    "PROVISIONED_BYTES": "promised",
}


def render(
    cloud: str,
    at: datetime,
    rows: Sequence[Usage],
    *,
    notes: Sequence[str] = (),
    trends: Trends | None = None,
    all_names: bool = False,
    colour: bool = False,
) -> str:
    """Render the usage alone: what `day2 usage show` prints."""
    text = Text(colour=colour)
    text.add(f"usage of {cloud}, {at:%Y-%m-%d %H:%M:%S} UTC")
    section(text, rows, notes=notes, trends=trends or {}, all_names=all_names)
    _since(text, trends or {})
    return text.render()


def section(
    text: Text,
    rows: Sequence[Usage],
    *,
    notes: Sequence[str] = (),
    trends: Trends | None = None,
    all_names: bool = False,
) -> None:
    """Add the usage to a text, scope by scope."""
    known = trends or {}
    for scope in SCOPES:
        names = by_name(rows, scope)
        if not names:
            continue
        text.add()
        text.line(_head(TITLES[scope], known, rows), style=_BOLD)
        shown = names if all_names else names[:NAMES_MAX]
        for mine in shown:
            if scope != "cloud":
                text.line(f"  {mine[0].title or mine[0].name}{_hosts(mine)}")
            for row in mine:
                text.line(f"    {_line(row, known.get(row.place, ()))}")
        if len(shown) < len(names):
            text.line(f"  and {len(names) - len(shown)} less full: --scope {scope}", style=_DIM)
    if not rows:
        text.add()
        text.add("Nothing could be counted.")
    for note in notes:
        text.add()
        text.add(f"- {note}", hanging=2)


def by_name(rows: Iterable[Usage], scope: str) -> list[list[Usage]]:
    """Group the rows of one scope by name, the fullest name first, then the larger one."""
    mine = sorted((row for row in rows if row.scope == scope), key=lambda row: row.name)
    groups = [list(group) for _name, group in groupby(mine, key=lambda row: row.name)]
    return sorted(groups, key=_fullness)


def _fullness(group: Sequence[Usage]) -> tuple[float, float, str]:
    fullest = max((row.used_ratio or 0 for row in group), default=0)
    largest = max((row.allocated for row in group), default=0)
    return (-fullest, -largest, group[0].name)


def _hosts(mine: Sequence[Usage]) -> str:
    first = mine[0]
    if first.scope not in {"zone", "aggregate"}:
        return ""
    said = f" ({first.providers} host{'' if first.providers == 1 else 's'}"
    return f"{said}, {first.closed_providers} apart)" if first.closed_providers else f"{said})"


def _head(title: str, trends: Trends, rows: Sequence[Usage]) -> str:
    days = next((found for row in rows if (found := trends.get(row.place))), ())
    columns = "".join(f"{f'{trend.days} d':>9}" for trend in days)
    return f"{title:<{80 - len(columns)}}{columns}" if columns else title


def _line(row: Usage, trends: Sequence[Trend]) -> str:
    word = WORDS.get(row.resource, row.resource)
    amounts = amount(row.resource, row.allocated)
    if row.usable is None:
        drawn, share = " " * BAR, ""
    else:
        drawn, share = bar(row.used_ratio), percent(row.used_ratio)
        amounts = f"{amounts} of {amount(row.resource, row.usable)}"
    change = "".join(f"{changed(row.resource, trend.change):>9}" for trend in trends)
    width = 76 - 9 * len(trends) - 10 - BAR - 1 - 6 - 1
    return f"{word[:9]:<9} {drawn} {share:>6} {amounts[:width]:<{width}}{change}".rstrip()


def bar(ratio: float | None) -> str:
    """Draw a ratio; beyond full stays full, and anything above nothing shows."""
    filled = 0 if not ratio else min(max(round(ratio * BAR), 1), BAR)
    return "█" * filled + "░" * (BAR - filled)


def percent(ratio: float | None) -> str:
    """Say a ratio; `-` where there is no bound, and never 0% or 100% for nearly so."""
    if ratio is None:
        return "-"
    if 0 < ratio < 0.005:  # noqa: PLR2004 - rounds to 0
        return "<1%"
    return ">99%" if 0.995 <= ratio < 1 else f"{ratio:.0%}"  # noqa: PLR2004 - rounds to 100


def amount(resource: str, value: float) -> str:
    """Say an amount of a resource class in the unit that people use."""
    size = _BYTES.get(resource, 1 if resource.endswith("_BYTES") else None)
    if size is None:
        return f"{value:,.0f}"
    number = value * size
    step = 0
    while abs(number) >= 1024 and step < len(_STEPS) - 1:  # noqa: PLR2004 - binary prefixes
        number, step = number / 1024, step + 1
    digits = 1 if step and abs(number) < 100 else 0  # noqa: PLR2004 - three digits
    return f"{number:,.{digits}f} {_STEPS[step]}"


def changed(resource: str, value: float | None) -> str:
    """Say a change with its sign; `-` where there is nothing to compare with."""
    if value is None:
        return "-"
    said = amount(resource, abs(value)).replace("iB", "").replace(" ", "")
    return "0" if not value else f"{'+' if value > 0 else '-'}{said}"


def _since(text: Text, trends: Trends) -> None:
    seen = {t.days: t.since for found in trends.values() for t in found if t.since}
    wanted = sorted({t.days for found in trends.values() for t in found})
    if not wanted:
        return
    said = [
        f"{days} d: since the round of {seen[days]:%Y-%m-%d %H:%M}"
        if days in seen
        else f"{days} d: no round of that time is kept"
        for days in wanted
    ]
    text.add()
    text.add("; ".join(said), style=_DIM)
