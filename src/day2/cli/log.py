# SPDX-License-Identifier: Apache-2.0
"""`day2 log …`: what the services' logs say."""

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.errors import BadUsage

if TYPE_CHECKING:
    from day2.model.logs import LogTemplate

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DAYS_MAX = 31


class Review(Document):
    """Review the errors in all logs: grouped, counted, new ones first, known noise named.

    A review of the whole cloud is kept, so that the next one knows what is new; one that is
    restricted by --service or --host is not.
    """

    codes = (0, 2, 10, 11, 12, 21, 23)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--since",
            metavar="AGE",
            default="24h",
            help="how far to look back: 90m, 24h (the default), 7d",
        )
        parser.add_argument(
            "--service",
            action="append",
            default=[],
            metavar="NAME",
            help="only logs whose name holds this (nova, neutron-l3-agent); may be repeated",
        )
        parser.add_argument(
            "--host",
            action="append",
            default=[],
            metavar="NAME",
            help="only this host of the inventory; may be repeated",
        )
        parser.add_argument(
            "--details", action="store_true", help="show every kind of error, with an example"
        )
        parser.add_argument(
            "--nagios",
            action="store_true",
            help="exit as a Nagios plug-in does: 0 ok, 1 warning, 2 critical, 3 unknown",
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Review them."""
        since = age(parsed.since)
        site = self.site(parsed)
        services = [name.replace("_", "-") for name in parsed.service]
        with Progress("reading logs"):
            made = site.logs.review(since, services=services, hosts=parsed.host)
        from day2.operations.logs import rules
        from day2.report import logs

        review = made.review
        graded = {one.key: rules.severity(one, site.logs.policy)[0] for one in review.templates}
        titles = {problem.id: problem.title for problem in site.logs.tables.problems}
        document = envelope(
            "log-review",
            cloud=review.cloud,
            at=review.at,
            region=review.region,
            review=review.id,
            since=review.since,
            until=review.until,
            source=review.source,
            severity=made.severity,
            templates=[_listed(one, graded[one.key].value) for one in review.templates],
            findings=made.findings,
            hosts=review.hosts,
            lines=review.lines,
            events=review.events,
            gaps=review.gaps,
            seconds=review.seconds,
        )
        return Produced(
            document=document,
            text=logs.render(review, graded, titles, colour=self.colour, details=parsed.details),
            columns=("severity", "new", "level", "service", "count", "hosts", "template", "key"),
            rows=[_row(one, graded[one.key].value) for one in review.templates],
            exit_code=made.exit_code,
        )


def age(text: str) -> timedelta:
    """Read `30s`, `90m`, `24h` or `7d`.

    Raises:
        BadUsage: when it is none of these, nothing at all, or more than a month.

    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < span <= timedelta(days=DAYS_MAX):
        raise BadUsage(f"--since {text}: not an age", hint=f"90m, 24h, 7d; at most {DAYS_MAX} days")
    return span


def _listed(one: "LogTemplate", severity: str) -> dict[str, Any]:
    import msgspec

    return {"severity": severity, **msgspec.to_builtins(one)}


def _row(one: "LogTemplate", severity: str) -> tuple[Any, ...]:
    from day2.report.terminal import plain

    hosts = ", ".join(plain(name) for name in one.hosts)
    new = "yes" if one.new else "no"
    words = plain(one.template)
    return severity, new, one.level, plain(one.service), one.count, hosts, words, one.key
