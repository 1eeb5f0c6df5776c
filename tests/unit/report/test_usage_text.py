# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import pytest

from day2.model.usage import Trend, Usage
from day2.report import usage

AT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
WEEK_AGO = datetime(2026, 4, 27, 9, 0, tzinfo=UTC)


def row(name: str, allocated: float, usable: float | None, **fields: object) -> Usage:
    given = {"scope": "aggregate", "resource": "VCPU", "providers": 2, **fields}
    return Usage(name=name, allocated=allocated, usable=usable, **given)  # type: ignore[arg-type]


WHOLE = """\
usage of prod, 2026-05-04 09:00:00 UTC

Aggregates                                                          7 d     30 d
  full (2 hosts, 1 apart)
    VCPU      ████████████████████   104% 104 of 100                +12        -
  half (2 hosts)
    memory    ██████████░░░░░░░░░░    50% 4.0 GiB of 8.0 GiB      -1.0G        -

Projects, against their quotas                                      7 d     30 d
  acme
    VCPU                                  3                           0        -

- 1 migration holds 4 VCPU

7 d: since the round of 2026-04-27 09:00; 30 d: no round of that time is kept
"""


def trends(change: float) -> list[Trend]:
    return [Trend(days=7, since=WEEK_AGO, change=change), Trend(days=30)]


def test_a_whole_page_reads_so() -> None:
    rows = [
        row("half", 4096, 8192, resource="MEMORY_MB"),
        row("full", 104, 100, closed_providers=1, closed_usable=50),
        row("p1", 3, None, scope="project", label="acme"),
    ]
    text = usage.render(
        "prod",
        AT,
        rows,
        notes=["1 migration holds 4 VCPU"],
        trends={
            rows[0].place: trends(-1024),
            rows[1].place: trends(12),
            rows[2].place: trends(0),
        },
    )
    assert text == WHOLE


def test_no_line_is_wider_than_80_columns_and_no_name_steers_the_terminal() -> None:
    rows = [
        row("x\x1b[2J\u202e" * 500, 10**15, 10**16, resource="CUSTOM_" + "A" * 200),
        *(row(f"a{n}", n, 100) for n in range(30)),
    ]
    text = usage.render("prod", AT, rows, trends={r.place: trends(10**14) for r in rows})
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "and 21 less full: --scope aggregate" in text


def test_nothing_counted_is_said_in_words() -> None:
    assert "Nothing could be counted" in usage.render("prod", AT, [], notes=["why"])


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (None, "-"),
        (0, "0%"),
        (0.0001, "<1%"),
        (0.5, "50%"),
        (0.999, ">99%"),
        (1, "100%"),
        (1.2, "120%"),
    ],
)
def test_a_ratio_is_never_rounded_to_nothing_or_to_full(ratio: float | None, said: str) -> None:
    assert usage.percent(ratio) == said


@pytest.mark.parametrize(
    ("resource", "value", "said"),
    [
        ("VCPU", 1234, "1,234"),
        ("MEMORY_MB", 512, "512 MiB"),
        ("MEMORY_MB", 1536, "1.5 GiB"),
        ("DISK_GB", 5000, "4.9 TiB"),
        ("BYTES", 0, "0 B"),
        ("RAW_BYTES", 2**50, "1.0 PiB"),
        ("CUSTOM_X", 7, "7"),
    ],
)
def test_amounts_are_said_in_the_unit_that_people_use(
    resource: str, value: float, said: str
) -> None:
    assert usage.amount(resource, value) == said
