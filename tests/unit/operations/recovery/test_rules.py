# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from day2.model.recovery import Guest, Guests
from day2.model.severity import Severity
from day2.model.tables.compute import VolumeId
from day2.model.tables.network import Router
from day2.model.tables.storage import VolumeAttachmentRef
from day2.operations.recovery import rules
from day2.operations.recovery.rules.seen import Picture, Thing
from tests.unit.builders import (
    DAY_AGO,
    HOSTILE,
    NOW,
    ago,
    attachment,
    compute_service,
    floating_ip,
    image,
    migration,
    port,
    server,
    survey,
    volume,
)

V = "11111111-1111-1111-1111-111111111111"
W = "22222222-2222-2222-2222-222222222222"
TWICE, NOWHERE = "recovery.guest.twice:server:s1", "recovery.guest.nowhere:server:s1"
ELSEWHERE, UNKNOWN = "recovery.guest.elsewhere:server:s1", "recovery.guest.unknown:guest:ghost"


def guest(host: str = "cmp1", identifier: str = "s1", *, running: bool = True) -> Guest:
    return Guest(id=identifier, host=host, running=running)


def hypervisors(*found: Guest, silent: Sequence[str] = ()) -> Guests:
    return Guests(hosts=["cmp1", "cmp2"], guests=list(found), silent=dict.fromkeys(silent, "no"))


def picture(
    *, gaps: Sequence[str] = (), more: dict[str, Any] | None = None, **tables: Any
) -> Picture:
    given = {
        "servers": [server()],
        "compute_services": [compute_service(), compute_service("cmp2")],
        "migrations": [],
        "ports": [],
        "routers": [],
        "floating_ips": [],
        "volumes": [],
        "volume_attachments": [],
        "images": [],
    } | tables
    kept: dict[str, Any] = {kind: rows for kind, rows in given.items() if kind not in gaps}
    seen = survey(gaps=gaps, **kept)
    return Picture(survey=seen, now=NOW, settle=timedelta(minutes=15), **(more or {}))


def found(given: Picture, proofs: dict[Thing, bool | None] | None = None) -> dict[str, Severity]:
    """Judge, with everything that is asked for proven to be gone unless told otherwise."""
    suspects = rules.suspects(given)
    answers = dict.fromkeys((thing for one in suspects for thing in one.absent), True)
    kept = rules.settled(suspects, {**answers, **(proofs or {})})
    return {finding.key: finding.severity for finding in kept}


@pytest.mark.parametrize(
    ("guests", "tables", "expected"),
    [
        ([guest()], {}, set()),
        ([guest(running=False)], {"servers": [server(status="SHUTOFF")]}, set()),
        # twice
        ([guest(), guest("cmp2")], {}, {TWICE}),
        ([guest(), guest("cmp2", running=False)], {}, {TWICE}),
        ([guest(), guest("cmp2")], {"migrations": [migration(status="running")]}, set()),
        ([guest(), guest("cmp2")], {"servers": [server(status="VERIFY_RESIZE")]}, set()),
        ([guest(), guest("cmp2")], {"servers": [server(task_state="migrating")]}, set()),
        # nowhere
        ([], {}, {NOWHERE}),
        ([], {"servers": [server(host="cmp9")]}, set()),
        ([], {"servers": [server(host="cmp1.example.org")]}, {NOWHERE}),
        ([], {"servers": [server(status="SHELVED_OFFLOADED", host=None)]}, set()),
        ([], {"servers": [server(status="BUILD")]}, set()),
        ([], {"servers": [server(status="ERROR")]}, set()),
        ([], {"migrations": [migration(status="migrating")]}, set()),
        # elsewhere
        ([guest("cmp2")], {}, {ELSEWHERE}),
        ([guest("cmp1.example.org")], {}, set()),
        (
            [guest("cmp2")],
            {"servers": [server(status="SHELVED_OFFLOADED", host=None)]},
            {ELSEWHERE},
        ),
        # unknown
        ([guest(), guest("cmp2", "ghost")], {}, {UNKNOWN}),
        ([guest(), guest("cmp2", "ghost"), guest("cmp1", "ghost")], {}, {UNKNOWN}),
        # a cell that does not answer may have them all
        (
            [guest("cmp2", "ghost")],
            {"compute_services": [compute_service(), compute_service("c9", status="UNKNOWN")]},
            set(),
        ),
    ],
)
def test_no_guest_may_exist_twice_or_nowhere(
    guests: list[Guest], tables: dict[str, Any], expected: set[str]
) -> None:
    seen = found(picture(more={"guests": hypervisors(*guests)}, **tables))
    assert seen == dict.fromkeys(expected, Severity.CRITICAL)


