# SPDX-License-Identifier: Apache-2.0
import pytest

from day2.model.severity import Severity
from day2.model.tables.storage import CephCheck
from day2.operations.health.rules import ceph
from tests.unit.builders import HOSTILE, facts, judged


@pytest.mark.parametrize(
    ("check", "severity"),
    [
        (CephCheck(code="OSD_DOWN", severity="HEALTH_WARN"), Severity.WARNING),
        (CephCheck(code="OSD_FULL", severity="HEALTH_ERR"), Severity.CRITICAL),
        (CephCheck(code="OSD_FULL", severity="HEALTH_ERR", muted=True), Severity.INFO),
        (CephCheck(code="NEW", severity="HEALTH_ODD"), Severity.WARNING),
    ],
)
def test_what_ceph_says_is_told_with_its_severity(check: CephCheck, severity: Severity) -> None:
    (found,) = judged(ceph.CHECKS, facts(ceph_health=[check]))
    assert (found.key, found.severity) == (f"ceph.health:ceph:{check.code}", severity)


def test_a_well_ceph_is_no_finding() -> None:
    assert judged(ceph.CHECKS, facts(ceph_health=[])) == []


def test_a_hostile_sentence_passes_through_unharmed() -> None:
    row = CephCheck(code="X", severity="HEALTH_WARN", summary=HOSTILE)
    (found,) = judged(ceph.CHECKS, facts(ceph_health=[row]))
    assert HOSTILE in found.summary
