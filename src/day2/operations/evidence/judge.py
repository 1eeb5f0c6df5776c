# SPDX-License-Identifier: Apache-2.0
"""What only hosts tell: virtual addresses held by none or several, keys that differ; pure."""

from day2.model.finding import Finding, Subject, finding_key
from day2.model.severity import Severity
from day2.operations.evidence.told import Told, holders, key_groups
from day2.operations.evidence.words import several

VIP_LOST, VIP_TWICE, KEYS = "vip.held.none", "vip.held.several", "identity.fernet.differ"


def judge(told: Told) -> list[Finding]:
    """Return what the hosts' own words prove; a host that was not asked proves nothing."""
    return [*_vips(told), *_keys(told)]


def _vips(told: Told) -> list[Finding]:
    found = []
    silent = [host.host for host in told.hosts if host.error or host.addresses is None]
    for address, hosts in holders(told).items():
        subject = Subject(type="address", id=address, name=told.vips[address])
        if len(hosts) > 1:
            found.append(
                _finding(
                    VIP_TWICE,
                    subject,
                    f"the virtual address {address} is on {len(hosts)} hosts: {several(hosts)}",
                    why="ip addr of each of them lists it: keepalived does not hear the others",
                    hosts=hosts,
                    advice="Compare keepalived's logs on them, virtual_router_id, and whether VRRP "
                    "(protocol 112) passes between them; stop keepalived on all but one",
                )
            )
        elif not hosts and told.answered and not silent:
            found.append(
                _finding(
                    VIP_LOST,
                    subject,
                    f"no host holds the virtual address {address} ({told.vips[address]})",
                    why=f"ip addr of all {len(told.answered)} hosts was read, none lists it",
                    hosts=[],
                    advice="On the hosts of group loadbalancer: docker logs --tail 100 keepalived; "
                    "docker ps --filter name=haproxy",
                )
            )
    return found


def _keys(told: Told) -> list[Finding]:
    groups = key_groups(told)
    if len(groups) < 2:  # noqa: PLR2004 - two to differ
        return []
    others = [host for hosts in groups[1:] for host in hosts]
    return [
        _finding(
            KEYS,
            Subject(type="host", id=others[0], host=others[0] if len(others) == 1 else ""),
            f"the Fernet keys of {several(others)} are not those of {several(groups[0])}: a token "
            "that one Keystone gave is refused by the other",
            why="marks of the key files of all Keystone containers were compared",
            hosts=others,
            advice="kolla-ansible deploys and distributes them: see the log of keystone_fernet "
            "(fernet-push.sh, SSH between the containers on port 8023) on the host that rotated "
            "last",
        )
    ]


def _finding(
    check: str, subject: Subject, summary: str, *, why: str, hosts: list[str], advice: str
) -> Finding:
    return Finding(
        key=finding_key(check, subject),
        check=check,
        severity=Severity.CRITICAL,
        subject=subject,
        summary=summary,
        why=why,
        evidence={"hosts": hosts},
        advice=advice,
    )
