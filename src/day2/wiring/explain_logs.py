# SPDX-License-Identifier: Apache-2.0
"""Requests followed through the logs, texts held against the known problems, secrets taken out."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from day2.errors import BadSettings, BadUsage
from day2.model.explanation import Cause, Explanation
from day2.model.finding import Subject
from day2.model.round import Report
from day2.model.severity import Severity
from day2.operations.explain import follow
from day2.operations.explain.policy import ExplainPolicy

if TYPE_CHECKING:
    from day2.adapters.logs.cleaning import Cleaner
    from day2.wiring.site import Site

MARGIN = timedelta(minutes=2)
# What a request begins may go on for as long as a large image is copied.
TAIL = timedelta(minutes=30)


def request(site: "Site", wanted: str) -> Explanation:
    """Tell what became of a request, by the logs of all hosts.

    Raises:
        BadSettings: when no logs are configured: nothing else knows a request.

    """
    from day2.operations.explain.asked import requests_in

    if not site.logs.configured:
        raise BadSettings(
            f"no logs of {site.cloud} are set: only they know a request",
            hint="setting clouds.NAME.kolla.inventory, or clouds.NAME.logs.opensearch.address",
        )
    found = requests_in(wanted)
    if not found:
        raise BadUsage(f"{wanted} is no request id", hint="it reads req- and a UUID")
    policy = site.section("explain", ExplainPolicy)
    now = site.clock.now()
    followed = site.logs.follow(
        found, now - timedelta(hours=policy.log_hours), now, lines_max=policy.log_lines_max
    )
    return cleaned(follow.explain(found[0], followed, _named(site)), site.logs.cleaner)


def text(site: "Site", words: str) -> Explanation:
    """Tell which known problems leave these words; no cloud is asked.

    Raises:
        BadSettings: when a file of the operator's own known problems is wrong.

    """
    from day2.wiring import problems

    suspects = problems.by_words(site, words)
    causes = [
        Cause(
            code=one.id,
            text=one.title,
            speaks_for=one.speaks_for,
            speaks_against=one.speaks_against,
            advice=one.advice,
            plan=one.plan,
        )
        for one in suspects
    ]
    summary = (
        f"{causes[0].text.rstrip('.')}{f' (and {len(causes) - 1} more)' if causes[1:] else ''}."
        if causes
        else "No known problem has these words."
    )
    found = Explanation(
        subject=Subject(type="text", id="the words given"),
        state=f"{len(words)} characters, {len(causes)} known problems have them",
        summary=summary,
        causes=causes,
        unknown=[] if causes else ["day2 log review groups what is logged; day2 problem list"],
    )
    return cleaned(found, site.logs.cleaner)


def finish(site: "Site", found: Explanation, *, logs: bool | None) -> Explanation:
    """Follow its requests, name the known problems, take out what is secret.

    Raises:
        BadSettings: when logs are asked for and none are configured.

    """
    if logs and not site.logs.configured:
        raise BadSettings(
            f"no logs of {site.cloud} are set",
            hint="setting clouds.NAME.kolla.inventory, or clouds.NAME.logs.opensearch.address",
        )
    # Nova may put a server into ERROR and say of its request neither that it ended nor how.
    troubled = found.causes or any(one.failed for one in found.events)
    if logs or (logs is None and troubled and site.logs.configured):
        found = _followed(site, found)
    return cleaned(_with_known(site, found), site.logs.cleaner)


def _followed(site: "Site", found: Explanation) -> Explanation:
    """Follow the requests of a story: those that failed first, then the newest."""
    policy = site.section("explain", ExplainPolicy)
    named = [one for one in found.events if one.request_id]
    ranked = sorted(named, key=lambda one: (not one.failed, -one.at.timestamp()))
    ids = list(dict.fromkeys(one.request_id for one in ranked))[: policy.requests_max]
    if not ids:
        return found
    moments = [one.at for one in named if one.request_id in ids]
    since, until = _span(site, moments)
    followed = site.logs.follow(ids, since, until, lines_max=policy.log_lines_max)
    return follow.merge(found, followed)


def _span(site: "Site", moments: list[datetime]) -> tuple[datetime, datetime]:
    return min(moments) - MARGIN, min(max(moments) + TAIL, site.clock.now() + MARGIN)


def _with_known(site: "Site", found: Explanation) -> Explanation:
    """Add to each cause that is a known problem what is known of it beside."""
    from day2.wiring import problems

    if not found.causes:
        return found
    pairs = [(found.subject, cause) for cause in found.causes]
    empty = Report(
        cloud=site.cloud,
        region=site.region,
        at=site.clock.now(),
        kind="explain",
        severity=Severity.OK,
    )
    by_text = {
        line: one for one in problems.suspects(site, empty, causes=pairs) for line in one.speaks_for
    }
    causes = []
    for cause in found.causes:
        known = by_text.get(cause.text)
        if known is not None:
            cause = msgspec.structs.replace(  # noqa: PLW2901 - the same cause, with more of it
                cause,
                advice=cause.advice or known.advice,
                plan=cause.plan or known.plan,
            )
        causes.append(cause)
    return msgspec.structs.replace(found, causes=causes)


def _named(site: "Site") -> follow.Named:
    tables = site.logs.tables
    by_id = {problem.id: problem for problem in tables.problems}

    def named(service: str, words: str) -> tuple[str, str, str] | None:
        found = by_id.get(tables.problem_of(service, words))
        return (found.id, found.title, found.advice) if found else None

    return named


def cleaned(found: Explanation, cleaner: "Cleaner") -> Explanation:
    """Take secrets out of every text of a story: names and messages are a stranger's words."""

    def walk(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
        if isinstance(value, str):
            return cleaner.clean(value)
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            return {key: walk(one) for key, one in value.items()}
        return value

    told = walk(msgspec.to_builtins(found, builtin_types=(datetime,)))
    return msgspec.convert(told, Explanation)
