# SPDX-License-Identifier: Apache-2.0
"""The real `day2 doctor` over a scripted cloud on loopback: what no healthy lab answers."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROGRAM = Path(sys.executable).parent / "day2"
PASSWORD = "Cloud-Secret-1"
FORBIDDEN = (403, {"error": {"message": "You are not authorized: identity:list_users."}})
Answer = tuple[int, Any]


class Cloud:
    """Keystone, Neutron and Heat on one port; every list is empty unless a test says otherwise."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.date_offset = 0.0
        self.user = "admin"
        self.login = ""
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_words: Any) -> None:
                pass

            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate((timestamp or time.time()) + cloud.date_offset, usegmt=True)

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                cloud.login = asked["auth"]["identity"]["password"]["user"]["name"]
                self.reply(*cloud.answer("token"), token=True)

            def do_GET(self) -> None:
                self.reply(*cloud.answer(self.path.partition("?")[0]))

            def reply(self, status: int, body: Any, *, token: bool = False) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if token:
                    self.send_header("X-Subject-Token", "a-token")
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> Answer:
        given = self.answers.get(path)
        if given is not None:
            return given() if callable(given) else given
        if path == "token":
            return 201, {"token": self.token()}
        key = path.rpartition("/")[2].replace("-", "_")
        aliases = {"network_ip_availabilities": "network_ip_availabilities"}
        return 200, {aliases.get(key, key): []}

    def token(self) -> dict[str, Any]:
        def service(kind: str, path: str) -> dict[str, Any]:
            endpoint = {
                "interface": "public",
                "region": "One",
                "region_id": "One",
                "url": f"{self.url}{path}",
                "id": kind,
            }
            return {"type": kind, "name": kind, "id": kind, "endpoints": [endpoint]}

        return {
            "methods": ["password"],
            "user": {"name": self.user, "id": "u", "domain": {"id": "default", "name": "Default"}},
            "project": {"name": "admin", "id": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"name": "admin", "id": "r"}],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "catalog": [
                service("identity", "/v3"),
                service("network", ""),
                service("orchestration", "/v1/p"),
            ],
        }


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Doctor:
    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder = folder
        self.sections: dict[str, Any] = {"load": {"request_seconds_max": 1.5}}
        auth = {
            "auth_url": f"{cloud.url}/v3",
            "username": "admin",
            "password": PASSWORD,
            "project_name": "admin",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        writer = {**auth, "username": "writer"}
        entries = {"one": {"auth": auth}, "writer": {"auth": writer}}
        self.write("clouds.yaml", {"clouds": entries})

    def write(self, name: str, tree: Any) -> Path:
        file = self.folder / name
        with file.open("w") as opened:
            YAML(typ="safe", pure=True).dump(tree, opened)
        file.chmod(0o600)
        return file

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        account = {"cloud": "one", "clouds_file": str(self.folder / "clouds.yaml")}
        tree = {"clouds": {"one": {"openstack": account, **self.sections}}}
        config = self.write("day2.yaml", tree)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "DAY2_"))}
        done = subprocess.run(
            [str(PROGRAM), "--config", str(config), "doctor", *words],
            capture_output=True,
            text=True,
            timeout=75,
            check=False,
            env={**kept, "DAY2_STATE": str(self.folder / "state")},
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def items(self) -> tuple[int, dict[str, dict[str, Any]]]:
        done = self.run("-f", "json")
        assert done.stdout, done.stderr
        return done.returncode, {i["id"]: i for i in json.loads(done.stdout)["items"]}


@pytest.fixture
def doctor(tmp_path: Path, cloud: Cloud) -> Doctor:
    (tmp_path / "state").mkdir(mode=0o700)
    return Doctor(tmp_path, cloud)


def test_a_cloud_that_grants_everything_is_exit_0(doctor: Doctor) -> None:
    code, items = doctor.items()
    assert code == 0, [i for i in items.values() if i["state"] == "failed"]
    assert items["lists.orchestration"]["state"] == "ok"


def test_heats_own_refusal_is_a_warning_with_the_policy_to_write(
    doctor: Doctor, cloud: Cloud
) -> None:
    cloud.answers["/v1/p/stacks"] = (403, {"error": {"message": "no"}})
    doctor.sections["kolla"] = {"config_dir": "/etc/my kolla", "inventory": "/etc/hosts of mine"}
    _code, items = doctor.items()
    found = items["lists.orchestration.stacks"]
    assert found["state"] == "warning"
    assert found["commands"] == [
        "mkdir -p '/etc/my kolla/config/heat'",
        "echo '\"stacks:global_index\": \"role:admin\"' >> '/etc/my kolla/config/heat'/policy.yaml",
        "kolla-ansible reconfigure --tags heat -i '/etc/hosts of mine' --configdir '/etc/my kolla'",
    ]
    doctor.sections["survey"] = {"skip_kinds": ["stacks"]}
    assert "lists.orchestration.stacks" not in doctor.items()[1]


@pytest.mark.parametrize(
    ("writing", "admin", "state", "said"),
    [
        ({"cloud": "writer"}, "writer", "ok", "writer in project admin"),
        ({"cloud": "writer"}, "admin", "warning", "can hardly do"),
        ({"cloud": "nobody"}, "admin", "failed", "no cloud 'nobody'"),
        ({}, "admin", "skipped", "not set"),
    ],
)
def test_the_account_that_changes_is_judged_and_not_the_one_that_reads(
    doctor: Doctor, cloud: Cloud, writing: dict[str, str], admin: str, state: str, said: str
) -> None:
    def token() -> Answer:
        role = "admin" if cloud.login == admin else "reader"
        own = {**cloud.token(), "roles": [{"name": role, "id": "r"}]}
        return 201, {"token": {**own, "user": {**own["user"], "name": cloud.login}}}

    cloud.answers["token"] = token
    doctor.sections |= {"access": "act", "writing": writing}
    _code, items = doctor.items()
    assert items["roles"]["state"] == "ok"
    assert items["writing"]["state"] == state
    assert said in items["writing"]["detail"]
    doctor.sections["access"] = "propose"
    assert "writing" not in doctor.items()[1]


def test_a_list_refused_even_to_admin_blames_the_policy(doctor: Doctor, cloud: Cloud) -> None:
    cloud.answers["/v3/users"] = FORBIDDEN
    code, items = doctor.items()
    assert code == 21
    assert "identity:list_users" in items["lists.identity"]["detail"]
    assert items["lists.identity"]["commands"] == []
    assert "policy.yaml" in items["lists.identity"]["cure"]


def test_html_for_json_is_exit_20(doctor: Doctor, cloud: Cloud) -> None:
    cloud.answers["/v2.0/ports"] = (200, b"<html>proxy</html>")
    code, items = doctor.items()
    assert (code, items["lists.network"]["state"]) == (20, "failed")


def test_a_service_that_never_answers_ends_in_time(doctor: Doctor, cloud: Cloud) -> None:
    release = threading.Event()

    def hang() -> Answer:
        release.wait(60)
        return 200, {}

    cloud.answers["/v2.0/agents"] = hang
    started = time.monotonic()
    code, items = doctor.items()
    release.set()
    assert (code, items["lists.network"]["state"]) == (20, "failed")
    assert items["lists.identity"]["state"] == "ok"
    assert time.monotonic() - started < 30


def test_a_wrong_clock_is_a_warning(doctor: Doctor, cloud: Cloud) -> None:
    cloud.date_offset = -90.0
    code, items = doctor.items()
    assert (code, items["clock"]["state"]) == (0, "warning")


def test_hostile_names_are_quoted_and_never_steer_the_terminal(
    doctor: Doctor, cloud: Cloud
) -> None:
    cloud.user = "x; rm -rf /\x1b[31m"
    token = cloud.token()
    token["roles"] = [{"name": "\x1b]0;owned\x07", "id": "r"}]
    cloud.answers["token"] = (201, {"token": token})
    cloud.answers["/v3/users"] = FORBIDDEN
    done = doctor.run()
    assert done.returncode == 21
    assert "\x1b" not in done.stdout + done.stderr
    assert "'x; rm -rf /" in done.stdout


def test_text_fits_80_columns_but_for_commands(doctor: Doctor, cloud: Cloud) -> None:
    cloud.answers["/v3/users"] = FORBIDDEN
    lines = doctor.run().stdout.splitlines()
    long = [line for line in lines if len(line) > 80 and " " in line.strip()]
    assert all(str(doctor.folder) in line or line.startswith("        ") for line in long), long


def test_references_to_secrets_are_followed_and_never_shown(doctor: Doctor) -> None:
    secret = doctor.folder / "secret"
    secret.write_text(f"{PASSWORD}\n")
    doctor.sections["vault"] = {"address": "", "token": {"file": str(secret)}}
    code, items = doctor.items()
    assert (code, items["secret.vault.token"]["state"]) == (0, "ok")
    doctor.sections["vault"] = {"address": "", "token": {"env": "NOT_SET_ANYWHERE"}}
    code, items = doctor.items()
    assert (code, items["secret.vault.token"]["state"]) == (2, "failed")
    assert "clouds.one.vault.token" in items["secret.vault.token"]["cure"]


def test_wrong_value_is_exit_2_and_names_the_setting(doctor: Doctor) -> None:
    doctor.sections["access"] = "everything"
    code, items = doctor.items()
    assert code == 2
    assert "clouds.one.access" in items["settings.cloud"]["detail"]
