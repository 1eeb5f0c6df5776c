# SPDX-License-Identifier: Apache-2.0
"""Services that cannot start: real ones of the lab, each with one thing wrong in its configuration.

What their containers then look like is planted on the hosts of the part `nodes`.
"""

import json
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from lab.config import others, storage
from lab.config.ini import render
from lab.databases import sql
from lab.facts import COMPUTES
from lab.parts.boxes_kolla import Kolla
from lab.parts.nodes import Nodes
from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.stores import Ini, parsed

NODES, MENDED = "nodes", "nodes will be mended"
OLD_VERSION, OLD_HOST = 1, "nova-compute-compute04"


def second(
    hands: Hands,
    undo: ExitStack,
    name: str,
    program: str,
    file: str,
    change: Callable[[Ini], object],
) -> None:
    """Run one more process of a service, with its configuration changed."""
    place, facts = hands.cloud.place, hands.cloud.facts
    files: Mapping[Path, str] = {**others.other_files(facts), **storage.storage_files(facts)}
    whole = parsed(files[place.etc / file])
    whole["DEFAULT"].pop("log_dir", None)
    whole["DEFAULT"]["log_file"] = place.log / f"{name}.log"
    change(whole)
    config = place.etc / f"{name}.conf"
    config.write_text(render(whole))
    undo.callback(hands.cloud.processes.stop, [name], grace_seconds=1)
    log = place.log / f"{name}.log"
    hands.kept[name] = log.stat().st_size if log.exists() else 0
    argv: list[str | Path] = [facts.venv / "bin" / program, "--config-file", config]
    hands.cloud.processes.start(name, argv, env=facts.environment())


def ended(hands: Hands, name: str, seconds: float = 90) -> None:
    wait_for(lambda: hands.cloud.processes.pid(name) is None, f"{name} to end", seconds=seconds)


def logged(hands: Hands, name: str, words: str) -> None:
    """Wait until a process that goes on has said it."""
    file = hands.cloud.place.log / f"{name}.log"
    before = hands.kept.pop(name, 0)

    def said() -> bool:
        return file.exists() and words in file.read_bytes()[before:].decode(errors="replace")

    wait_for(said, f"{name} to say {words}", seconds=90, every=0.5)


