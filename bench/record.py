# SPDX-License-Identifier: Apache-2.0
"""Record every request of one survey: what the limit replays. Nothing of this is in the product."""

import json
import sys
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from day2.adapters.openstack.session import Answer, Session
from day2.survey.openstack import KINDS
from day2.wiring.site import Site


def main(out: Path, kinds: Sequence[str]) -> None:
    """Read these tables once and write what was asked, in the order of asking."""
    asked: list[dict[str, Any]] = []
    lock = threading.Lock()
    get = Session.get

    def recording(
        self: Session,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        token: bool = True,
    ) -> Answer:
        with lock:
            place = urllib.parse.urlsplit(url).netloc
            asked.append(
                {"service": place, "url": url, "headers": dict(headers or {}), "token": token}
            )
        return get(self, url, what=what, headers=headers, token=token)

    Session.get = recording  # type: ignore[method-assign]
    survey = Site.load(config=None, cloud=None).survey(kinds)
    found = {
        "requests": asked,
        "rows": sum(r.rows for r in survey.readings.values()),
        "gaps": [gap.message for gap in survey.gaps],
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(",") if len(sys.argv) > 2 else KINDS)  # noqa: PLR2004
