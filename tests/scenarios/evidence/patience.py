# SPDX-License-Identifier: Apache-2.0
"""A busy machine: reading its sandbox may take longer than an operator would wait."""

import json
from typing import Any

from tests.scenarios.sandboxes import Home

SECONDS = 150


def wait_longer(home: Home) -> None:
    """Raise the bounds of one that is up."""
    file = home.place() / "day2.yaml"
    settings: dict[str, Any] = json.loads(file.read_text())
    own = settings["clouds"]["sandbox"]
    own["evidence"] |= {"seconds_max": SECONDS, "host_seconds": SECONDS - 20}
    own["kolla"] |= {"seconds_max": SECONDS, "host_seconds": SECONDS - 20}
    own["logs"] |= {"seconds_max": SECONDS, "host_seconds": SECONDS - 20}
    file.write_text(json.dumps(settings))
