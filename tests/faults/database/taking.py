# SPDX-License-Identifier: Apache-2.0
"""Take sets into files, as the vault would hold them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from day2.adapters.database import dump
from day2.adapters.database.server import Server


@dataclass(frozen=True)
class Logical:
    dump: Path
    accounts: Path
    source: dict[str, Any]


def take(server: Server, folder: Path, name: str = "set") -> Logical:
    file, accounts = folder / f"{name}.sql", folder / f"{name}-accounts.sql"
    with file.open("wb") as first, accounts.open("wb") as second:
        taken = dump.take(server, dump=first.write, accounts=second.write)
    return Logical(file, accounts, taken.source)
