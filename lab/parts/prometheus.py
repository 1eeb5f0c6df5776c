# SPDX-License-Identifier: Apache-2.0
"""Prometheus with rules, Alertmanager and a node exporter, behind Kolla's kind of basic auth."""

import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from lab.packages import install_packages
from lab.parts import prometheus_history as history
from lab.parts.tools import home, passwords, remove, run, template
from lab.place import Place
from lab.processes import Processes, wait_for

PROGRAMS = {
    "/usr/bin/prometheus": "prometheus",
    "/usr/bin/prometheus-alertmanager": "prometheus-alertmanager",
    "/usr/bin/prometheus-node-exporter": "prometheus-node-exporter",
}
# Offsets of `Place.port`. The hook is nobody's: whoever wants the notifications listens there.
SERVER, NODE, HOOK, MANAGERS, CLUSTER = 160, 161, 162, 164, 167
MANAGERS_MAX = 3
USER = "admin"
RETENTION = "500d"
"""More than any history that is put in later: what is older goes at the next compaction."""


class Prometheus:
    """Processes `prometheus`, `node-exporter` and `alertmanager1` (up to three of them)."""

    name = "prometheus"

    def __init__(
        self,
        place: Place,
        *,
        alertmanagers: int = 1,
        more: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Name processes and files; nothing is started.

        Args:
            place: the lab.
            alertmanagers: more than one make a cluster.
            more: scrape jobs to add, by name: the addresses of each (RabbitMQ's own metrics, ...).

        """
        if not 1 <= alertmanagers <= MANAGERS_MAX:
            message = f"1 to {MANAGERS_MAX} Alertmanagers"
            raise ValueError(message)
        self._place = place
        self._processes = Processes(place)
        self._home = home(place, "prometheus")
        self._more = dict(more or {})
        self.managers = [f"alertmanager{n + 1}" for n in range(alertmanagers)]
        self._rules = place.etc / "prometheus-rules.yml"
        self._broken = place.etc / "prometheus-broken.yml"

    @property
    def data(self) -> Path:
        """The folder of the server's blocks."""
        return self._home / "tsdb"

    def up(self) -> None:
        """Install what is missing and start everything; ready when all targets answered."""
        install_packages(PROGRAMS)
        self.restore()

    def down(self) -> None:
        """End everything; the data stay."""
        names = self._names()
        for name in names:
            self.thaw(name)
        self._processes.stop(names, grace_seconds=10)

    def reset(self) -> None:
        """Forget every sample, silence and notification."""
        self.down()
        remove(self.data)
        for name in self.managers:
            remove(self._home / name)
        self.up()

    def ready(self) -> bool:
        """Ask whether every server is ready, every target up, and alerts arrive."""
        try:
            if any(self._get(url, "/-/ready").status_code != 200 for url in self._urls()):  # noqa: PLR2004
                return False
            found = self._get(self.url, "/api/v1/targets").json()["data"]["activeTargets"]
            members = self._get(self._manager_url(0), "/api/v2/status").json()["cluster"]
            # The one that fires always has arrived everywhere.
            heard = all(self._get(url, "/api/v2/alerts").json() for url in self._urls()[1:])
        except (httpx.HTTPError, KeyError, ValueError):
            return False
        whole = len(self.managers) == 1 or len(members.get("peers", ())) == len(self.managers)
        return bool(found) and all(target["health"] == "up" for target in found) and whole and heard

    def restore(self) -> None:
        """Undo every fault: dead and frozen processes, broken rules, an odd receiver, silences."""
        for name in self._names():
            self.thaw(name)
        self._configure()
        self._broken.unlink(missing_ok=True)
        for name in self._names():
            self.start(name)
        for url in self._urls():
            wait_for(lambda url=url: self._answers(url), url, seconds=20)  # type: ignore[misc]
            self._post(url, "/-/reload")
        self.unsilence()
        wait_for(self.ready, "Prometheus and its targets", seconds=30)

    def describe(self) -> dict[str, object]:
        """Return URLs, accounts and files."""
        return {
            "prometheus_url": self.url,
            "alertmanager_urls": [self._manager_url(n) for n in range(len(self.managers))],
            "node_exporter": self._address(NODE),
            "hook_port": self._place.port(HOOK),
            "user": USER,
            "password": self._secret(),
            "retention": RETENTION,
            "data": str(self.data),
            "rules": str(self._rules),
        }

    @property
    def url(self) -> str:
        """URL of the Prometheus server."""
        return f"http://{self._address(SERVER)}"

    def start(self, name: str) -> None:
        """Start one process unless it runs."""
        self._processes.start(name, self._command(name))

    def stop(self, name: str) -> None:
        """Stop one process in an orderly way."""
        self.thaw(name)
        self._processes.stop([name])

    def kill(self, name: str) -> None:
        """`kill -9` one process."""
        self._processes.kill(name)

    def freeze(self, name: str) -> None:
        """Stop a process as if it hung: connections are accepted by the kernel, never answered."""
        self._processes.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Undo `freeze`."""
        self._processes.signal(name, signal.SIGCONT)

    def break_rule(self) -> None:
        """Add a rule that reads well and fails whenever it is evaluated."""
        self._broken.write_text(template("prometheus-broken.yml"))
        self._post(self.url, "/-/reload")

    def break_configuration(self) -> None:
        """Give the server a file that it cannot use: it keeps the configuration that it has."""
        self._config.write_text("scrape_configs: nonsense\n")
        self._post(self.url, "/-/reload")

    def fill_disks(self) -> None:
        """Let `InstanceDiskFull` take every disk for full."""
        self._rules.write_text(template("prometheus-rules.yml", free_ratio_min=1))
        self._post(self.url, "/-/reload")

    def without_integrations(self) -> None:
        """Leave Alertmanager with one receiver that tells nobody, as Kolla's own file does."""
        text = template("prometheus-alertmanager.yml", receiver="default-receiver", more="")
        self._manager_config.write_text(text)
        for number in range(len(self.managers)):
            self._post(self._manager_url(number), "/-/reload")

    def separate(self, name: str) -> None:
        """Start one Alertmanager of several anew, alone: it and the others lose each other."""
        self.stop(name)
        command = [word for word in self._command(name) if "--cluster." not in str(word)]
        self._processes.start(name, [*command, "--cluster.listen-address="])
        number = self.managers.index(name)
        wait_for(lambda: self._answers(self._manager_url(number)), name, seconds=20)

    def silence(self, starts_at: str, ends_at: str, **labels: str) -> str:
        """Silence the alerts with these labels; times are ISO 8601. Returns the silence's id."""
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in labels.items()
        ]
        body = {
            "matchers": matchers,
            "startsAt": starts_at,
            "endsAt": ends_at,
            "createdBy": "lab",
            "comment": "scripted",
        }
        url = self._manager_url(0) + "/api/v2/silences"
        reply = httpx.post(url, json=body, auth=(USER, self._secret()), timeout=10)
        reply.raise_for_status()
        return str(reply.json()["silenceID"])

    def silences(self) -> list[dict[str, Any]]:
        """Return the silences that have not ended, as Alertmanager tells them."""
        rows = self._get(self._manager_url(0), "/api/v2/silences").json()
        return [row for row in rows if row["status"]["state"] != "expired"]

    def change_silence(self, own: str, *, ends_at: str) -> None:
        """Let a silence end at another moment; it keeps its id."""
        (row,) = [row for row in self.silences() if row["id"] == own]
        names = ("id", "matchers", "startsAt", "createdBy", "comment")
        body = {name: row[name] for name in names} | {"endsAt": ends_at}
        url = self._manager_url(0) + "/api/v2/silences"
        reply = httpx.post(url, json=body, auth=(USER, self._secret()), timeout=10)
        reply.raise_for_status()

    def unsilence(self) -> None:
        """End every silence."""
        url = self._manager_url(0)
        for found in self.silences():
            path = f"{url}/api/v2/silence/{found['id']}"
            httpx.delete(path, auth=(USER, self._secret()), timeout=10).raise_for_status()

    def backfill(self, days: int, series: int, *, step_seconds: int = 300) -> dict[str, object]:
        """Give the server another past: `lab_history_used_ratio{series="N"}` of so many days.

        Whatever it had recorded is gone. The server is stopped meanwhile, which is faster than
        waiting for it to see new blocks.
        """
        text = self._home / "history.txt"
        first, last = history.write(text, days=days, series=series, step_seconds=step_seconds)
        self.stop("prometheus")
        remove(self.data)
        self.data.mkdir()
        history.make_blocks(text, self.data)
        text.unlink()
        self.start("prometheus")
        wait_for(self.ready, "Prometheus with its history", seconds=60)
        return {"metric": history.METRIC, "first": first, "last": last, "step": step_seconds}

    @property
    def _config(self) -> Path:
        return self._place.etc / "prometheus.yml"

    @property
    def _manager_config(self) -> Path:
        return self._place.etc / "prometheus-alertmanager.yml"

    def _names(self) -> list[str]:
        return ["node-exporter", *self.managers, "prometheus"]

    def _urls(self) -> list[str]:
        return [self.url, *(self._manager_url(n) for n in range(len(self.managers)))]

    def _address(self, offset: int) -> str:
        return f"127.0.0.1:{self._place.port(offset)}"

    def _manager_url(self, number: int) -> str:
        return f"http://{self._address(MANAGERS + number)}"

    def _secret(self) -> str:
        return passwords(self._home / "passwords.json", (USER,))[USER]

    def _configure(self) -> None:
        word = self._place.etc / "prometheus-password"
        word.touch(mode=0o600)
        word.write_text(self._secret())
        managers = [self._address(MANAGERS + n) for n in range(len(self.managers))]
        more = "".join(
            f"  - job_name: {job}\n    static_configs:\n      - targets: {list(addresses)}\n"
            for job, addresses in self._more.items()
        )
        self._config.write_text(
            template(
                "prometheus.yml",
                lab_id=self._place.lab_id,
                rules=f"{self._rules}\n  - {self._broken}",
                password_file=word,
                alertmanagers=", ".join(f'"{address}"' for address in managers),
                server=self._address(SERVER),
                node=self._address(NODE),
                more=more,
            )
        )
        self._rules.write_text(template("prometheus-rules.yml", free_ratio_min=0.0001))
        hook = f"  - name: hook\n    webhook_configs:\n      - url: http://{self._address(HOOK)}/\n"
        self._manager_config.write_text(
            template("prometheus-alertmanager.yml", receiver="hook", more=hook)
        )
        web = self._place.etc / "prometheus-web.yml"
        if not web.exists():
            web.touch(mode=0o600)
            web.write_text(template("prometheus-web.yml", hash=_bcrypt(self._secret())))

    def _command(self, name: str) -> list[str | Path]:
        web = f"--web.config.file={self._place.etc / 'prometheus-web.yml'}"
        if name == "node-exporter":
            return ["prometheus-node-exporter", f"--web.listen-address={self._address(NODE)}"]
        if name == "prometheus":
            return [
                "prometheus",
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self.data}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address={self._address(SERVER)}",
                "--web.enable-lifecycle",
                # An Alertmanager that was started anew is told at once.
                "--rules.alert.resend-delay=2s",
                web,
            ]
        return [
            "prometheus-alertmanager",
            f"--config.file={self._manager_config}",
            f"--storage.path={self._home / name}",
            f"--web.listen-address={self._address(MANAGERS + self.managers.index(name))}",
            web,
            *self._clustering(name),
        ]

    def _clustering(self, name: str) -> list[str]:
        """Alone it must be told not to: by default it listens on every address of the machine."""
        if len(self.managers) == 1:
            return ["--cluster.listen-address="]
        own = self._address(CLUSTER + self.managers.index(name))
        peers = [self._address(CLUSTER + n) for n in range(len(self.managers))]
        return [
            f"--cluster.listen-address={own}",
            f"--cluster.advertise-address={own}",
            *(f"--cluster.peer={peer}" for peer in peers if peer != own),
        ]

    def _get(self, url: str, path: str) -> httpx.Response:
        return httpx.get(url + path, auth=(USER, self._secret()), timeout=5)

    def _post(self, url: str, path: str) -> None:
        httpx.post(url + path, auth=(USER, self._secret()), timeout=10)

    def _answers(self, url: str) -> bool:
        try:
            return self._get(url, "/-/ready").status_code == 200  # noqa: PLR2004
        except httpx.HTTPError:
            return False


def _bcrypt(word: str) -> str:
    """Hash a password as the web configuration wants it; the system's own crypt can do that."""
    salt = secrets.token_hex(11)
    program = f"my $word = <STDIN>; print crypt($word, q($2b$05${salt}));"
    return run(["perl", "-e", program], data=word.encode()).strip()
