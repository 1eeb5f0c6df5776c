# SPDX-License-Identifier: Apache-2.0
"""Documents as they are kept: what another version wrote in another form is not read back."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import zstandard

T = TypeVar("T")


def read_back(decode: Callable[[], T]) -> T | None:
    """Return what this makes of a document; None when it cannot be read back (any more)."""
    try:
        return decode()
    except (msgspec.MsgspecError, zstandard.ZstdError, UnicodeDecodeError):
        return None
