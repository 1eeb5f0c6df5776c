# SPDX-License-Identifier: Apache-2.0
"""Every section of the settings with its type, in the order of the reference."""

from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.addresses import (
    BusSettings,
    DatabaseSettings,
    MonitoringSettings,
    ProxySettings,
)
from day2.adapters.ceph import CephSettings
from day2.adapters.database.settings import DatabaseBackupSettings
from day2.adapters.fencing import FencingSettings
from day2.adapters.hashicorp import VaultSettings
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.logs.settings import LogSettings
from day2.adapters.memcached import CacheSettings
from day2.adapters.openstack.clouds import OpenStackSettings, WritingSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.rbd import RbdSettings
from day2.adapters.recovery import RecoverySettings
from day2.adapters.tls import TlsSettings
from day2.adapters.vaults.restic_settings import ResticSettings
from day2.adapters.vaults.s3_settings import S3Settings
from day2.adapters.vaults.settings import PlainSettings
from day2.engine.settings import ChangeSettings, EngineSettings, JournalSettings
from day2.memory.retention import MemorySettings
from day2.operations.backup.policy import BackupPolicy
from day2.operations.evidence.policy import EvidencePolicy
from day2.operations.explain.policy import ExplainPolicy
from day2.operations.health.policy import HealthPolicy
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.logs.policy import LogPolicy
from day2.operations.problems.policy import ProblemPolicy
from day2.operations.recovery.policy import RecoveryPolicy
from day2.operations.smoke.policy import SmokePolicy
from day2.operations.usage.policy import UsagePolicy
from day2.settings import Schema
from day2.survey.read import SurveySettings


class RootSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The top of the settings file."""

    default_cloud: Annotated[
        str,
        Meta(description="The cloud of `clouds` meant without --cloud; empty: the only one."),
    ] = ""


class CloudSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME`."""

    access: Annotated[
        str,
        Meta(
            pattern="^(observe|propose|act)$",
            description="observe: no writer is wired; propose: plans are made; act: plans may run.",
        ),
    ] = "observe"


# Sections that hold for every cloud at the top of the file, and for one below `clouds.NAME`.
SHARED: dict[str, type[msgspec.Struct]] = {
    "load": LoadSettings,
    "survey": SurveySettings,
    "health": HealthPolicy,
    "usage": UsagePolicy,
    "log_review": LogPolicy,
    "changes": ChangeSettings,
    "smoke": SmokePolicy,
    "drain": DrainPolicy,
    "backup": BackupPolicy,
    "recovery_plan": RecoveryPolicy,
    "explain": ExplainPolicy,
    "evidence": EvidencePolicy,
    "problems": ProblemPolicy,
}
OF_A_CLOUD: dict[str, type[msgspec.Struct]] = {
    "openstack": OpenStackSettings,
    "writing": WritingSettings,
    "tls": TlsSettings,
    "kolla": KollaSettings,
    "vault": VaultSettings,
    "cache": CacheSettings,
    "database": DatabaseSettings,
    "proxy": ProxySettings,
    "bus": BusSettings,
    "ceph": CephSettings,
    "backup_vault": PlainSettings,
    "backup_bulk": ResticSettings,
    "backup_database": DatabaseBackupSettings,
    "backup_copy": S3Settings,
    "backup_rbd": RbdSettings,
    "recovery": RecoverySettings,
    "fencing": FencingSettings,
    "logs": LogSettings,
    "monitoring": MonitoringSettings,
}
SCHEMA: Schema = {
    "": RootSettings,
    "memory": MemorySettings,
    "journal": JournalSettings,
    "engine": EngineSettings,
    **SHARED,
    "clouds.*": CloudSettings,
    **{f"clouds.*.{name}": kind for name, kind in OF_A_CLOUD.items()},
    **{f"clouds.*.{name}": kind for name, kind in SHARED.items()},
}
