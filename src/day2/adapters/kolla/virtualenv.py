# SPDX-License-Identifier: Apache-2.0
"""The executables of Kolla-Ansible's virtualenv, run bounded and with an environment of their own.

Other adapters go through here to start `ansible-inventory` and `ansible-vault`.
"""

import os
import shutil
import subprocess  # noqa: TID251 - this adapter starts processes
from collections.abc import Mapping, Sequence
from pathlib import Path

from day2.errors import BadSettings, Unreachable

PASSED = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "SSH_AUTH_SOCK",
        "KRB5CCNAME",
        "LD_LIBRARY_PATH",
        "KOLLA_CONFIG_PATH",
        "KAYOBE_CONFIG_PATH",
        "KAYOBE_ENVIRONMENT",
    }
)
SECRET_WORDS = ("PASS", "SECRET", "TOKEN")


class Virtualenv:
    """One virtualenv, named by its folder; an empty name means the PATH."""

    def __init__(self, folder: str, environment: Mapping[str, str]) -> None:
        self._folder = Path(folder).expanduser().absolute() if folder else None
        self._environment = environment

    def executable(self, name: str) -> Path:
        """Find one executable.

        Raises:
            BadSettings: when the virtualenv or the PATH does not have it.

        """
        if self._folder is None:
            found = shutil.which(name, path=self._environment.get("PATH"))
            if found:
                return Path(found)
            raise BadSettings(
                f"no {name} on the PATH",
                hint="name Kolla-Ansible's virtualenv: setting clouds.NAME.kolla.virtualenv",
            )
        path = self._folder / "bin" / name
        if not os.access(path, os.X_OK):
            raise BadSettings(
                f"{self._folder} has no bin/{name}",
                hint="setting clouds.NAME.kolla.virtualenv names the virtualenv that "
                "kolla-ansible and ansible-core are installed in",
            )
        return path

    def environment(self) -> dict[str, str]:
        """Return what a child may know of our environment: where things are, and no secret."""
        kept = {
            name: value
            for name, value in self._environment.items()
            if name in PASSED or name.startswith(("LC_", "XDG_")) or _of_ansible(name)
        }
        path = self._environment.get("PATH", os.defpath)
        if self._folder is not None:
            path = f"{self._folder / 'bin'}{os.pathsep}{path}"
            kept["VIRTUAL_ENV"] = str(self._folder)
        return {**kept, "PATH": path}

    def run(self, name: str, words: Sequence[str], *, seconds: float, given: bytes = b"") -> bytes:
        """Run an executable to its end and return its standard output.

        `given` goes to its standard input. The child has a session of its own, so that nothing it
        starts can ask a person for a password.

        Raises:
            BadSettings: when it does not exist, or ends with a failure (the message ends with the
                last line of its complaint).
            Unreachable: when it does not end in time.

        """
        argv = [str(self.executable(name)), *words]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, words are ours
                argv,
                input=given,
                capture_output=True,
                env=self.environment(),
                timeout=seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"{name} did not end within {seconds:g} s") from None
        except OSError as error:
            raise BadSettings(f"cannot run {argv[0]}: {error}") from None
        if done.returncode:
            raise BadSettings(f"{name} failed: {_complaint(done.stderr)}")
        return done.stdout


def _of_ansible(name: str) -> bool:
    """Tell whether this is Ansible's own variable, and not one that carries a secret."""
    if not name.startswith("ANSIBLE_"):
        return False
    return name.endswith("_FILE") or not any(word in name for word in SECRET_WORDS)


def _complaint(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    errors = [line for line in lines if line.startswith(("ERROR", "[ERROR"))]
    return next(iter(errors), next((line for line in reversed(lines) if line), "without a word"))
