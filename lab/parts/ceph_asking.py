# SPDX-License-Identifier: Apache-2.0
"""One connection to the monitors, kept by a program beside us for as long as this object lives."""

import json
import os
import subprocess
from pathlib import Path

from lab.parts.tools import FILES

PYTHON = "/usr/bin/python3"
"""The distribution's own: it has Ceph's library."""


class Monitors:
    """The monitors of one cluster, asked as its administrator."""

    def __init__(self, config: Path) -> None:
        """Remember where the cluster is; the first question connects."""
        self._config = config
        self._child: subprocess.Popen[str] | None = None

    def ask(self, prefix: str, **arguments: object) -> object:
        """Send one command, as Ceph's own table of commands names it; return its JSON.

        Raises:
            RuntimeError: when it is refused, or nobody answers within five seconds.

        """
        command = {"prefix": prefix, "format": "json", **arguments}
        answer = self._exchange(json.dumps(command))
        if not answer:
            self.close()
            message = f"ceph {prefix}: the monitors do not answer"
            raise RuntimeError(message)
        told = json.loads(answer)
        if told["code"]:
            message = f"ceph {prefix}: {told['code']} {told['said']}"
            raise RuntimeError(message)
        return json.loads(told["body"]) if told["body"].strip() else None

    def close(self) -> None:
        """End the connection; the next question makes a new one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _exchange(self, line: str) -> str:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [PYTHON, FILES / "ceph-ask.py", self._config],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={"PATH": os.defpath},
            )
        assert self._child.stdin is not None  # noqa: S101 - for the type checker: pipes
        assert self._child.stdout is not None  # noqa: S101
        try:
            self._child.stdin.write(f"{line}\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._child.stdout.readline()
