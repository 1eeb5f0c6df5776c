# SPDX-License-Identifier: Apache-2.0
"""What every entry of a scenario file is made of."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Span = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?[smhdw]$")]
Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of a scenario: keys that nobody knows are refused."""


Script = Literal["", "fail", "hang", "deaf", "stay", "error", "stray"]
"""What becomes of a server's next migration: nothing special; it fails; it hangs until it is forced
or aborted; it is deaf to that as well; it says completed and the server stays; it leaves the server
in ERROR; it leaves a stray port binding on the old host."""
