# SPDX-License-Identifier: Apache-2.0
"""What the parts share: running a command, filling in a template, passwords, the cache's builds."""

import fcntl
import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

from lab.place import Place

FILES = Path(__file__).parent.parent / "files" / "parts"


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    data: bytes | None = None,
    seconds: float = 300,
) -> str:
    """Run a command to its end and return what it printed.

    Raises:
        RuntimeError: with the command's own words when it fails.

    """
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, input=data or b"", capture_output=True, env=env, timeout=seconds, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        message = f"{' '.join(words)[:300]} ended with {done.returncode}: {said}"
        raise RuntimeError(message)
    return done.stdout.decode(errors="replace")


def template(name: str, /, **values: object) -> str:
    """Fill in `lab/files/parts/NAME`; its placeholders are `${word}`, a missing one is an error."""
    text = (FILES / name).read_text()
    return Template(text).substitute({key: str(value) for key, value in values.items()})


def home(place: Place, part: str) -> Path:
    """Return the folder of one part's own state; daemons that drop root can traverse it."""
    folder = place.state / "parts" / part
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder.parent, folder):
        each.chmod(0o755)
    return folder


def passwords(file: Path, names: Iterable[str]) -> dict[str, str]:
    """Return random passwords by name: those in `file`, which is made when it is missing."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {name: known.get(name) or secrets.token_urlsafe(18) for name in names}
    if wanted != known:
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(wanted))
        fresh.rename(file)
    return wanted


def key(*recipe: str) -> str:
    """Name a recipe by its content, so that a changed recipe never meets an old build."""
    return hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]


def cached(target: Path, build: Callable[[Path], None]) -> Path:
    """Return `target`; `build(path)` makes it once for all labs, locked, renamed into place."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_name(f"{target.name}.unfinished")
            remove(unfinished)
            build(unfinished)
            unfinished.rename(target)
    return target


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
