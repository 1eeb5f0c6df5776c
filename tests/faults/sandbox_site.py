# SPDX-License-Identifier: Apache-2.0
"""A sandbox inside this process, and day2's own wiring on it: every request is seen."""

import asyncio
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.clock import SystemClock
from day2.model.survey import Survey
from day2.operations.health import rules
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.sandbox import place, scenario, server
from day2.sandbox.application import Application, Receive, Scope, Send
from day2.sandbox.faults import Rule
from day2.sandbox.services.registry import SERVICES
from day2.settings import Settings
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site

ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")
CLOCK = SystemClock()
SCENARIO = "small"
QUICK = {
    "DAY2_LOAD__REQUEST_SECONDS_MAX": "1",
    "DAY2_LOAD__KIND_SECONDS_MAX": "2",
    "DAY2_SURVEY__SECONDS_MAX": "8",
    "DAY2_LOAD__PAGE_ROWS": "5",
}
# What differs from one reading of the same cloud to the next.
RESTLESS = frozenset({"api_probes", "tokens"})


class Call(msgspec.Struct, frozen=True, order=True):
    """One kind of request: whatever its ids and its place in the pages are."""

    service: str
    method: str
    path: str
    hidden: bool = False

    @property
    def pattern(self) -> str:
        """The regular expression by which a rule meets exactly these."""
        path = re.escape(self.path).replace(r"\{id\}", "[0-9a-f-]{32,36}")
        hidden = "os_hidden=true"
        choice = rf".*{hidden}" if self.hidden else rf"(?!.*{hidden})"
        return rf"^{path}\?{choice}"

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}{' (hidden)' if self.hidden else ''}"


class Bench:
    """One sandbox, the requests that reached it, and a site that reads it."""

    def __init__(self, app: Application, folder: Path) -> None:
        self.app = app
        self.config = folder / "day2.yaml"
        environment = {"DAY2_STATE": str(folder / "state"), **QUICK}
        settings = Settings.load(schema=SCHEMA, given=str(self.config), environment=environment)
        self.site = Site(settings, environment=environment)
        self.calls: set[Call] = set()
        self._names = {service.prefix.strip("/"): service.name for service in SERVICES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._note(scope)
        await self.app(scope, receive, send)

    def _note(self, scope: Scope) -> None:
        first, slash, rest = scope["path"].lstrip("/").partition("/")
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
        call = Call(
            service=self._names.get(first, first),
            method=scope["method"],
            path=ID.sub("{id}", f"/{rest}") if slash else "",
            hidden=query.get("os_hidden") == "true",
        )
        self.calls.add(call)

    def read(self, rule: Rule | None = None) -> tuple[Survey, float, int]:
        """Read and judge everything under one fault; return also the seconds and the hits."""
        self.app.faults.set([rule] if rule else [])
        started = time.monotonic()
        survey = self.site.survey()
        seconds = time.monotonic() - started
        hits = sum(self.app.faults.hits)
        self.app.faults.set([])
        return survey, seconds, hits


def judged(survey: Survey) -> set[str]:
    """Return the keys of all findings: no rule may fall over what is missing."""
    facts = Facts(survey=survey, policy=HealthPolicy(), now=CLOCK.now())
    shown, folded = fold(f for check in rules.all_checks() for f in check.run(facts))
    return {finding.key for finding in (*shown, *folded)}


def told(survey: Survey) -> dict[str, list[str]]:
    """Return what each table says, without the moments in it: equal when read again."""
    tables: dict[str, Any] = msgspec.to_builtins(survey.tables)
    return {
        kind: sorted(
            MOMENT.sub("", msgspec.json.encode(row, order="sorted").decode()) for row in rows
        )
        for kind, rows in tables.items()
        if kind not in RESTLESS
    }


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """Serve a sandbox from a thread."""
    folder.mkdir(mode=0o700)
    wanted = place.write_wanted(folder, SCENARIO)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        port = listening.getsockname()[1]
        found = scenario.load(SCENARIO)
        told = place.Told(region=found.region, member_project=found.projects[0].name)
        whole = server.make(folder, listening, CLOCK)
        made = whole.server
        for beside in (whole.planes.tls, *whole.planes.ports, *whole.planes.closed):
            beside.close()
        # Of OpenStack alone: without the sections of the planes around it.
        place.write_for_clients(folder, "default", port, wanted, told)
        app = made.config.app
        assert isinstance(app, Application)
        bench = Bench(app, folder)
        made.config.app = bench
        thread = threading.Thread(
            target=lambda: asyncio.run(made.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        while not made.started:
            time.sleep(0.01)
        try:
            yield bench
        finally:
            made.should_exit = True
            thread.join(10)
