# SPDX-License-Identifier: Apache-2.0
"""Images (Glance) as a backup needs them: everything that is said of each, and their data."""

from collections.abc import Iterator
from typing import Any

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import NOT_FOUND, Session
from day2.adapters.openstack.single import Single, part
from day2.adapters.openstack.streams import Streams
from day2.errors import BadAnswer, Denied

# Where a store has the data: of no use elsewhere, and some stores' addresses hold a password.
PLACES = frozenset({"locations", "direct_url"})


class Images:
    """One region's image service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._api = Single(session, "image", clock=clock)
        self._streams = Streams(session)

    def all(self) -> list[dict[str, Any]]:
        """List every image of every project, hidden ones too, with properties of any name.

        Raises:
            Day2Error: whatever ended the list before its end.

        """
        queries = (Query(visibility="all"), Query(visibility="all", os_hidden="true"))
        rows = [row for query in queries for row in self._list(query)]
        return [{name: row[name] for name in row if name not in PLACES} for row in rows]

    def data(self, image: str, size: int | None) -> Iterator[bytes]:
        """Yield an image's data, never whole in memory; `size` is what Glance said of it.

        Raises:
            NotDeployed: when there is no such image, or no data of it.
            Denied: when this account may not have it.
            BadAnswer: when there is less or more of it than Glance said.
            Unreachable: when the next part is not there in time.

        """
        url = f"{self._api.service.url}/v2/images/{part(image)}/file"
        yield from self._streams.read(url, what=f"data of image {image}", size=size)

    def is_absent(self, image: str) -> bool:
        """Tell whether an image is proven not to be there: Glance says so, to an administrator.

        Raises:
            Day2Error: when that could not be told.

        """
        what = f"image {image}"
        answer = self._api.service.ask("GET", f"/v2/images/{part(image)}", what=what)
        # A page that is missing altogether does not name the image.
        if answer.status == NOT_FOUND and image.encode() in answer.body:
            if "admin" not in self._session.authenticate().roles:
                raise Denied(f"{what}: whether it is there is told to the role admin only")
            return True
        answer.require_ok(what)
        return False

    def require_data(self, image: str) -> None:
        """See that an image's data begin: its first part is read, and no more.

        Raises:
            NotDeployed, BadAnswer: when there are none.
            Denied, Unreachable: when that could not be told.

        """
        url = f"{self._api.service.url}/v2/images/{part(image)}/file"
        what = f"data of image {image}"
        if not next(self._streams.read(url, what=what, size=None), b""):
            raise BadAnswer(f"{what}: nothing")

    def _list(self, query: Query) -> list[dict[str, Any]]:
        return self._api.list(
            Collection(
                kind="images",
                service="image",
                path="/v2/images",
                key="images",
                row=dict,
                query=query,
                paged=True,
            )
        )
