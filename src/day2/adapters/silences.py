# SPDX-License-Identifier: Apache-2.0
"""Silence alerts at one Alertmanager (API v2), and let them speak again."""

import urllib.parse
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import structs

from day2.adapters.alertmanager import AlertRouter
from day2.adapters.listed import decoded
from day2.adapters.reasons import one_line
from day2.adapters.web import NOT_FOUND, require_ok

WHAT = "Alertmanager silence"


class Matcher(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a silence is about: a label, and a value or a regular expression of the whole value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Held(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A silence as Alertmanager has it, and as it takes it: with its `id` it is changed."""

    matchers: Sequence[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str = ""


class _Made(msgspec.Struct):
    id: str = msgspec.field(name="silenceID")


class Silencer:
    """One Alertmanager that is written to."""

    def __init__(self, router: AlertRouter) -> None:
        self._router = router
        self.address = router.address

    def find(self, mark: str) -> str:
        """Return the id of the silence that holds and whose comment ends with a mark; or empty.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        rows = self._rows()
        return next((own for own, comment in rows.items() if comment.endswith(mark)), "")

    def holds(self, own: str) -> bool:
        """Tell whether a silence holds, or will.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        return own in self._rows()

    def add(
        self,
        matchers: Sequence[Matcher],
        *,
        starts_at: datetime,
        ends_at: datetime,
        by: str,
        comment: str,
    ) -> str:
        """Add a silence; return its id.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere; after the first two it may
                be there all the same.

        """
        return self._put(Held(matchers, starts_at, ends_at, by, comment))

    def held(self, own: str) -> Held | None:
        """Return a silence by its id; None when Alertmanager knows none, or it has ended.

        Raises:
            Unreachable, BadAnswer, Denied: as everywhere.

        """
        if not self.holds(own):
            return None
        with self._router.opened() as web:
            status, answer = web.send("GET", _path(own), what=WHAT)
        if status == NOT_FOUND:
            return None
        where = f"{WHAT} at {self.address}"
        require_ok(status, where)
        return decoded(answer, Held, where)

    def prolong(self, held: Held, ends_at: datetime) -> None:
        """Let a silence last until another moment; it keeps its id.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        self._put(structs.replace(held, ends_at=ends_at))

    def _put(self, wanted: Held) -> str:
        body = msgspec.json.encode(wanted)
        with self._router.opened() as web:
            status, answer = web.send("POST", "/api/v2/silences", what=WHAT, content=body)
        where = f"{WHAT} at {self.address}"
        require_ok(status, f"{where} ({one_line(answer.decode(errors='replace'))})")
        return decoded(answer, _Made, where).id

    def expire(self, own: str) -> None:
        """End a silence now; one that is not there any more counts as ended.

        Raises:
            Unreachable, BadAnswer, Denied: as everywhere.

        """
        with self._router.opened() as web:
            status, answer = web.send("DELETE", _path(own), what=WHAT)
        if status != NOT_FOUND:
            said = one_line(answer.decode(errors="replace"))
            require_ok(status, f"{WHAT} at {self.address} ({said})")

    def _rows(self) -> dict[str, str]:
        """Read every silence that holds; a list with holes proves nothing.

        Raises:
            BadAnswer: when a part of it could not be read.

        """
        found = self._router.silences()
        if found.failures:
            raise found.failures[0]
        return {row.id: row.comment for row in found.rows}


def _path(own: str) -> str:
    return f"/api/v2/silence/{urllib.parse.quote(own, safe='')}"
