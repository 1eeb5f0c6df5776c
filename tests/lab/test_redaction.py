# SPDX-License-Identifier: Apache-2.0
"""Secrets planted on real hosts, in logs, containers and processes: none of them shows."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.cloud import Cloud
from lab.parts.nodes import Nodes
from lab.parts.nodes_ansible import ansible
from tests.lab.program import Program
from tests.scenarios.evidence.planted import ODD, PASSWORD, PRIVATE, everything, leaked, lines

pytestmark = pytest.mark.full
HOST, CONTAINER = "control01", "neutron_dhcp_agent"
FOLDER = "/var/log/kolla/neutron"


@pytest.fixture(scope="module")
def program(
    cloud: Cloud, nodes: Nodes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """The lab with three hosts; its file of passwords has two that are planted everywhere."""
    folder = tmp_path_factory.mktemp("redaction")
    passwords = folder / "passwords.yml"
    passwords.touch(mode=0o600)
    told: dict[str, Any] = YAML(typ="safe").load(Path(str(cloud.describe()["passwords"])))
    more = {"planted_password": PASSWORD, "odd_password": ODD}
    with passwords.open("w") as file:
        YAML(typ="safe", pure=True).dump({**told, **more}, file)
    found = Program(
        cloud,
        folder,
        kolla={
            "inventory": str(nodes.inventory),
            "virtualenv": str(ansible(cloud.place).parent),
            "passwords_file": str(passwords),
        },
    )
    found.seconds_max = 300
    with ExitStack() as undo:
        undo.callback(nodes.restore)
        plant(nodes, undo)
        yield found


def plant(nodes: Nodes, undo: ExitStack) -> None:
    """Write it into logs, a configuration and the output of a container; let processes say it."""

    def write(file: str, text: str) -> None:
        undo.callback(nodes.exec, HOST, ["rm", "-f", file])
        nodes.exec(HOST, ["mkdir", "-p", str(Path(file).parent)])
        nodes.exec(HOST, ["sh", "-c", f"cat > {shlex.quote(file)}"], data=text.encode())

    head = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000 7 ERROR neutron.agent.dhcp.agent [-] "
    logged = "".join(f"{head}{line}\n" for line in lines())
    write(f"{FOLDER}/planted.log", f"{logged}{head}{PRIVATE}\n{PRIVATE}\n")
    write("/etc/kolla/neutron-dhcp-agent/planted.conf", "\n".join(lines()))
    # What a container has printed last, by its own standard output.
    printed = "\n".join([*lines(), PRIVATE]).encode()
    nodes.exec(
        HOST,
        ["docker", "exec", "-i", CONTAINER, "sh", "-c", "cat > /proc/1/fd/1"],
        data=printed,
    )
    environment = [word for n, line in enumerate(lines()) for word in ("--env", f"P{n}={line}")]
    image = str(nodes.inspect(HOST, CONTAINER)["Image"])
    undo.callback(nodes.exec, HOST, ["docker", "rm", "--force", "planted"])
    run = ["docker", "run", "--detach", "--name", "planted", *environment, "--entrypoint", "sh"]
    nodes.exec(HOST, [*run, image, "-c", "cat /proc/self/environ; exit 1"])
    for number, line in enumerate(lines()[5:9]):
        script = f"exec -a {shlex.quote(line)} sleep 600"
        nodes.exec(HOST, ["systemd-run", f"--unit=planted-{number}", "bash", "-c", script])
        undo.callback(nodes.exec, HOST, ["systemctl", "stop", f"planted-{number}"])
    nodes.kill_container(HOST, CONTAINER)


def test_no_planted_secret_is_in_a_pack_or_told(program: Program, tmp_path: Path) -> None:
    ended = program.run("evidence", "collect", "--output", str(tmp_path), "-f", "json")
    assert ended.code in {0, 12}, ended.stderr
    pack = everything(Path(ended.document["file"]))
    # What was planted was looked at: the lines are there, without their secrets.
    for said in (b"Validating token ***", b"stats auth openstack:***", b"mysqldump --user root"):
        assert said in pack, said
    assert leaked(pack) == []
    assert leaked(ended.stdout.encode() + ended.stderr.encode()) == []
    for words in (
        ("evidence", "collect", "--output", str(tmp_path)),
        ("log", "review", "--details"),
        ("problem", "find"),
        ("round", "daily"),
        ("report", "show", "--details"),
        ("explain", HOST),
    ):
        shown = program.run(*words)
        assert leaked(shown.stdout.encode() + shown.stderr.encode()) == [], words
    kept = [file for file in (program.folder / "state").rglob("*") if file.is_file()]
    assert len(kept) > 1
    assert [file.name for file in kept if leaked(file.read_bytes())] == []


def test_no_password_of_the_cloud_is_in_a_pack(
    program: Program, cloud: Cloud, tmp_path: Path
) -> None:
    """The true ones: all of Kolla's file, in whatever the hosts and the services have written."""
    told: dict[str, Any] = YAML(typ="safe").load(Path(str(cloud.describe()["passwords"])))
    ended = program.run("evidence", "collect", "--output", str(tmp_path), "-f", "json")
    pack = everything(Path(ended.document["file"]))
    secrets = {name: str(value) for name, value in told.items() if len(str(value)) >= 8}
    assert len(secrets) > 5
    shown = ended.stdout.encode()
    assert [n for n, value in secrets.items() if value.encode() in pack + shown] == []
