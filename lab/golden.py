# SPDX-License-Identifier: Apache-2.0
"""The golden state: the data of a cloud that was set up and filled once, kept in the cache.

It carries its passwords, for they are inside the databases: the folder is the owner's only.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.databases import sql
from lab.facts import PORTS, Facts
from lab.place import Place
from lab.setup import address_cells
from lab.venv import locked

COMPLETE = "complete"
HERE = Path(__file__).parent
PARTS = (
    "catalog.py",
    "databases.py",
    "facts.py",
    "passwords.py",
    "setup.py",
    "world.py",
    "build/*.py",
    "config/*.py",
    "requirements/services.txt",
    "constraints/*",
)
"""Files of the lab that decide what is in the data."""


def key() -> str:
    """Return the hash of everything that decides what is in the golden state."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(file for part in PARTS for file in HERE.glob(part)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def folder(place: Place) -> Path | None:
    """Return the folder of the saved state; None when there is none for this code."""
    found = _path(place)
    return found if (found / COMPLETE).exists() else None


def made(place: Place, saved: Path) -> bool:
    """Tell whether this lab's data come from that saved state."""
    return (place.state / "passwords.yml").read_text() == (saved / "passwords.yml").read_text()


def save(facts: Facts) -> None:
    """Save the data of a lab whose databases are stopped."""
    place = facts.place
    target = _path(place)
    with locked(target.with_suffix(".lock")):
        building = target.with_suffix(".new")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700, parents=True)
        archive = ["--sparse", "-I", "zstd -1 -T0", "-cf", str(building / "data.tar.zst")]
        subprocess.run(["tar", "-C", place.data, *archive, "."], check=True)
        shutil.copy(place.state / "passwords.yml", building)
        origin = {"state": str(place.state), "lab_id": place.lab_id, "first": place.port(0)}
        (building / "origin.json").write_text(json.dumps(origin))
        (building / COMPLETE).touch()
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)


def load(place: Place, saved: Path) -> None:
    """Unpack a saved state; the mark of completeness comes last: a killed unpacking is redone."""
    place.data.mkdir(parents=True, exist_ok=True)
    # tar keeps the mark in the archive; leave it out until everything else is there.
    archive = str(saved / "data.tar.zst")
    command = ["tar", "-C", str(place.data), "-I", "zstd -T0", "-xf", archive]
    subprocess.run([*command, f"--exclude=./{COMPLETE}"], check=True)
    shutil.copy(saved / "passwords.yml", place.state / "passwords.yml")
    (place.state / "passwords.yml").chmod(0o600)
    shutil.copy(saved / "origin.json", place.data)
    os.sync()
    (place.data / COMPLETE).touch()


def relocate(facts: Facts) -> None:
    """Rewrite the ports and paths in the databases, which are those of the lab that made them."""
    origin_file = facts.place.data / "origin.json"
    if not origin_file.exists():
        return
    origin = json.loads(origin_file.read_text())
    address_cells(facts)
    with sql(facts) as cursor:
        for offset in PORTS.values():
            old = f"127.0.0.1:{origin['first'] + offset}"
            new = f"127.0.0.1:{facts.place.port(offset)}"
            cursor.execute("UPDATE keystone.endpoint SET url=REPLACE(url, %s, %s)", (old, new))
        cursor.execute(
            "UPDATE glance.image_locations SET value=REPLACE(value, %s, %s)",
            (f"{origin['state']}/", f"{facts.place.state}/"),
        )
    origin_file.unlink()


def _path(place: Place) -> Path:
    return place.cache / "golden" / key()
