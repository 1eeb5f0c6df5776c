# SPDX-License-Identifier: Apache-2.0
"""What the services of a scenario have logged in the last day: routine, and the errors planted."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from day2.sandbox.ids import uuid_of
from day2.sandbox.scenario import Host, Scenario
from day2.sandbox.scenario_names import names_of
from day2.sandbox.scenario_planes import Errors
from day2.sandbox.timing import span

HOURS = 24
# A cloud of thousands of hosts has nothing to gain from thousands of quiet files.
ROUTINE_HOSTS_MAX = 100
ROUTINE: dict[str, tuple[tuple[str, str, str], ...]] = {
    "control": (
        ("keystone/keystone.log", "keystone.server.flask.application", "GET /v3/auth/tokens"),
        ("nova/nova-scheduler.log", "nova.scheduler.host_manager", "Host mapping is up to date"),
        ("neutron/neutron-server.log", "neutron.wsgi", "GET /v2.0/ports status: 200 len: 1042"),
        ("cinder/cinder-api.log", "cinder.api.openstack.wsgi", "GET /v3/volumes/detail"),
        ("rabbitmq/rabbit@{host}.log", "info", "user 'openstack' granted access"),
    ),
    "network": (
        ("neutron/neutron-l3-agent.log", "neutron.agent.l3.agent", "Finished a router update"),
    ),
    "compute": (
        ("nova/nova-compute.log", "nova.compute.resource_tracker", "Final resource view: 32 cpus"),
        ("libvirt/libvirtd.log", "info", "libvirt version: 9.0.0"),
    ),
    "storage": (
        ("cinder/cinder-volume.log", "cinder.volume.manager", "Updating volume status"),
    ),
}  # fmt: skip
FRAMES = (
    'File "/var/lib/kolla/venv/lib/python3.11/site-packages/{0}/manager.py", line 412, in _work',
    "  result = self._call(context, **kwargs)",
    'File "/var/lib/kolla/venv/lib/python3.11/site-packages/{0}/driver.py", line 96, in _call',
    "  raise self._named(error)",
)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One thing logged; `trace` are the lines that follow, without what a line begins with."""

    at: datetime
    host: str
    file: str
    level: str
    module: str
    message: str
    pid: int
    request_id: str = ""
    trace: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """What fluentd calls the writer: the file's name."""
        return self.file.rpartition("/")[2].rpartition(".")[0]


def records(scenario: Scenario, at: datetime) -> Iterator[Record]:
    """Make everything that was logged until `at`; always the same for the same scenario."""
    if len(scenario.hosts) <= ROUTINE_HOSTS_MAX:
        for host in scenario.hosts:
            yield from _routine(host, at)
    alive = {host.name: at - span(host.dead) if host.dead else at for host in scenario.hosts}
    yield from _failures(scenario, at)
    for number, entry in enumerate(scenario.logs):
        yield from _planted(scenario.seed, number, entry, at, alive)


def _failures(scenario: Scenario, at: datetime) -> Iterator[Record]:
    """Make what the services logged of each server that failed, under the request that made it."""
    control = next((host.name for host in scenario.hosts if "control" in host.roles), "")
    compute = next((host.name for host in scenario.hosts if "compute" in host.roles), "")
    for entry in scenario.servers:
        if not entry.fault or not control or not compute:
            continue
        for name in names_of(entry):
            own = uuid_of(scenario.seed, "server", name)
            created = at - span(entry.age)
            request = f"req-{uuid_of('action', own, 'create', created.isoformat())}"
            ended = ("nova/nova-compute.log", "ERROR", "nova.compute.manager", compute)
            if "No valid host" in entry.fault:
                ended = ("nova/nova-conductor.log", "WARNING", "nova.scheduler.utils", control)
            steps = (
                ("nova/nova-api.log", "INFO", "nova.api.openstack.requestlog", control),
                ("nova/nova-scheduler.log", "INFO", "nova.scheduler.manager", control),
                ended,
            )
            words = (
                "POST /v2.1/servers status: 202 len: 400",
                f"Scheduling for instance {own}",
                f"[instance: {own}] {entry.fault}",
            )
            for place, ((file, level, module, host), message) in enumerate(
                zip(steps, words, strict=True)
            ):
                yield Record(
                    at=created + timedelta(seconds=place),
                    host=host,
                    file=file,
                    level=level,
                    module=module,
                    message=message,
                    pid=7 + place,
                    request_id=request,
                )


def _routine(host: Host, at: datetime) -> Iterator[Record]:
    until = at - span(host.dead) if host.dead else at
    for role in host.roles:
        for file, module, message in ROUTINE[role]:
            pid = 7 + _number(host.name, file) % 20
            for hour in range(HOURS):
                moment = at - timedelta(hours=hour, seconds=_number(file, hour) % 3000)
                if moment <= until:
                    yield Record(
                        at=moment,
                        host=host.name,
                        file=file.replace("{host}", host.name),
                        level="INFO",
                        module=module,
                        message=message,
                        pid=pid,
                        request_id=_request(host.name, file, hour),
                    )


def _planted(
    seed: str, number: int, entry: Errors, at: datetime, alive: dict[str, datetime]
) -> Iterator[Record]:
    first, last = span(entry.first), span(entry.last)
    step = (first - last) / max(1, entry.count - 1)
    trace: tuple[str, ...] = ()
    if entry.raises:
        package = entry.module.replace(".", "/").rpartition("/")[0] or "service"
        frames = (f"  {frame.format(package)}" for frame in FRAMES)
        trace = ("Traceback (most recent call last):", *frames, entry.raises)
    for place in range(entry.count):
        host = entry.hosts[place % len(entry.hosts)]
        moment = at - first + step * place
        if moment <= alive[host]:
            yield Record(
                at=moment,
                host=host,
                file=entry.file.replace("{host}", host),
                level=entry.level,
                module=entry.module,
                message=entry.message.replace("{n}", str(1000 + place)),
                pid=7 + _number(host, entry.file) % 20,
                request_id=_request(seed, number, place) if entry.request else "",
                trace=trace,
            )


def _number(*words: object) -> int:
    text = "/".join(str(word) for word in words)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _request(*words: object) -> str:
    text = hashlib.sha256("/".join(str(word) for word in words).encode()).hexdigest()
    return f"req-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
