# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.compute import Server, VolumeId
from day2.model.tables.others import BaremetalNode
from day2.model.tables.storage import VolumeAttachmentRef
from day2.operations.health.rules import attachments, images, pools, volumes
from tests.unit.builders import (
    DAY_AGO,
    HOSTILE,
    ago,
    attachment,
    backup,
    compute_service,
    facts,
    image,
    judged,
    keys,
    pool,
    server,
    snapshot,
    volume,
)

CHECKS = (*volumes.CHECKS, *pools.CHECKS, *images.CHECKS)
STUCK = "volume.stuck:volume:v1"


@pytest.mark.parametrize("status", sorted(volumes.VOLUME_PASSING - {"reserved"}))
@pytest.mark.parametrize(
    ("minutes", "expected"), [(30, False), (30.1, True)], ids=["at the bound", "beyond"]
)
def test_a_volume_in_a_passing_status(status: str, minutes: float, *, expected: bool) -> None:
    given = facts(volumes=[volume(status=status, updated_at=ago(minutes=minutes))])
    assert keys(CHECKS, given) == ({STUCK} if expected else set())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"volumes": [volume(status="in-use")]}, set()),
        ({"volumes": [volume(status="downloading", updated_at=ago(hours=6))]}, set()),
        ({"volumes": [volume(status="downloading", updated_at=ago(hours=7))]}, {STUCK}),
        ({"volumes": [volume(status="creating", updated_at=None)]}, {STUCK}),
        ({"volumes": [volume(status="creating", updated_at=None, created_at=None)]}, set()),
        ({"volumes": [volume(status="error_deleting")]}, {"volume.error:volume:v1"}),
        ({"volumes": [volume(status="awaiting-transfer")]}, set()),
        (
            {"volume_snapshots": [snapshot(status="deleting")]},
            {"volume.snapshot.stuck:volume_snapshot:snap1"},
        ),
        (
            {"volume_snapshots": [snapshot(status="error")]},
            {"volume.snapshot.error:volume_snapshot:snap1"},
        ),
        ({"volume_backups": [backup(status="creating", updated_at=ago(hours=5))]}, set()),
        (
            {"volume_backups": [backup(status="creating")]},
            {"volume.backup.stuck:volume_backup:b1"},
        ),
        (
            {"volume_backups": [backup(status="error", fail_reason="no\nspace")]},
            {"volume.backup.error:volume_backup:b1"},
        ),
        ({"images": [image(status="queued", updated_at=ago(hours=6))]}, set()),
        ({"images": [image(status="queued")]}, {"image.stuck:image:i1"}),
        ({"images": [image(status="killed")]}, {"image.error:image:i1"}),
        ({"images": [image(status="deactivated")]}, set()),
    ],
)
def test_an_object_by_its_status(rows: dict[str, Any], expected: set[str]) -> None:
    assert keys(CHECKS, facts(**rows)) == expected


def test_an_image_that_was_never_uploaded_is_its_owners_affair() -> None:
    rows = [image(status="queued"), image("i2", status="saving")]
    found = judged(CHECKS, facts(images=rows))
    assert [f.severity for f in found] == [Severity.INFO, Severity.WARNING]


@pytest.mark.parametrize(
    ("status", "gaps", "expected"),
    [
        ("SHELVED_OFFLOADED", (), False),
        ("ACTIVE", (), True),
        ("ACTIVE", ("volume_attachments",), False),
        ("ACTIVE", ("servers",), False),
    ],
)
def test_a_volume_of_a_shelved_server_stays_reserved(
    status: str, gaps: tuple[str, ...], *, expected: bool
) -> None:
    given = facts(
        volumes=[volume(status="reserved")],
        volume_attachments=[attachment(status="reserved")],
        servers=[server(status=status)],
        gaps=gaps,
    )
    assert keys(CHECKS, given) == ({STUCK} if expected else set())


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"free_capacity_gb": 200.0}, None),
        ({"free_capacity_gb": 199.0}, Severity.WARNING),
        ({"free_capacity_gb": 80.0}, Severity.WARNING),
        ({"free_capacity_gb": 79.0}, Severity.CRITICAL),
        ({"free_capacity_gb": "0"}, Severity.CRITICAL),
        ({"free_capacity_gb": "infinite"}, None),
        ({"free_capacity_gb": "unknown"}, None),
        ({"total_capacity_gb": "infinite", "free_capacity_gb": 0.0}, None),
        ({"total_capacity_gb": 0.0, "free_capacity_gb": 0.0}, None),
        ({"free_capacity_gb": None}, None),
    ],
)
def test_a_pool_is_full(capabilities: dict[str, Any], expected: Severity | None) -> None:
    found = judged(CHECKS, facts(volume_pools=[pool(**capabilities)]))
    assert [f.severity for f in found] == ([expected] if expected else [])
    assert all(f.key == "volume.pool.full:volume_pool:sto1@lvm#pool" for f in found)
    assert all(f.subject.host == "sto1" for f in found)


