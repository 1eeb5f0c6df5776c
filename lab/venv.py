# SPDX-License-Identifier: Apache-2.0
"""The virtualenvs of services and client: built once, kept in the cache, shared by all labs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINTS = HERE / "constraints" / "2025.1.txt"
REQUIREMENTS = HERE / "requirements"


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would slow down or mislead a service.

    Without bytecode every start of a service compiles its thousands of modules again.
    """
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith("OS_")
    }


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on `file`; the kernel drops it when the process dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def virtualenv(cache: Path, name: str) -> Path:
    """Return the virtualenv for `requirements/NAME.txt`, building it when the cache has none.

    Scripts in a virtualenv hold absolute paths, so it is built where it stays; the file `complete`
    is written last, and a folder without it is the rest of a killed build.
    """
    folder = cache / "venv" / f"{name}-{_key(name)}"
    if (folder / "complete").exists():
        return folder
    with locked(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(cache, folder, REQUIREMENTS / f"{name}.txt")
            (folder / "complete").touch()
    return folder


def _key(name: str) -> str:
    text = (REQUIREMENTS / f"{name}.txt").read_bytes() + CONSTRAINTS.read_bytes()
    digest = hashlib.sha256(text + sys.version.encode())
    return digest.hexdigest()[:16]


def _build(cache: Path, folder: Path, requirements: Path) -> None:
    uv = find_uv(cache)
    environment = clean_environment()
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        for command in (
            [uv, "venv", "--python", sys.executable, folder],
            [
                *(uv, "pip", "install", "--python", folder / "bin" / "python"),
                *("--compile-bytecode", "--constraint", CONSTRAINTS, "--requirement", requirements),
            ],
        ):
            done = subprocess.run(
                [str(word) for word in command],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode:
                message = f"cannot build the virtualenv {folder.name}: see {log}"
                raise RuntimeError(message)


def find_uv(cache: Path) -> str:
    """Find `uv`, on PATH or beside this interpreter; else install it into a folder of the cache."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found:
        return found
    folder = cache / "venv" / "uv"
    if not (folder / "bin" / "uv").exists():
        environment = clean_environment()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, env=environment)
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "uv"]
        subprocess.run(pip, check=True, env=environment)
    return str(folder / "bin" / "uv")
