# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PTH116, PTH118, PTH123
"""What a host tells of its files, its moments and its programs, in a form that may leave it."""

import hashlib
import hmac
import os
import re
from typing import Any

from day2.adapters.remote.log_masks import masked

LINE_LENGTH = 500
FILE_BYTES_MAX = 4 << 20
# The hash of a file that is a secret and nothing else could be guessed from.
SECRET_FILE = re.compile(
    r"passw|cookie|secret|keyring|credential|fernet|id_rsa|id_ed25519|\.(?:key|pem|p12|pass)$",
    re.IGNORECASE,
)


def cut(text: str, count: int) -> "list[str]":
    """Return the last lines of a text, masked as a whole: a secret may have several lines."""
    return [line[:LINE_LENGTH] for line in masked(text).splitlines()[-count:]]


def hashed(path: str, size: int, salt: bytes) -> "dict[str, Any]":
    """Return the hash of a file; that of a secret is salted, and good for comparing hosts only."""
    if size > FILE_BYTES_MAX:
        return {}
    with open(path, "rb") as file:
        content = file.read(FILE_BYTES_MAX)
    if SECRET_FILE.search(path):
        return {"salted": hmac.new(salt, content, hashlib.sha256).hexdigest()[:12]}
    return {"sha256": hashlib.sha256(content).hexdigest()}


def changed_at(path: str) -> float:
    """Return when a file was last written."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def moment(text: object) -> float:
    """Read `2025-01-02T03:04:05.123456789Z` as both engines write it; 0 when it never came."""
    found = re.match(
        r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)? ?(?:Z|([+-])(\d\d):?(\d\d))?",
        str(text or ""),
    )
    if not found or found.group(1) == "0001":
        return 0.0
    numbers = [int(one) for one in found.groups()[:6]]
    days = day_of(numbers[0], numbers[1], numbers[2])
    at = days * 86400.0 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
    if found.group(7):
        shift = int(found.group(8)) * 3600 + int(found.group(9)) * 60
        at -= shift if found.group(7) == "+" else -shift
    return at


def day_of(year: int, month: int, day: int) -> int:
    """Return the number of a day since 1970, in the calendar of today."""
    if month <= 2:  # noqa: PLR2004
        year -= 1
        month += 12
    return (
        365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
    )


def find(name: str) -> str:
    """Find an executable; a session over SSH often lacks the system's own folders."""
    folders = os.environ.get("PATH", "").split(":")
    for folder in folders + ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]:  # noqa: RUF005
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK):
            return path
    return ""