@pytest.mark.parametrize("gap", ["servers", "compute_services", "migrations"])
def test_what_was_not_read_whole_lacks_nothing(gap: str) -> None:
    given = picture(gaps=[gap], more={"guests": hypervisors(guest("cmp2", "ghost"))})
    assert found(given) == {}


def test_hypervisors_that_were_not_asked_say_nothing() -> None:
    assert found(picture()) == {}


def test_a_guest_that_may_be_on_a_silent_host_is_not_known_to_be_nowhere() -> None:
    given = picture(more={"guests": hypervisors(silent=["cmp3"])})
    assert found(given) == {NOWHERE: Severity.UNKNOWN}


def test_gone_is_what_a_404_says_and_nothing_else() -> None:
    given = picture(more={"guests": hypervisors(guest(), guest("cmp2", "ghost"))})
    ghost = ("server", "ghost")
    assert found(given, {ghost: False}) == {}
    assert found(given, {ghost: None}) == {UNKNOWN: Severity.UNKNOWN}


def test_only_guests_hold_compute_closed() -> None:
    given = picture(ports=[port(device_id="ghost")], more={"guests": hypervisors(guest("cmp2"))})
    suspects = rules.suspects(given)
    findings = rules.settled(suspects, {("server", "ghost"): True})
    assert len(findings) == 2
    assert rules.holding(findings) == [ELSEWHERE]


PORT = "recovery.port.no_server:port:port1"


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"ports": [port()]}, set()),
        ({"ports": [port(device_id="ghost")]}, {PORT}),
        ({"ports": [port(device_id="ghost")], "gaps": ["servers"]}, set()),
        ({"ports": [port(device_id="", device_owner="")]}, set()),
        ({"ports": [port(device_id="ghost", device_owner="compute:kuryr")]}, set()),
        ({"ports": [port(device_id="dhcp1", device_owner="network:dhcp")]}, set()),
        (
            {"ports": [port(device_id="r9", device_owner="network:router_interface")]},
            {"recovery.port.no_router:port:port1"},
        ),
        (
            {
                "ports": [port(device_id="r1", device_owner="network:router_gateway")],
                "routers": [Router(id="r1")],
            },
            set(),
        ),
        ({"floating_ips": [floating_ip()], "ports": [port()]}, set()),
        ({"floating_ips": [floating_ip(port_id=None)]}, set()),
        ({"floating_ips": [floating_ip()]}, {"recovery.floating_ip.no_port:floating_ip:fip1"}),
        ({"floating_ips": [floating_ip()], "gaps": ["ports"]}, set()),
    ],
)
def test_ports_and_addresses_belong_to_something(
    tables: dict[str, Any], expected: set[str]
) -> None:
    assert set(found(picture(**tables))) == expected


