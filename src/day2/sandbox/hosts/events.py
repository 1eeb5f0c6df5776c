# SPDX-License-Identifier: Apache-2.0
"""Say an event the way that ansible-runner's own plug-in does; standard library only."""

import base64
import json
import os
from pathlib import Path
from typing import Any


def folder() -> Path:
    """Return where ansible-runner looks for the events."""
    return Path(os.environ["AWX_ISOLATED_DATA_DIR"]) / "job_events"


def write(where: Path, host: str, event: dict[str, Any]) -> str:
    """Write one event to its file, and return what is to be printed of it."""
    uuid = f"event-{host}"
    (where / f"{uuid}-partial.json").write_text(json.dumps({"uuid": uuid, **event}))
    text = base64.b64encode(json.dumps({"uuid": uuid}).encode()).decode()
    marks = (text, base64.b64encode(b"{}").decode())
    return "".join(f"\x1b[K{mark}\x1b[{len(mark)}D\x1b[K" for mark in marks) + "\n"


def event(host: str, kind: str, result: dict[str, Any], **times: str) -> dict[str, Any]:
    """Make the event that tells of one host: `ok`, `failed` or `unreachable`."""
    return {"event": f"runner_on_{kind}", "event_data": {"host": host, "res": result, **times}}
