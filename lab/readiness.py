# SPDX-License-Identifier: Apache-2.0
"""Whether the cloud works, by asking its services what an operator would ask."""

from collections.abc import Mapping
from typing import Any

import httpx

from lab.facts import COMPUTES, NETWORK_HOSTS, Facts

NOVA_SERVICES = len(COMPUTES) + len(("scheduler", "conductor", "conductor of cell2"))
AGENTS = len(COMPUTES) + len(NETWORK_HOSTS) * len(("Open vSwitch", "DHCP", "L3", "metadata"))
CINDER_SERVICES = len(("scheduler", "volume", "backup"))


Json = Any
"""What a service answers: nobody but the asker knows its shape."""


class Questions:
    """Plain HTTP requests as the administrator; one token for all, renewed when refused."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._http = httpx.Client(timeout=30, follow_redirects=True)
        self._headers: dict[str, str] = {}
        self._project = ""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def log_in(self) -> None:
        """Fetch a token for project `admin`."""
        password = self._facts.passwords["keystone_admin_password"]
        user = {"name": "admin", "password": password, "domain": {"id": "default"}}
        project = {"name": "admin", "domain": {"id": "default"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": project}}}
        reply = self._http.post(self._facts.url("keystone", "/v3/auth/tokens"), json=body)
        reply.raise_for_status()
        self._project = reply.json()["token"]["project"]["id"]
        self._headers = {
            "X-Auth-Token": reply.headers["X-Subject-Token"],
            "X-OpenStack-Nova-API-Version": "2.79",
        }

    def get(self, service: str, path: str) -> Json:
        """Return the JSON of one GET; `{project}` in the path is the project's id."""
        if not self._headers:
            self.log_in()
        reply = self._ask(service, path)
        if reply.status_code == httpx.codes.UNAUTHORIZED:
            self.log_in()
            reply = self._ask(service, path)
        reply.raise_for_status()
        return reply.json()

    def _ask(self, service: str, path: str) -> httpx.Response:
        url = self._facts.url(service, path.replace("{project}", self._project))
        return self._http.get(url, headers=self._headers)

    def put(self, service: str, path: str, body: Mapping[str, Any]) -> None:
        """Send one PUT."""
        url = self._facts.url(service, path)
        self._http.put(url, json=body, headers=self._headers).raise_for_status()


def missing(questions: Questions) -> list[str]:
    """Say what is not as it should be, in words; an empty list means ready."""
    found: list[str] = []
    for name, ask in CHECKS.items():
        try:
            text = ask(questions)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            text = f"{type(error).__name__}: {error}"
        if text:
            found.append(f"{name}: {text}")
    return found


def _few(rows: list[Mapping[str, Any]], alive: int, wanted: int) -> str:
    return "" if alive >= wanted == len(rows) else f"{alive} of {wanted} up ({len(rows)} known)"


def _nova(questions: Questions) -> str:
    rows = questions.get("nova-api", "/v2.1/os-services")["services"]
    # Services of a cell that does not answer are listed without a state.
    return _few(rows, sum(row.get("state") == "up" for row in rows), NOVA_SERVICES)


def _hypervisors(questions: Questions) -> str:
    rows = questions.get("nova-api", "/v2.1/os-hypervisors")["hypervisors"]
    return _few(rows, sum(row["state"] == "up" for row in rows), len(COMPUTES))


def _servers(questions: Questions) -> str:
    rows = questions.get("nova-api", "/v2.1/servers/detail?all_tenants=1")["servers"]
    unknown = [row["id"] for row in rows if row["status"] == "UNKNOWN"]
    return f"unknown: {unknown}" if unknown else ""


def _agents(questions: Questions) -> str:
    rows = questions.get("neutron-server", "/v2.0/agents?fields=alive")["agents"]
    return _few(rows, sum(bool(row["alive"]) for row in rows), AGENTS)


def _cinder(questions: Questions) -> str:
    rows = questions.get("cinder-api", "/v3/{project}/os-services")["services"]
    return _few(rows, sum(row["state"] == "up" for row in rows), CINDER_SERVICES)


def _heat(questions: Questions) -> str:
    rows = questions.get("heat-api", "/v1/{project}/services")["services"]
    return "" if any(row["status"] == "up" for row in rows) else "no engine up"


def _glance(questions: Questions) -> str:
    questions.get("glance-api", "/v2/images?limit=1")
    return ""


def _placement(questions: Questions) -> str:
    rows = questions.get("placement", "/resource_providers")["resource_providers"]
    return _few(rows, len(rows), len(COMPUTES))


CHECKS = {
    "compute services": _nova,
    "hypervisors": _hypervisors,
    "servers": _servers,
    "network agents": _agents,
    "volume services": _cinder,
    "orchestration": _heat,
    "images": _glance,
    "placement": _placement,
}
