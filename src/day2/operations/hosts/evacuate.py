# SPDX-License-Identifier: Apache-2.0
"""The plan for a dead host: its servers are rebuilt elsewhere. This is not a drain."""

from collections import Counter
from collections.abc import Iterator, Sequence

from day2.model.finding import Subject
from day2.model.plan import Plan, Refusal, Step
from day2.model.survey import Survey
from day2.operations.hosts import duration, fencing, gates, steps
from day2.operations.hosts.dangers import allowed
from day2.operations.hosts.fencing import Witnesses
from day2.operations.hosts.guests.restraints import restraints
from day2.operations.hosts.manifest import entry, fingerprint, subject
from day2.operations.hosts.picture import Guest, Picture, look
from day2.operations.hosts.places import destinations
from day2.operations.hosts.places.destinations import Mover
from day2.operations.hosts.plan import Asked, finish, plan_id, reason_of
from day2.operations.hosts.policy import DrainPolicy

EVACUABLE = frozenset({"ACTIVE", "SHUTOFF", "ERROR"})
"""What Nova evacuates, as statuses: vm_states active, stopped, error."""
STATED = "host-is-off"
"""A person's word that stands in for a witness; it wants a second person."""


def evacuate(
    survey: Survey,
    host: str,
    *,
    policy: DrainPolicy,
    allow: Sequence[str] = (),
    asked: Asked,
    witnesses: Witnesses | None = None,
) -> Plan:
    """Plan how the servers of a dead host are rebuilt elsewhere.

    Servers with local disks are left out unless `lose-local-disks` is allowed: they would be
    rebuilt from their images. That the host cannot write any more is proven by the plan's first
    step; what no witness of the settings can tell has to be said by a person (`host-is-off`), and
    another one has to approve the plan then.

    Raises:
        BadUsage: for an unknown host or word of `allow`.
        Refused: when the picture is incomplete.

    """
    words = allowed(allow)
    seen_by = witnesses or Witnesses()
    picture = look(survey, host)
    left = {guest.id: _stays(guest, policy, words) for guest in picture.guests}
    going = [guest for guest in picture.guests if left[guest.id] is None]
    movers = [Mover(guest=guest, live=False) for guest in going]
    found = destinations.assign(picture, movers, policy, reserve_hosts=0)
    homeless = [
        Refusal(
            subject=subject(guest.server),
            why=found.homeless[guest.id],
            kind="no-room",
            blocker=False,
        )
        for guest in going
        if guest.id in found.homeless
    ]
    stay = [refusal for refusal in left.values() if refusal is not None]
    made = [_step(guest, found.places[guest.id], policy) for guest in _order(going, found.places)]
    identifier = plan_id("evacuate", host, survey, asked, policy, *sorted(words))
    refused = [
        *(gates.settle(one, words) for one in _proofs(picture, seen_by)),
        *homeless,
        *stay,
    ]
    return finish(
        survey,
        Plan(
            id=identifier,
            kind="host-evacuate",
            cloud=survey.cloud,
            region=survey.region,
            foundation=asked.foundation,
            subject=Subject(type="host", id=host, host=host),
            summary=f"evacuate {host}, which is dead: {len(made)} of {len(picture.guests)} "
            "servers are rebuilt elsewhere",
            at=asked.now,
            expires_at=asked.now,
            by=asked.by,
            ticket=asked.ticket,
            # Each step proves itself; Placement counts the old copies here until the host is back.
            steps=[*_fence(picture, seen_by, identifier, words, asked), *made] if made else [],
            refused=refused,
            totals={
                "servers": len(picture.guests),
                "evacuate": len(made),
                **Counter(refusal.kind for refusal in [*stay, *homeless]),
            },
            manifest={guest.id: entry(guest) for guest in picture.guests},
            other_person=STATED in words,
        ),
        policy,
    )


