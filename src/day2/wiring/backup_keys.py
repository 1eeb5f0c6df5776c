# SPDX-License-Identifier: Apache-2.0
"""Which keys open the sets, and when that was last proven: remembered beside day2's memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from day2.errors import Refused

if TYPE_CHECKING:
    from day2.wiring.site import Site

PROVEN = "backup-keys.json"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys of a vault, and those of them that an identity at hand opens.

    `why`: why no identity of this host was tried; `given` are those that the file opens which was
    named beside the settings, None: none was.
    """

    public: list[str]
    opened: list[str]
    why: str = ""
    given: list[str] | None = None


def prove(site: "Site", also: str = "") -> Keys:
    """Prove each key with a canary that is sealed now, and remember which were proven.

    `also` is a file with one more identity.

    Raises:
        BadSettings: when the vault has too few keys, or an identity's file is open to others.

    """
    from day2.adapters.vaults import keys
    from day2.adapters.vaults.settings import PlainSettings

    settings = site.section("backup_vault", PlainSettings)
    public = keys.require_recipients(settings)
    given = keys.opened_by(public, keys.identities(also)) if also else None
    opened, why = list(given or []), ""
    try:
        opened += keys.opened_by(public, keys.identities(settings.identity_file))
    except Refused as refused:
        why = str(refused)
    found = [key for key in public if key in opened]
    if found:
        _remember(site, found)
    return Keys(public=public, opened=found, why=why, given=given)


def opened(site: "Site", recipients: Sequence[str]) -> tuple[list[str], str]:
    """Return those of a set's recipients whose identity is on this host, and why not more.

    Raises:
        BadSettings: when the identity's file is open to others.

    """
    from day2.adapters.vaults import keys
    from day2.adapters.vaults.settings import PlainSettings

    settings = site.section("backup_vault", PlainSettings)
    try:
        return keys.opened_by(recipients, keys.identities(settings.identity_file)), ""
    except Refused as refused:
        return [], str(refused)


def proven(site: "Site") -> Mapping[str, datetime]:
    """Return when each key was last proven here."""
    try:
        kept = (site.state / PROVEN).read_bytes()
        return msgspec.json.decode(kept, type=dict[str, datetime])
    except (OSError, msgspec.MsgspecError):
        return {}


def _remember(site: "Site", keys: Sequence[str]) -> None:
    from day2.adapters.files import write_private

    # Not by opening the memory: a round opens it at this very moment.
    site.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = {**proven(site), **dict.fromkeys(keys, site.clock.now())}
    write_private(site.state / PROVEN, msgspec.json.encode(told))