def bad_configuration(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        whole["DEFAULT"]["num_engine_workers"] = "many"

    second(hands, undo, "heat-engine-bad", "heat-engine", "heat.conf", change)
    ended(hands, "heat-engine-bad")


def secret_missing(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        whole["DEFAULT"]["bind_port"] = hands.cloud.place.port(32)
        for option in ("password", "auth_url", "username"):
            del whole["keystone_authtoken"][option]

    second(hands, undo, "glance-api-keyless", "glance-api", "glance.conf", change)
    ended(hands, "glance-api-keyless")


def port_taken(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        whole["DEFAULT"]["bind_port"] = hands.cloud.facts.port("keystone")

    second(hands, undo, "glance-api-crowded", "glance-api", "glance.conf", change)
    ended(hands, "glance-api-crowded")


def computes_too_old(hands: Hands, undo: ExitStack) -> None:
    """Let the record of one compute service be of a release long ago; start a conductor."""
    facts, place, name = hands.cloud.facts, hands.cloud.place, "nova-conductor-new"
    with sql(facts) as cursor:
        cursor.execute("SELECT version FROM nova.services WHERE host = 'compute04'")
        (before,) = cursor.fetchone() or (0,)

    def write(version: int) -> None:
        with sql(facts) as cursor:
            statement = "UPDATE nova.services SET version = %s WHERE host = 'compute04'"
            cursor.execute(statement, (version,))

    def start() -> None:
        """Wait for its first words too: some of them look like a known problem."""
        hands.kept[OLD_HOST] = (place.log / f"{OLD_HOST}.log").stat().st_size
        hands.cloud.start(OLD_HOST)
        logged(hands, OLD_HOST, "Starting compute node")

    # The service itself has read its record meanwhile, and would not report any more.
    undo.callback(start)
    undo.callback(hands.cloud.kill, OLD_HOST)
    undo.callback(write, before)
    write(OLD_VERSION)
    undo.callback(hands.cloud.processes.stop, [name], grace_seconds=1)
    argv: list[str | Path] = [facts.venv / "bin" / "nova-conductor"]
    config = place.etc / "nova" / "nova.conf"
    log = place.log / f"{name}.log"
    hands.cloud.processes.start(
        name,
        [*argv, "--config-file", config, "--log-file", log],
        env=facts.environment(),
    )
    ended(hands, name)


def bus_elsewhere(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        port = hands.cloud.place.port(37)
        whole["DEFAULT"]["transport_url"] = f"rabbit://openstack:x@127.0.0.1:{port}/"

    second(hands, undo, "heat-engine-lost", "heat-engine", "heat.conf", change)
    logged(hands, "heat-engine-lost", "ECONNREFUSED")


def bus_login_refused(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        port = hands.cloud.facts.port("rabbitmq")
        whole["DEFAULT"]["transport_url"] = f"rabbit://openstack:old@127.0.0.1:{port}/"

    second(hands, undo, "heat-engine-refused", "heat-engine", "heat.conf", change)
    logged(hands, "heat-engine-refused", "ACCESS_REFUSED")


def queue_of_another_kind(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        whole["oslo_messaging_rabbit"]["rabbit_quorum_queue"] = True

    second(hands, undo, "heat-engine-quorum", "heat-engine", "heat.conf", change)
    logged(hands, "heat-engine-quorum", "inequivalent arg")


def database_elsewhere(hands: Hands, undo: ExitStack) -> None:
    def change(whole: Ini) -> None:
        url = str(whole["database"]["connection"])
        port = hands.cloud.facts.port("mariadb")
        elsewhere = url.replace(f":{port}/", f":{hands.cloud.place.port(37)}/")
        whole["database"] |= {"connection": elsewhere, "max_retries": 0}

    second(hands, undo, "heat-engine-nodb", "heat-engine", "heat.conf", change)
    logged(hands, "heat-engine-nodb", "Can't connect to MySQL server")


def file_to_copy_missing(hands: Hands, undo: ExitStack) -> None:
    """Run what every container of Kolla's begins with; a file that it is to copy is not there."""
    kolla, name = Kolla(hands.cloud.place), "neutron-server-start"
    kolla.install()
    given = hands.cloud.place.etc / "config-of-a-container.json"
    copied = {
        "source": "/var/lib/kolla/config_files/neutron-cert.pem",
        "dest": "/etc/neutron/certs/neutron-cert.pem",
        "owner": "neutron",
        "perm": "0600",
    }
    given.write_text(json.dumps({"command": "neutron-server", "config_files": [copied]}))
    undo.callback(given.unlink)
    folder, program = "/var/lib/kolla/config_files", kolla.recipes / "base/set_configs.py"
    # It looks in one place only, which here is seen by this process alone.
    words = (
        f"mount -t tmpfs tmpfs /var/lib && mkdir -p {folder} && cp {given} {folder}/config.json"
        f" && exec /usr/bin/python3 {program}"
    )
    undo.callback(hands.cloud.processes.stop, [name])
    hands.cloud.processes.start(
        name,
        ["unshare", "--mount", "sh", "-c", words],
        env={"KOLLA_CONFIG_STRATEGY": "COPY_ALWAYS"},
    )
    ended(hands, name)


SERVICES = (
    Planting(
        problem="container-bad-configuration",
        plant=bad_configuration,
        batch="starts",
    ),
    Planting(problem="container-secret-missing", plant=secret_missing, batch="starts"),
    Planting(problem="container-port-taken", plant=port_taken, batch="starts"),
    Planting(problem="container-file-missing", plant=file_to_copy_missing, batch="starts"),
    Planting(problem="nova-computes-too-old", plant=computes_too_old, batch="starts"),
    Planting(problem="bus-unreachable", plant=bus_elsewhere, batch="starts"),
    Planting(problem="bus-login-refused", plant=bus_login_refused, batch="starts"),
    Planting(problem="bus-queue-kind-differs", plant=queue_of_another_kind, batch="starts"),
    Planting(problem="database-gone", plant=database_elsewhere, batch="starts"),
)


def nodes(hands: Hands, undo: ExitStack) -> Nodes:
    """Return the nodes; they are made whole once, after everything else of the batch is undone."""
    found: Nodes = hands.kept[NODES]
    if MENDED not in hands.kept:
        hands.kept[MENDED] = True
        undo.callback(_restore, hands)
    return found


def _restore(hands: Hands) -> None:
    del hands.kept[MENDED]
    hands.kept[NODES].restore()


def container_stopped(hands: Hands, undo: ExitStack) -> None:
    nodes(hands, undo).stop_container("compute01", "nova_ssh")


def container_missing(hands: Hands, undo: ExitStack) -> None:
    """Remove a container that all other hosts have, as after a failed pull."""
    nodes(hands, undo).remove_container("compute02", "fluentd")


def container_crashes(hands: Hands, undo: ExitStack) -> None:
    found = nodes(hands, undo)
    # It remembers how often it was restarted, and one that is made anew does not.
    undo.callback(found.remove_container, "control01", "cinder_volume")
    found.crash_loop("control01", "cinder_volume")


def scheduler_unhealthy(hands: Hands, undo: ExitStack) -> None:
    nodes(hands, undo).unhealthy("control01", "nova_scheduler")


def disk_full(hands: Hands, undo: ExitStack) -> None:
    nodes(hands, undo).fill_disk("compute02", 97)


def console_proxy_stopped(hands: Hands, undo: ExitStack) -> None:
    nodes(hands, undo).stop_container("control01", "nova_novncproxy")


def clock_off(hands: Hands, undo: ExitStack) -> None:
    nodes(hands, undo).set_time_offset("compute01", -400)


def cut_off(hands: Hands, undo: ExitStack) -> None:
    """Take a compute host off the network: nothing of it reports, nothing reaches it."""
    found = nodes(hands, undo)
    undo.callback(hands.cloud.start, "nova-compute-compute02")
    undo.callback(hands.cloud.unsilence, "compute02")
    hands.cloud.kill("nova-compute-compute02")
    hands.cloud.silence("compute02")
    found.unplug("compute02")


def all_silent(hands: Hands, undo: ExitStack) -> None:
    """Stop at once what reports: the records of all planes grow old together."""
    processes = hands.cloud.processes
    computes = [f"nova-compute-{host}" for host in COMPUTES]
    others = "agents", "nova-scheduler", "cinder-volume", "cinder-scheduler", "cinder-backup"
    for name in (*computes, *others):
        undo.callback(processes.signal, name, signal.SIGCONT)
        processes.signal(name, signal.SIGSTOP)


HOSTS = (
    Planting(problem="container-stopped", plant=container_stopped, batch="hosts"),
    Planting(problem="container-image-missing", plant=container_missing, batch="hosts"),
    Planting(problem="container-restarts", plant=container_crashes, batch="hosts"),
    Planting(problem="kolla-scheduler-unhealthy", plant=scheduler_unhealthy, batch="scheduler"),
    Planting(problem="console-proxy-down", plant=console_proxy_stopped, batch="hosts"),
    Planting(problem="disk-full", plant=disk_full, batch="hosts"),
    Planting(problem="clock-skew", plant=clock_off, batch="bus-member"),
    Planting(problem="host-cut-off", plant=cut_off, batch="bus-partition"),
    Planting(problem="heartbeats-lost", plant=all_silent, batch="bus-down"),
)
"""Planted on the part `nodes`."""