def _fence(
    picture: Picture,
    witnesses: Witnesses,
    identifier: str,
    words: frozenset[str],
    asked: Asked,
) -> list[Step]:
    """Prove the death, then keep the host away until its old copies are cleared."""
    service = picture.service
    made = [fencing.prove(picture.host, witnesses, stated_by=asked.by if STATED in words else "")]
    if service.status != "disabled":
        why = reason_of(f"evacuated, plan {identifier}", asked)
        made.append(steps.disable(service, why))
    if not service.forced_down:
        made.append(fencing.force_down(service))
    return made


def _proofs(picture: Picture, witnesses: Witnesses) -> Iterator[Refusal]:
    """What must be true before anything is rebuilt: two writers on one disk destroy it."""
    service = picture.service
    if service.state == "up" and not service.forced_down:
        yield gates.blocker(
            picture,
            "alive",
            "nova-compute is up: a host that lives is drained, day2 host drain",
        )
    if not witnesses.confirming:
        yield gates.blocker(
            picture,
            STATED,
            "somebody has to prove that it is powered off: a host that only lost its network still "
            "writes to its volumes. Name a program that tells its power: setting "
            "fencing.power_command",
            STATED,
        )
    if not witnesses.address:
        yield gates.blocker(
            picture,
            "no-address",
            "its management address is not known, so whether it answers there cannot be seen: "
            "setting kolla.inventory",
            STATED,
        )
    if gates.instance_ha(picture):
        yield gates.blocker(
            picture,
            "masakari",
            "Masakari evacuates dead hosts by itself: openstack notification list tells whether it "
            "is at work; do not do both",
            "masakari-on",
        )


def _stays(guest: Guest, policy: DrainPolicy, allow: frozenset[str]) -> Refusal | None:
    server = guest.server
    kind, why, word = "", "", ""
    hindered = next((r for r in restraints(guest) if not r.dead), None)
    if server.status not in EVACUABLE:
        kind, why = "status", f"Nova evacuates no server that is {server.status}"
    elif server.task_state:
        kind, why = "busy", f"it is busy ({server.task_state}): reset its state first"
    elif hindered is not None:
        kind, why = hindered.kind, f"{hindered.why}: Nova does not evacuate it"
    elif guest.amphora is not None:
        kind, why = "amphora", "it is an amphora: Octavia replaces it, day2 does not"
    elif _loses(guest, policy) and "lose-local-disks" not in allow:
        kind, word = "local-disk", "lose-local-disks"
        why = (
            f"it has {guest.local_disk} on the dead host, which would be lost: bring the host "
            "back, or give that up"
        )
    return Refusal(subject=subject(server), why=why, kind=kind, allow=word) if kind else None


def _loses(guest: Guest, policy: DrainPolicy) -> bool:
    return policy.disks == "local" and guest.has_local_disk


def _order(going: Sequence[Guest], places: dict[str, list[str]]) -> list[Guest]:
    """What ran comes first, the small ones before the large: many are back soon."""
    ready = [guest for guest in going if guest.id in places]
    return sorted(ready, key=lambda g: (g.server.status != "ACTIVE", g.server.flavor.ram, g.id))


def _step(guest: Guest, places: Sequence[str], policy: DrainPolicy) -> Step:
    server = guest.server
    lost = _loses(guest, policy)
    disk = (
        f"{guest.local_disk} is LOST and made again from the image"
        if lost
        else "its disks are not on the host"
    )
    after = "it is started again" if server.status == "ACTIVE" else "it arrives stopped"
    expected = policy.start_seconds * 2
    return Step(
        action="server.evacuate",
        subject=subject(server),
        why=f"its host is dead; {disk}; {after}",
        stage=steps.GUESTS,
        chain=steps.chain_of(guest),
        arguments={
            "source": server.host,
            "targets": list(places),
            "was": server.status,
            "seconds_max": duration.patience(expected, policy),
        },
        fingerprint=fingerprint(server),
        irreversible=(
            "what its local disk held is lost"
            if lost
            else "what is left of it on the dead host is deleted when that starts again"
        ),
        limits=steps.limits(guest, policy),
        radius=steps.radius(guest),
        seconds_expected=expected,
    )
