# SPDX-License-Identifier: Apache-2.0
"""The story of one subject: how it is, why, what speaks for and against each cause, what to do."""

from datetime import datetime

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.survey import Gap


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why one host cannot take a server. `code` groups reasons of a kind: `VCPU`, `disabled`, ...

    `missing_ratio` tells how far the host is from it: 0.5 is half of what is wanted; None: it is
    no matter of more or less.
    """

    code: str
    text: str
    missing_ratio: float | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One host and everything that speaks against it; no reason: it could take the server now."""

    host: str
    zone: str = ""
    reasons: list[Reason] = []


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One possible cause, likeliest first in a list; `code` is stable, the sentences are not.

    `plan` is the command that would make a plan against it, empty where day2 has none.
    """

    code: str
    text: str
    speaks_for: list[str] = []
    speaks_against: list[str] = []
    advice: str = ""
    plan: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the story; `request_id` follows it through the logs of all services.

    `service` and `host` are those of the log that tells it, or of the API that does; empty where
    it does not say.
    """

    at: datetime
    what: str
    detail: str = ""
    request_id: str = ""
    failed: bool = False
    service: str = ""
    host: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the subject hangs on, or that hangs on it.

    `relation` says how (`port`, `volume`, `agent`, ...); `state` is None where it could not be
    read; `bad` that it is not as it should be.
    """

    relation: str
    subject: Subject
    state: str | None
    bad: bool = False


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one subject. `nearest` is the host that lacks least, empty: none to name.

    `links` are what it hangs on and what hangs on it; `effects` say what its end means.
    `unknown` says in words what could not be looked at and might decide.
    """

    subject: Subject
    state: str
    summary: str
    causes: list[Cause] = []
    candidates: list[Candidate] = []
    nearest: str = ""
    events: list[Event] = []
    links: list[Link] = []
    effects: list[str] = []
    findings: list[Finding] = []
    unknown: list[str] = []
    gaps: list[Gap] = []
