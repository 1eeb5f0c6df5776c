# SPDX-License-Identifier: Apache-2.0
"""Answers kept as they went out, until anything in the world changes.

Only of lists that do not tell the time (no heartbeats), and for callers who see the same: a large
cloud is then read at the speed of its bytes, and what is measured is the client.
"""

import re
from collections.abc import Callable, Hashable, Mapping

import msgspec

from day2.sandbox.http import OK, Answer, Request
from day2.sandbox.tables import Table

MIB = 1 << 20
TIMELESS = {
    "compute": re.compile(
        r"^/v2\.1/(servers|servers/detail|os-hypervisors/detail|os-quota-sets/.+)$"
    ),
    "network": re.compile(
        r"^/v2\.0/(ports|networks|subnets|routers|floatingips|security-groups"
        r"|security-group-rules|network-ip-availabilities|quotas/.+)$"
    ),
    "block-storage": re.compile(
        r"^/v3/[^/]+/(volumes|volumes/detail|attachments|os-quota-sets/.+)$"
    ),
    "placement": re.compile(r"^/resource_providers(/.+)?$"),
}


class Kept:
    """Bodies by what was asked; no more than `mib_max` of them, the first ones."""

    def __init__(self, tables: Mapping[str, Table], *, mib_max: int) -> None:
        self._tables = tables
        self._bytes_left = self._bytes_max = mib_max * MIB
        self._changes = -1
        self._answers: dict[Hashable, Answer] = {}

    def answer(self, service: str, request: Request, make: Callable[[], Answer]) -> Answer:
        """Return the kept answer to a request, or the one that is made now."""
        timeless = TIMELESS.get(service)
        if request.method != "GET" or timeless is None or not timeless.match(request.path):
            return make()
        changes = sum(table.changes for table in self._tables.values())
        if changes != self._changes:
            self._answers.clear()
            self._changes, self._bytes_left = changes, self._bytes_max
        who = request.who
        scope = (who.project_id, tuple(sorted(who.roles)))
        key = (service, request.path, tuple(request.query), request.version, scope)
        found = self._answers.get(key)
        if found is None:
            found = make()
            if found.status != OK:
                return found
            found.body = msgspec.json.encode(found.body)
            if self._bytes_left >= len(found.body):
                self._bytes_left -= len(found.body)
                self._answers[key] = found
        return Answer(body=found.body, status=found.status, headers=dict(found.headers))
