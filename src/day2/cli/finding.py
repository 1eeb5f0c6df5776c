# SPDX-License-Identifier: Apache-2.0
"""`day2 finding …`: what is known to be wrong, and people's word on it."""

import argparse
import re
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.errors import BadUsage
from day2.model.severity import Severity

if TYPE_CHECKING:
    from day2.memory.rounds import Acknowledgement, KnownFinding
    from day2.wiring.site import Site

_SPAN = re.compile(r"^(\d+)\s*(h|d|w)$")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class List(Document):
    """List the findings that are open; --all adds those that are gone."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--all", action="store_true", help="with those that are gone")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.memory import rounds

        site = self.site(parsed)
        known = rounds.known_findings(site.memory, site.cloud, site.region)
        words = rounds.acknowledged(site.memory, site.cloud, site.region, site.clock.now())
        listed = [
            Listed.of(row, words.get(row.finding.key))
            for row in known
            if parsed.all or row.gone_at is None
        ]
        listed.sort(key=lambda row: (row.severity.rank, row.key))
        return Produced(
            document=envelope("findings", cloud=site.cloud, at=site.clock.now(), findings=listed),
            text="".join(_lines(row) for row in listed) or "no open finding\n",
            columns=[field.name for field in fields(Listed)],
            rows=[astuple(row) for row in listed],
        )


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One row of the list: a finding with its life and the word on it, if there is one."""

    key: str
    severity: Severity
    summary: str
    first_seen_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None
    word: str | None
    until: datetime | None
    reason: str | None
    by: str | None

    @classmethod
    def of(cls, row: "KnownFinding", word: "Acknowledgement | None") -> "Listed":
        """Put a finding and the word on it, if it holds, side by side."""
        if word and not word.holds_for(row.finding.severity):
            word = None
        return cls(
            key=row.finding.key,
            severity=row.finding.severity,
            summary=row.finding.summary,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            gone_at=row.gone_at,
            word=word.kind if word else None,
            until=word.until if word else None,
            reason=word.reason if word else None,
            by=word.by if word else None,
        )


def _lines(row: Listed) -> str:
    from day2.report.terminal import Text

    text = Text(colour=False)
    said = f" [{row.word} until {row.until:%Y-%m-%d %H:%M}: {row.reason}]" if row.word else ""
    gone = f", gone {row.gone_at:%Y-%m-%d %H:%M}" if row.gone_at else ""
    text.add(f"{row.severity.upper()}  {row.summary}", hanging=4)
    text.add(f"since {row.first_seen_at:%Y-%m-%d %H:%M}{gone}{said}", indent=4)
    text.add(f"key: {row.key}", indent=4, hanging=9)
    return text.render()


class _Word(Document):
    """Say something about one finding."""

    kind = ""
    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("key", help="the finding's key, as the report shows it")
        parser.add_argument(
            "--until",
            required=True,
            metavar="WHEN",
            help="when this word ends: 12h, 3d, 2w, or a moment such as 2026-12-24T09:00",
        )
        parser.add_argument("--reason", required=True, help="why, for your colleagues")
        parser.add_argument("--ticket", default="", help="where it is being dealt with")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Keep the word."""
        from day2.adapters.people import who
        from day2.memory import rounds

        site = self.site(parsed)
        known = _known(site, parsed.key)
        now = site.clock.now()
        word = rounds.Acknowledgement(
            key=parsed.key,
            kind=self.kind,
            reason=parsed.reason,
            ticket=parsed.ticket,
            by=who(site.environment),
            at=now,
            until=until(parsed.until, now),
            severity=known.finding.severity,
        )
        rounds.acknowledge(site.memory, site.cloud, site.region, word)
        shown = "not shown" if self.kind == "mute" else "shown as acknowledged"
        return Produced(
            document=envelope("acknowledgement", cloud=site.cloud, at=now, word=word),
            text=f"{parsed.key}\n  is {shown} until {word.until:%Y-%m-%d %H:%M} UTC\n"
            f"  it is {word.severity} now; the word does not hold for anything worse\n",
        )


class Ack(_Word):
    """Acknowledge a finding: it stays, marked, and does not set the severity unless it grows."""

    kind = "ack"


class Mute(_Word):
    """Mute a finding: it is counted, not shown, until the word ends or the finding grows worse."""

    kind = "mute"


def until(text: str, now: datetime) -> datetime:
    """Read a span (12h, 3d, 2w) or an ISO 8601 moment (UTC unless it says otherwise).

    Raises:
        BadUsage: when it is neither, or already past.

    """
    span = _SPAN.match(text)
    try:
        if span:
            moment = now + timedelta(**{_UNITS[span[2]]: int(span[1])})
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadUsage(
            f"--until {text!r} is neither a span (12h, 3d, 2w) nor a moment (2026-12-24T09:00)"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now:
        raise BadUsage(f"--until {text} is in the past")
    return moment


def _known(site: "Site", key: str) -> "KnownFinding":
    from day2.memory import rounds

    for row in rounds.known_findings(site.memory, site.cloud, site.region):
        if row.finding.key == key:
            return row
    raise BadUsage(f"no finding {key!r} was ever seen", hint="see them with: day2 finding list")
