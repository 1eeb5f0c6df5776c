# SPDX-License-Identifier: Apache-2.0
"""The one masking of a cloud: what looks like a secret, and every value of Kolla's passwords."""

from contextlib import suppress
from typing import TYPE_CHECKING

from day2.adapters.kolla.settings import KollaSettings
from day2.errors import Day2Error

if TYPE_CHECKING:
    from day2.adapters.logs.cleaning import Cleaner
    from day2.wiring.site import Site


def cleaner(site: "Site") -> "Cleaner":
    """Return what cleans a text before it is shown or kept.

    Where Kolla's passwords cannot be read, only what looks like a secret is masked.
    """
    from day2.adapters.kolla.passwords import Passwords
    from day2.adapters.logs.cleaning import Cleaner

    kolla = site.section("kolla", KollaSettings)
    known: list[str] = []
    with suppress(Day2Error):
        known = Passwords(kolla, site.virtualenv).plain()
    return Cleaner(known)
