# SPDX-License-Identifier: Apache-2.0
"""`python -m day2.sandbox FOLDER DESCRIPTOR`: what `day2 sandbox up` starts; not for people."""

import sys
from pathlib import Path

from day2.adapters.clock import SystemClock
from day2.sandbox import server


def main() -> None:
    """Serve the sandbox of a folder on an inherited socket."""
    server.serve(Path(sys.argv[1]), int(sys.argv[2]), SystemClock())


if __name__ == "__main__":
    main()