@pytest.mark.parametrize(
    ("given", "ratio", "thin", "expected"),
    [
        (1600.0, 2.0, True, 0),
        (1601.0, "2.0", True, 1),
        (9e9, "auto", True, 0),
        (9e9, 2.0, False, 0),
    ],
)
def test_a_thin_pool_is_promised(
    given: float, ratio: float | str, *, thin: bool, expected: int
) -> None:
    row = pool(
        provisioned_capacity_gb=given,
        max_over_subscription_ratio=ratio,
        thin_provisioning_support=thin,
    )
    assert len(keys(CHECKS, facts(volume_pools=[row]))) == expected


@pytest.mark.parametrize(
    ("rows", "severity"), [([volume()], Severity.CRITICAL), ([], Severity.WARNING)]
)
def test_a_pool_that_is_down_is_as_bad_as_what_lives_there(
    rows: list[Any], severity: Severity
) -> None:
    given = facts(volume_pools=[pool(backend_state="down")], volumes=rows)
    (found,) = judged(CHECKS, given)
    assert (found.check, found.severity) == ("volume.pool.down", severity)


REF = VolumeAttachmentRef(attachment_id="a1", server_id="gone", attached_at=DAY_AGO)
YOUNG = VolumeAttachmentRef(attachment_id="a1", server_id="gone", attached_at=ago(minutes=5))
UNDATED = VolumeAttachmentRef(attachment_id="a1", server_id="gone")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"volumes": [volume(status="in-use", attachments=[REF])]}, True),
        ({"volumes": [volume(attachments=[YOUNG])]}, False),
        ({"volumes": [volume(attachments=[UNDATED])]}, True),
        ({"volumes": [volume(attachments=[UNDATED], updated_at=ago(minutes=5))]}, False),
        ({"volume_attachments": [attachment(instance="gone")]}, True),
        ({"volume_attachments": [attachment(instance=None)]}, False),
        ({"volume_attachments": [attachment(instance="gone", volume_id="unseen")]}, False),
        ({"volume_attachments": [attachment(instance="gone", detached_at=DAY_AGO)]}, False),
        ({"volume_attachments": [attachment(instance="gone")], "gaps": ["servers"]}, False),
        ({"volume_attachments": [attachment(instance="gone")], "gaps": ["volumes"]}, False),
        (
            {"volume_attachments": [attachment(instance="gone")], "gaps": ["compute_services"]},
            False,
        ),
        (
            {"volume_attachments": [attachment(instance="gone")], "gaps": ["baremetal_nodes"]},
            False,
        ),
        (
            {
                "volume_attachments": [attachment(instance="gone")],
                "servers": [server(), server("s2", status="UNKNOWN")],
            },
            False,
        ),
        (
            {
                "volume_attachments": [attachment(instance="gone")],
                "baremetal_nodes": [BaremetalNode(uuid="gone")],
            },
            False,
        ),
    ],
)
def test_a_volume_attached_to_nobody(change: dict[str, Any], *, expected: bool) -> None:
    tables = {
        "volumes": [volume(status="in-use")],
        "volume_attachments": [attachment()],
        "servers": [server()],
        "compute_services": [compute_service()],
    }
    found = keys(attachments.CHECKS, facts(**{**tables, **change}))
    assert found == ({"volume.attachment.orphan:volume:v1:gone"} if expected else set())


def holder(**more: Any) -> Server:
    return server(**{"volumes": [VolumeId(id="v1")], **more})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"volumes": []}, True),
        ({"volumes": [volume(updated_at=ago(minutes=5))]}, False),
        ({"volumes": [volume(attachments=[VolumeAttachmentRef(server_id="s1")])]}, False),
        ({"volume_attachments": [attachment(instance="s1")]}, False),
        ({"volume_attachments": [attachment(instance="s1", detached_at=DAY_AGO)]}, True),
        ({"volume_attachments": [attachment(instance="another")]}, True),
        ({"servers": [holder(task_state="rebuilding")]}, False),
        ({"servers": [holder(updated=ago(minutes=5))]}, False),
        ({"servers": [server()]}, False),
        ({"gaps": ["servers"]}, False),
        ({"gaps": ["volumes"]}, False),
        ({"gaps": ["volume_attachments"]}, False),
    ],
)
def test_a_volume_that_a_server_has_alone(change: dict[str, Any], *, expected: bool) -> None:
    tables = {
        "servers": [holder()],
        "volumes": [volume()],
        "volume_attachments": [],
        "compute_services": [compute_service()],
    }
    found = keys(attachments.CHECKS[:1], facts(**{**tables, **change}))
    assert found == ({"volume.attachment.missing:server:s1:v1"} if expected else set())


def test_both_of_cinders_records_make_one_finding() -> None:
    given = facts(
        volumes=[volume(status="in-use", attachments=[REF])],
        volume_attachments=[attachment(instance="gone")],
        servers=[],
        compute_services=[compute_service()],
    )
    (found,) = judged(attachments.CHECKS, given)
    assert found.evidence["attachments"] == ["a1"]


def test_hostile_names_pass_through_unharmed() -> None:
    (found,) = judged(CHECKS, facts(volumes=[volume(name=HOSTILE, status="error")]))
    assert HOSTILE in found.summary
