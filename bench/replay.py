# SPDX-License-Identifier: Apache-2.0
"""The limit: the same requests by keystoneauth1 alone, as many at a time, nothing decoded."""

import json
import os
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

AT_ONCE = 4


def main(recorded: Path) -> int:
    """Replay; the account comes from the environment, so that no library reads clouds.yaml."""
    auth = v3.Password(
        auth_url=os.environ["OS_AUTH_URL"],
        username=os.environ["OS_USERNAME"],
        password=os.environ["OS_PASSWORD"],
        project_name=os.environ["OS_PROJECT_NAME"],
        user_domain_id="default",
        project_domain_id="default",
    )
    session = ks_session.Session(auth=auth)
    session.get_token()
    queues: dict[str, deque[dict[str, Any]]] = {}
    for request in json.loads(recorded.read_text())["requests"]:
        queues.setdefault(request["service"], deque()).append(request)

    def work(queue: deque[dict[str, Any]]) -> None:
        while True:
            try:
                request = queue.popleft()
            except IndexError:
                return
            session.get(
                request["url"],
                headers=request["headers"],
                authenticated=request["token"],
                raise_exc=False,
            )

    threads = [
        threading.Thread(target=work, args=(queue,))
        for queue in queues.values()
        for _n in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
