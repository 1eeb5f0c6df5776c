# SPDX-License-Identifier: Apache-2.0
"""The story of one subject: what decides is read, and the room's pure functions tell it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import structs

from day2.errors import BadUsage, Day2Error
from day2.operations.explain.policy import ExplainPolicy

if TYPE_CHECKING:
    from day2.adapters.openstack.session import Session
    from day2.adapters.openstack.stories import Stories
    from day2.model.explanation import Explanation
    from day2.model.survey import Survey
    from day2.model.tables.compute import Server
    from day2.operations.explain.asked import Form
    from day2.operations.explain.server import Told
    from day2.wiring.explain_stories import Reader
    from day2.wiring.site import Site

Progress = Callable[[str, int, int], None]
VOLUMES_MAX = 30
# What is judged of a server that has its place: services and agents, not every host's inventory.
KINDS_AROUND = ("tokens", "compute_services", "hypervisors", "server_groups")


def explain(
    site: "Site",
    wanted: str,
    *,
    kind: str = "",
    logs: bool | None = None,
    progress: Progress | None = None,
) -> "Explanation":
    """Tell the story of one subject: found out by itself, or of the type that is named.

    `logs` follows its requests through the logs of all hosts; None does so where logs are
    configured and something of it failed.

    Raises:
        BadUsage: when there is none of this name, or several.
        Unreachable: when it could not be asked for everywhere, and was found nowhere.
        Day2Error: when identity cannot be read at all.

    """
    from day2.operations.explain.asked import Form, form
    from day2.wiring import explain_logs

    looks = form(wanted)
    if kind == "request" or (looks is Form.REQUEST and not kind):
        return explain_logs.request(site, wanted)
    if kind == "text" or (looks is Form.TEXT and not kind):
        return explain_logs.text(site, wanted)
    found = _of_cloud(site, wanted, Form.NAME if looks is Form.TEXT else looks, kind, progress)
    if found is None:
        return explain_logs.text(site, wanted)
    return explain_logs.finish(site, found, logs=logs)


def _of_cloud(
    site: "Site", wanted: str, looks: "Form", kind: str, progress: Progress | None
) -> "Explanation | None":
    """Tell of a thing of the cloud; None when it is none, and a known problem has these words."""
    from day2.adapters.openstack.stories import Stories
    from day2.operations.explain.asked import Form
    from day2.survey.around import Around
    from day2.wiring import explain_finding, explain_stories, problems

    session = _session(site)
    around = Around(session, site.clock)
    try:
        subject = explain_finding.find(site, around, wanted, looks, kind)
    except Day2Error:
        if kind or looks is not Form.NAME or not problems.by_words(site, wanted):
            raise
        return None
    if looks is Form.ID:
        # An id is one thing's only: that others could not be asked for it does not matter any more.
        around.gaps.clear()
    stories = Stories(session, site.clock)
    reader = explain_stories.Reader(site, around, stories, progress)
    if subject.type == "server":
        return _server(reader, subject.id)
    return explain_stories.tell(reader, subject)


def server(
    site: "Site",
    wanted: str,
    progress: Progress | None = None,
    *,
    survey: "Survey | None" = None,
) -> "Explanation":
    """Tell the story of a server, named by its id or its whole name.

    `survey` is one that was read already; without it what is needed is read.

    Raises:
        BadUsage: when there is none of this name, or several.
        Day2Error: when compute or identity cannot be read at all.

    """
    from day2.adapters.openstack.stories import Stories
    from day2.operations.explain.asked import form
    from day2.survey.around import Around
    from day2.wiring import explain_finding, explain_stories

    session = _session(site)
    around = Around(session, site.clock)
    subject = explain_finding.find(site, around, wanted, form(wanted), "server")
    reader = explain_stories.Reader(site, around, Stories(session, site.clock), progress)
    return _server(reader, subject.id, survey)


def _server(reader: "Reader", own: str, survey: "Survey | None" = None) -> "Explanation":
    """Tell of a server; of one that found no place every host is judged."""
    from day2.model.round import Before
    from day2.operations.explain import server, server_around
    from day2.operations.explain.hosts import KINDS

    site, stories, policy = reader.site, reader.stories, reader.policy
    found, gone = reader.around.server(own)
    if found is None:
        said = "does not exist any more" if gone else "cannot be read"
        raise BadUsage(f"server {own} {said}")
    told = _told(stories, found, policy)
    placed = server.found_no_place(told)
    kinds = KINDS if placed else (*KINDS_AROUND, "agents")
    read = site.survey(kinds, progress=reader.progress) if survey is None else survey
    survey = _with_server(read, told)
    report = site.judge(survey, [], Before(), kind="explain")
    story = server.explain(
        told,
        _with_mates(survey, stories, found),
        [*report.findings, *report.folded],
        policy,
        named=_named(site),
    )
    reader.tables["compute_services"] = list(survey.tables.compute_services)
    reader.tables["agents"] = list(survey.tables.agents)
    reader.put("servers", [found])
    reader.more["actions"] = told.actions
    reader.more["migrations"] = told.migrations
    _dependants(reader, found)
    return server_around.add(story, reader.picture(), found)


def _dependants(reader: "Reader", found: "Server") -> None:
    """Read the ports, floating IPs, volumes and image of a server."""
    from day2.wiring import explain_stories

    for port in reader.around.rows("ports", {"device_id": found.id}):
        if port.device_id == found.id:
            explain_stories.around_port(reader, port)
            reader.add("floating_ips", {"port_id": port.id})
    if found.volumes:
        reader.whole(("volume_services",))
    for volume in found.volumes[:VOLUMES_MAX]:
        if explain_stories.around_volume(reader, volume.id) is None:
            _prove_gone(reader, volume.id)
    if found.image_id:
        image = reader.around.own("images", found.image_id)
        reader.put("images", [image] if image is not None else [])


def _prove_gone(reader: "Reader", volume: str) -> None:
    """Count a volume as gone when Cinder was asked and answered: a gap proves nothing."""
    if "volumes" not in reader.around.unread and "block-storage" not in reader.around.absent:
        reader.gone.add(volume)


def _session(site: "Site") -> "Session":
    from day2.adapters.openstack.limits import LoadSettings
    from day2.adapters.openstack.session import Session

    return Session(site.credentials, limits=site.section("load", LoadSettings), clock=site.clock)


def _with_server(survey: "Survey", told: "Told") -> "Survey":
    """Add the one server and its moves as if they had been listed: what it suffers is judged.

    Of what checks then find only what concerns it is told, since the other servers were not read.
    """
    from day2.model.survey import Reading

    tables = structs.replace(survey.tables, servers=[told.server], migrations=told.migrations)
    readings = {
        kind: Reading(rows=len(getattr(tables, kind)), requests=1, seconds=0.0)
        for kind in ("servers", "migrations")
    }
    return structs.replace(survey, tables=tables, readings={**survey.readings, **readings})


def _told(stories: "Stories", server: "Server", policy: ExplainPolicy) -> "Told":
    from day2.operations.explain.server import Told

    return Told(
        server=server,
        actions=stories.actions(server.id, newest=policy.events_max),
        image=_image(stories, server),
        migrations=stories.migrations(server.id),
    )


def _image(stories: "Stories", server: "Server") -> dict[str, str] | None:
    """Read the properties of its image; None when they cannot be read: that is told, not fatal."""
    if server.image_id is None:
        return {}
    try:
        return stories.image(server.image_id)
    except Day2Error:
        return None


def _with_mates(survey: "Survey", stories: "Stories", server: "Server") -> "Survey":
    """Add the server and the members of its groups: not every server of the cloud is read."""
    members = {
        member
        for group in survey.tables.server_groups
        if server.id in group.members
        for member in group.members
    }
    mates = [row for own in sorted(members - {server.id}) for row in stories.servers(own)]
    tables = structs.replace(survey.tables, servers=[server, *mates])
    return structs.replace(survey, tables=tables)


def _named(site: "Site") -> Callable[[str], tuple[str, str] | None]:
    """Return what names a known problem by the words that it leaves."""
    tables = site.logs.tables
    by_id = {problem.id: problem for problem in tables.problems}

    def named(text: str) -> tuple[str, str] | None:
        found = by_id.get(tables.problem_of("nova", text))
        return (found.title, found.advice) if found else None

    return named
