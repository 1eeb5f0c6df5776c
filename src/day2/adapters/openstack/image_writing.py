# SPDX-License-Identifier: Apache-2.0
"""Images (Glance) that are put back: made under an id of our choice, filled, looked at again."""

from typing import Any, BinaryIO

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.session import NOT_FOUND, Session
from day2.adapters.openstack.single import Said, Single, part
from day2.adapters.openstack.streams import Streams
from day2.errors import BadAnswer, NotVerified


class ImageWriter:
    """One region's image service, with the calls that change it."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "image", clock=clock)
        self._streams = Streams(session)

    def row(self, image: str) -> dict[str, Any] | None:
        """Return all that is said of an image; None when this account sees none of this id.

        Raises:
            Denied, Unreachable, BadAnswer: when Glance does not say.

        """
        what = f"image {image}"
        answer = self._api.service.ask("GET", _page(image), what=what)
        if answer.status == NOT_FOUND:
            return None
        try:
            return msgspec.json.decode(answer.require_ok(what), type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"{what}: {error}") from None

    def create(self, image: str, fields: dict[str, Any]) -> None:
        """Make an image without data, under this id.

        Raises:
            NotVerified: when Glance says no; 409: the id was used before.
            Denied, Unreachable: as ever; after the latter it may have been made all the same.

        """
        body = {**fields, "id": image}
        said = self._api.change("POST", "/v2/images", f"image {image}", body)
        if not said.ok:
            raise NotVerified(f"image {image}: Glance refuses it: {said}")

    def upload(self, image: str, source: BinaryIO) -> None:
        """Give an image its data, from an open file that was proven before.

        Raises:
            NotVerified: when Glance says no.
            Denied, Unreachable: as ever; the image is then queued again, or not there.

        """
        url = f"{self._api.service.url}{_page(image)}/file"
        status, told = self._streams.write(url, source, what=f"data of image {image}")
        said = Said(status=status, message=told)
        if not said.ok:
            raise NotVerified(f"data of image {image}: Glance refuses them: {said}")

    def remove(self, image: str) -> Said:
        """Delete an image."""
        return self._api.change("DELETE", _page(image), f"image {image}")


def _page(image: str) -> str:
    return f"/v2/images/{part(image)}"
