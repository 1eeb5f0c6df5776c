# SPDX-License-Identifier: Apache-2.0
"""The story of a server: how it is, the moments that led there, and why."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from day2.model.explanation import Candidate, Cause, Event, Explanation
from day2.model.finding import Finding, Subject
from day2.model.survey import Survey
from day2.model.tables.compute import Migration, Server, ServerAction
from day2.operations.explain import placing
from day2.operations.explain.hosts import hosts, shares_disk
from day2.operations.explain.policy import ExplainPolicy
from day2.operations.explain.request import Request, request_of

NO_PLACE = ("No valid host", "NoValidHost", "no allocation candidates", "Exceeded maximum number")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one server beside the survey.

    `image` are the properties of the image that it boots from; None: they could not be read.
    """

    server: Server
    actions: list[ServerAction]
    image: Mapping[str, str] | None
    migrations: list[Migration]


def explain(
    told: Told,
    survey: Survey,
    findings: Iterable[Finding],
    policy: ExplainPolicy,
    *,
    named: Callable[[str], tuple[str, str] | None],
) -> Explanation:
    """Tell the story; pure. `named` gives title and advice of a known problem by its words."""
    server = told.server
    subject = Subject(
        type="server",
        id=server.id,
        name=server.name,
        project=server.project_id,
        host=server.host or "",
    )
    events = _events(told)[-policy.events_max :]
    concerned = [f for f in findings if _concerns(f, server)]
    message = _message(told)
    common = Explanation(
        subject=subject,
        state=_state(server),
        summary="",
        events=events,
        findings=concerned,
        gaps=survey.gaps,
    )
    if found_no_place(told):
        return _no_place(common, told, survey, policy, message)
    causes = []
    known = named(message) if message else None
    if known is not None:
        title, advice = known
        causes.append(Cause(code="known", text=title, speaks_for=[message], advice=advice))
    causes += [
        Cause(code=f.check, text=f.summary, speaks_for=[f.why], advice=f.advice)
        for f in concerned
        # It says in other words what the fault says itself.
        if not (message and f.check == "server.error")
    ]
    if message and known is None:
        causes.insert(0, Cause(code="fault", text=message))
    return msgspec.structs.replace(common, causes=causes, summary=_summary(server, causes))


def found_no_place(told: Told) -> bool:
    """Tell whether the scheduler found no place for it: then every host is to be judged."""
    return any(word in _message(told) for word in NO_PLACE)


def _no_place(
    common: Explanation, told: Told, survey: Survey, policy: ExplainPolicy, message: str
) -> Explanation:
    tables = survey.tables
    groups = [g for g in tables.server_groups if told.server.id in g.members]
    request = request_of(told.server, image=told.image or {}, groups=groups)
    judged = placing.judge(
        hosts(tables), request, policy.scheduler_filters, shared_disk=shares_disk(tables)
    )
    causes = judged.causes or _suspects(request, judged.candidates)
    return msgspec.structs.replace(
        common,
        summary=_no_place_summary(judged, causes),
        causes=[
            msgspec.structs.replace(c, speaks_for=[*c.speaks_for, f"Nova said: {message}"])
            if n == 0
            else c
            for n, c in enumerate(causes)
        ],
        candidates=judged.candidates,
        nearest=judged.nearest,
        unknown=_unknown(told, request),
    )


def _no_place_summary(judged: placing.Judged, causes: Sequence[Cause]) -> str:
    if not judged.candidates:
        return "No host is known at all: nova-compute never reported."
    if judged.causes:
        first = judged.causes[0]
        more = f" (and {len(judged.causes) - 1} more)" if len(judged.causes) > 1 else ""
        return f"No host could take it: {first.text}{more}."
    free = [c.host for c in judged.candidates if not c.reasons]
    where = f"{', '.join(free[:3])} could take it now"
    if causes:
        return f"By figures {where}: what kept it away is {causes[0].text}."
    return f"By figures {where}: what was missing then is there again."


def _suspects(request: Request, candidates: Sequence[Candidate]) -> list[Cause]:
    """Name what only the hosts could have answered, once everything else is ruled out."""
    fits = [c.host for c in candidates if not c.reasons]
    found = [
        Cause(
            code=f"hidden {name}",
            text=f"what no API tells of hosts: {name}",
            speaks_for=["everything else that was asked for is there"],
            speaks_against=[f"{', '.join(fits[:3])} may have it for all that is known"],
            advice="See the last lines of nova-scheduler for its request id: it names the filter.",
        )
        for name in request.hidden
    ]
    architecture = request.image.get("hw_architecture")
    if architecture:
        found.append(
            Cause(
                code="image hw_architecture",
                text=f"the image's hw_architecture={architecture}; hosts do not tell theirs",
                advice="Compare it with the hosts' own: lscpu, or virsh capabilities.",
            )
        )
    return found


def _unknown(told: Told, request: Request) -> list[str]:
    found = [
        "a host that was named in the request (zone:host, or host) is told by no API",
        "the hosts are judged as they are now, not as they were then",
    ]
    if told.image is None:
        found.append("properties of its image could not be read")
    found += [f"only the hosts themselves know: {name}" for name in request.hidden]
    return found


def _message(told: Told) -> str:
    if told.server.fault is not None and told.server.fault.message:
        return told.server.fault.message
    # "Error" is what Nova says of an action when it has said nothing.
    said = (a.message for a in reversed(told.actions) if a.message and a.message != "Error")
    return next(said, "")


def _state(server: Server) -> str:
    task = f", {server.task_state}" if server.task_state else ""
    where = f" on {server.host}" if server.host else ", on no host"
    return f"{server.status}{task}{where}"


def _summary(server: Server, causes: Sequence[Cause]) -> str:
    if causes:
        return f"{causes[0].text.rstrip('.')}."
    return f"Nothing speaks against it: {_state(server)}."


def _concerns(finding: Finding, server: Server) -> bool:
    """Tell whether a finding is about the server, one of its moves, or the host that it is on."""
    subject = finding.subject
    if subject.id == server.id or subject.type == "migration":
        return True
    at_host = bool(server.host) and server.host in {subject.host, subject.id}
    return at_host and subject.type in {"host", "service", "hypervisor"}


def _events(told: Told) -> list[Event]:
    found = []
    for action in told.actions:
        if action.start_time is None:
            continue
        found.append(
            Event(
                at=action.start_time,
                what=action.action,
                detail=action.message or "",
                request_id=action.request_id,
                failed=bool(action.message),
            )
        )
        found += [
            Event(
                at=event.finish_time or event.start_time or action.start_time,
                what=f"{action.action}: {event.event}",
                detail=f"{event.result or 'not ended'}{f' on {event.host}' if event.host else ''}",
                request_id=action.request_id,
                failed=event.result == "Error",
            )
            for event in action.events
        ]
    found += [
        Event(
            at=m.created_at,
            what=f"{m.migration_type or 'migration'} {m.status}",
            detail=f"{m.source_compute} → {m.dest_compute or '?'}",
            failed=m.status in {"error", "failed"},
        )
        for m in told.migrations
        if m.created_at is not None
    ]
    return sorted(found, key=lambda event: event.at)
