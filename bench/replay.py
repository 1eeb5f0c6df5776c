# SPDX-License-Identifier: Apache-2.0
"""The limit: the same requests by keystoneauth1 alone, as many at a time.

What becomes of the bodies is the second word: nothing, `json` (the standard library's), `msgspec`
(without types). Decoded documents are kept, as any program must that wants to compare them.
"""

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3

AT_ONCE = 4
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "": len,
    "json": json.loads,
    "msgspec": msgspec.json.decode,
}


def main(recorded: Path, decoder: str) -> int:
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
    decode = DECODERS[decoder]
    held: list[Any] = []
    queues: dict[str, deque[dict[str, Any]]] = {}
    for request in json.loads(recorded.read_text())["requests"]:
        queues.setdefault(request["service"], deque()).append(request)

    def work(queue: deque[dict[str, Any]]) -> None:
        while True:
            try:
                request = queue.popleft()
            except IndexError:
                return
            answer = session.get(
                request["url"],
                headers=request["headers"],
                authenticated=request["token"],
                raise_exc=False,
            )
            held.append(decode(answer.content))

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
    sys.exit(main(Path(sys.argv[1]), (*sys.argv[2:], "")[0]))
