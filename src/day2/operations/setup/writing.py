# SPDX-License-Identifier: Apache-2.0
"""Try the account that changes the cloud: its token and its roles; nothing is changed."""

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.model.examination import Item, State
from day2.operations.setup.doctor import ok, skipped
from day2.operations.setup.rights import Rights
from day2.survey.witnesses import ADMIN

NAME, TITLE = "writing", "account for writing"


def unset(section: str) -> Item:
    """Say that none is named, although the cloud may be changed."""
    found = skipped(NAME, TITLE, "not set: nothing of OpenStack can be changed")
    return msgspec.structs.replace(found, cure=f"setting {section}.cloud")


def examine(credentials: Credentials, *, limits: LoadSettings, clock: Clock, section: str) -> Item:
    """Log in with it.

    Raises:
        Unreachable, BadAnswer, Denied: when it gets no token.

    """
    session = Session(credentials, limits=limits, clock=clock)
    who = session.authenticate()
    where = f"project {who.project}" if who.project else "system scope"
    detail = (
        f"{who.user} in {where}, from {credentials.source}: {', '.join(who.roles) or 'no role'}"
    )
    if ADMIN in who.roles:
        return ok(NAME, TITLE, detail)
    rights = Rights(session, access="act", skip_kinds=[], kolla=KollaSettings())
    return Item(
        id=NAME,
        title=TITLE,
        state=State.WARNING,
        detail=f"{detail}; what changes hosts an account without the role admin can hardly do",
        cure=f"grant the role, or name another: setting {section}.cloud",
        commands=[rights.grant(who)],
    )
