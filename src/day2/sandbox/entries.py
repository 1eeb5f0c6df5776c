# SPDX-License-Identifier: Apache-2.0
"""What every entry of a scenario file is made of."""

from typing import Annotated

import msgspec
from msgspec import Meta

Span = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?[smhdw]$")]
Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of a scenario: keys that nobody knows are refused."""
