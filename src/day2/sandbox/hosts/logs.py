# SPDX-License-Identifier: Apache-2.0
"""Write records into files as Kolla's services write them, in the host's own time."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from day2.sandbox.build.logs import Record

FOLDER = "var/log/kolla"


def write(hosts: Path, records: Iterable[Record]) -> None:
    """Write one file for each host and service, its lines in order of time."""
    files: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        files[record.host, record.file].append(record)
    for (host, name), found in files.items():
        file = hosts / host / FOLDER / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found.sort(key=lambda record: record.at)
        file.touch(mode=0o600)
        file.write_text("".join(text(record) for record in found), encoding="utf-8")


def text(record: Record) -> str:
    """Write one record the way of its service; a traceback has the same beginning on every line."""
    local = record.at.astimezone()
    stamp = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
    folder = record.file.partition("/")[0]
    match folder:
        case "rabbitmq":
            head = f"{stamp}000{local:%z} [{record.level.lower()}] <0.{record.pid}.0> "
            first = f"{head}{record.message}"
        case "mariadb":
            level = {"INFO": "Note", "WARNING": "Warning"}.get(record.level, "ERROR")
            head = f"{local:%Y-%m-%d %H:%M:%S} {record.pid} [{level}] "
            first = f"{head}{record.message}"
        case "libvirt":
            head = f"{stamp}+0000: {record.pid}: {record.level.lower()} : "
            first = f"{head}{record.message}"
        case _:
            head = f"{stamp} {record.pid} {record.level} {record.module} "
            context = f"None {record.request_id} - - - - - -" if record.request_id else "-"
            first = f"{head}[{context}] {record.message}"
    lines = [first, *(f"{head}{line}" for line in record.trace)]
    return "".join(f"{line}\n" for line in lines)
