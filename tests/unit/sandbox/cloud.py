# SPDX-License-Identifier: Apache-2.0
"""A world with a clock that only tests move, asked without sockets."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from day2.sandbox import scenario as scenarios
from day2.sandbox.build import everything
from day2.sandbox.http import Answer, Request
from day2.sandbox.scenario import Scenario
from day2.sandbox.services.registry import SERVICES

ROOT = "http://127.0.0.1:1"
PASSWORDS = {"admin": "a-secret", "reader": "r-secret", "member": "m-secret"}
BEGIN = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
NEWEST = {
    "compute": "compute 2.100",
    "placement": "placement 1.39",
    "block-storage": "volume 3.71",
}


shipped = functools.cache(scenarios.load)


class HeldClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Cloud:
    """One world, and the accounts that ask it."""

    def __init__(self, scenario: Scenario | str = "healthy") -> None:
        if isinstance(scenario, str):
            scenario = shipped(scenario)
        self.clock = HeldClock()
        self.world = everything.build(scenario, clock=self.clock, root=ROOT, passwords=PASSWORDS)
        self._services = {service.name: service for service in SERVICES}
        self._tokens: dict[str, tuple[str, str]] = {}

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        account: str | None = "admin",
        body: Any = None,
        version: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; `P` in the path becomes the account's project."""
        token, project = self.login(account) if account else ("", "")
        path, _mark, query = path.replace("/P/", f"/{project}/").partition("?")
        pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair]
        said = version or NEWEST.get(service, "")
        found = self._services[service]
        request = Request(
            method=method,
            path=path,
            base=f"{ROOT}{found.prefix}",
            root=ROOT,
            query=[(key, value) for key, value in pairs],
            headers={"x-auth-token": token, "openstack-api-version": said, **(headers or {})},
            body=msgspec.json.encode(body) if body is not None else b"",
        )
        self.world.settle()
        answer = found.answer(request, self.world)
        # What is seen is what goes over the wire.
        if answer.body is not None:
            raw = answer.body
            raw = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
            answer.body = msgspec.json.decode(raw)
        return answer

    def get(self, service: str, path: str, key: str, **words: Any) -> Any:
        """Return what a successful GET says under a key."""
        answer = self.ask(service, "GET", path, **words)
        assert answer.status == 200, answer.body
        return answer.body[key]

    def login(self, account: str) -> tuple[str, str]:
        """Return the token and the project of an account; each logs in once."""
        if account not in self._tokens:
            answer = self.ask(
                "identity", "POST", "/v3/auth/tokens", account=None, body=self.credentials(account)
            )
            assert answer.status == 201, answer.body
            project = answer.body["token"]["project"]["id"]
            self._tokens[account] = (answer.headers["X-Subject-Token"], project)
        return self._tokens[account]

    def credentials(self, account: str, password: str | None = None) -> dict[str, Any]:
        domain = {"name": "Default"}
        name = "acme" if account == "member" else "admin"
        user = {"name": account, "domain": domain, "password": password or PASSWORDS[account]}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": name, "domain": domain}}
        return {"auth": {"identity": identity, "scope": scope}}

    def server(self, name: str) -> dict[str, Any]:
        """Return what an administrator sees of a server."""
        found = self.get("compute", "/v2.1/servers/detail?all_tenants=1", "servers")
        return next(dict(row) for row in found if row["name"] == name)

    def act(self, server: str, action: str, given: Any = None, *, account: str = "admin") -> Answer:
        path = f"/v2.1/servers/{server}/action"
        return self.ask("compute", "POST", path, account=account, body={action: given})
