# SPDX-License-Identifier: Apache-2.0
"""What differs between two sets of files, as it may be shown to everybody."""

import msgspec


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a YAML file; a value is None where it does not exist, or is not to be shown."""

    key: str
    verb: str
    before: str | None = None
    after: str | None = None
    hidden: bool = False


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """One file: `added`, `removed` or `changed`.

    `what` says what of it changed, and `keys` which keys, where that can be told.
    """

    path: str
    verb: str
    what: list[str] = []
    keys: list[KeyChange] = []