HAS = server(volumes=[VolumeId(id="v1")])
REF = VolumeAttachmentRef(attachment_id="a1", server_id="s1", attached_at=DAY_AGO)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"servers": [HAS], "volumes": [volume(status="in-use", attachments=[REF])]}, set()),
        ({"servers": [HAS], "volumes": [volume()], "volume_attachments": [attachment()]}, set()),
        ({"servers": [HAS], "volumes": [volume()]}, {"recovery.attachment.nova_only:volume:v1:s1"}),
        (
            {
                "servers": [HAS],
                "volumes": [volume()],
                "volume_attachments": [attachment(detached_at=DAY_AGO)],
            },
            {"recovery.attachment.nova_only:volume:v1:s1"},
        ),
        ({"servers": [HAS]}, {"recovery.attachment.no_volume:server:s1:v1"}),
        ({"servers": [HAS], "gaps": ["volumes"]}, set()),
        (
            {"volumes": [volume(attachments=[REF])]},
            {"recovery.attachment.cinder_only:volume:v1:s1"},
        ),
        ({"volumes": [volume(attachments=[REF], updated_at=ago(minutes=2))]}, set()),
        (
            {
                "servers": [server(volumes=[VolumeId(id="v1")], updated=ago(minutes=2))],
                "volumes": [volume()],
            },
            set(),
        ),
        (
            {
                "servers": [HAS],
                "volumes": [volume()],
                "migrations": [migration(status="running")],
            },
            set(),
        ),
        # Who is attached to a server that does not exist, a check of the rounds finds.
        ({"volume_attachments": [attachment(instance="ghost")], "volumes": [volume()]}, set()),
    ],
)
def test_attachments_are_told_alike(tables: dict[str, Any], expected: set[str]) -> None:
    assert set(found(picture(**tables))) == expected


CEPH = {"rbd_backends": ["rbd-1"], "volumes_pools": ["volumes"], "images_pools": ["images"]}
ON_CEPH = {"host": "sto1@rbd-1#rbd-1"}


@pytest.mark.parametrize(
    ("rbd", "volumes", "expected"),
    [
        ({"volumes": [f"volume-{V}"]}, [volume(V, **ON_CEPH)], set()),
        ({"volumes": []}, [volume(V, **ON_CEPH)], {f"recovery.volume.no_data:volume:{V}"}),
        ({"volumes": []}, [volume(V)], set()),
        ({"volumes": []}, [volume(V, created_at=NOW, **ON_CEPH)], set()),
        ({"volumes": []}, [volume(V, migration_status="success", **ON_CEPH)], set()),
        ({}, [volume(V, **ON_CEPH)], set()),
        ({"volumes": [f"volume-{W}"]}, [], {f"recovery.rbd.no_volume:rbd:volumes/volume-{W}"}),
        ({"volumes": [f"volume-{W}.deleted", "other", HOSTILE]}, [], set()),
        ({"images": [W]}, [], {f"recovery.rbd.no_image:rbd:images/{W}"}),
        ({"images": [W, HOSTILE]}, [], {f"recovery.rbd.no_image:rbd:images/{W}"}),
    ],
)
def test_rows_have_data_and_data_have_rows(
    rbd: dict[str, list[str]], volumes: list[Any], expected: set[str]
) -> None:
    assert set(found(picture(volumes=volumes, more={**CEPH, "rbd": rbd}))) == expected


def test_data_of_a_migrated_volume_may_have_another_name() -> None:
    moved = volume(V, migration_status="success", **ON_CEPH)
    given = picture(volumes=[moved], more={**CEPH, "rbd": {"volumes": [f"volume-{W}"]}})
    assert found(given) == {f"recovery.rbd.no_volume:rbd:volumes/volume-{W}": Severity.INFO}


def test_an_active_image_without_data_is_told_and_others_are_not() -> None:
    rows = [image(), image("i2", status="deactivated")]
    given = picture(images=rows, more={"no_data": {"i1": "HTTP 404", "i2": "HTTP 404"}})
    assert found(given) == {"recovery.image.no_data:image:i1": Severity.WARNING}


def test_names_from_the_cloud_are_quoted_in_what_people_type() -> None:
    given = picture(ports=[port(HOSTILE, device_id=HOSTILE)])
    (one,) = rules.suspects(given)
    assert f"'{HOSTILE[:2]}" in one.finding.advice
    assert "'\"'\"'" in one.finding.advice
