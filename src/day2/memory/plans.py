# SPDX-License-Identifier: Apache-2.0
"""Plans as they were sealed, and people's words on them."""

import hashlib
from datetime import datetime

import msgspec
import sqlalchemy as sa

from day2.errors import BadUsage, Refused
from day2.memory.journal import Journalist
from day2.memory.schema import approvals, plans
from day2.memory.store import Memory
from day2.model.plan import Approval, Plan, Saved


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is listed, without its steps."""

    id: str
    kind: str
    at: datetime
    expires_at: datetime
    by: str
    sha256: str


def save(memory: Memory, saved: Saved) -> None:
    """Keep a sealed plan, and say so in the journal.

    Raises:
        Refused: when a plan of this name is kept already; plans are never overwritten.

    """
    plan = saved.plan
    with memory.writing() as connection:
        if connection.execute(sa.select(plans.c.id).where(plans.c.id == plan.id)).first():
            raise Refused(f"a plan {plan.id} is kept already", hint=f"day2 plan show {plan.id}")
        connection.execute(
            plans.insert().values(
                id=plan.id,
                cloud=plan.cloud,
                region=plan.region,
                kind=plan.kind,
                at=plan.at,
                expires_at=plan.expires_at,
                by=plan.by,
                sha256=saved.sha256,
                document=saved.document,
            )
        )
        Journalist(plan.cloud, plan.region).append(
            connection,
            at=plan.at,
            run=plan.id,
            kind="planned",
            by=plan.by,
            body={"sha256": saved.sha256, "summary": plan.summary, "ticket": plan.ticket},
        )


def load(memory: Memory, name: str) -> Saved:
    """Return a plan by its id, or by the beginning of one that is the only such.

    Raises:
        BadUsage: when there is none.
        Refused: when what is kept is not what was sealed.

    """
    query = sa.select(plans).where(plans.c.id.startswith(name, autoescape=True)).limit(20)
    with memory.reading() as connection:
        rows = connection.execute(query).all()
    exact = [row for row in rows if row.id == name]
    found = exact or rows
    # Everything begins with nothing: an empty variable of a script names no plan.
    if not found or not name:
        raise BadUsage(f"no plan {name!r}", hint="see them with: day2 plan list")
    if len(found) > 1:
        raise BadUsage(f"{name!r} begins several plans: {', '.join(row.id for row in found)}")
    row = found[0]
    if hashlib.sha256(row.document).hexdigest() != row.sha256:
        raise _edited(row.id)
    try:
        plan = msgspec.json.decode(row.document, type=Plan)
    except msgspec.DecodeError:
        raise _edited(row.id) from None
    return Saved(plan=plan, sha256=row.sha256, document=row.document)


def unused(memory: Memory, name: str) -> str:
    """Return a name that no plan has: this one, or with the first number that is free behind it."""
    query = sa.select(plans.c.id).where(plans.c.id.startswith(name, autoescape=True))
    with memory.reading() as connection:
        taken = set(connection.execute(query).scalars())
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(free for free in names if free not in taken)


def listed(memory: Memory, cloud: str, region: str) -> list[Listed]:
    """Return the plans of one cloud, newest first."""
    names = [plans.c[field] for field in Listed.__struct_fields__]
    query = sa.select(*names).where(plans.c.cloud == cloud, plans.c.region == region)
    with memory.reading() as connection:
        rows = connection.execute(query.order_by(plans.c.at.desc(), plans.c.id)).all()
    return [Listed(**row._mapping) for row in rows]  # noqa: SLF001


def approve(memory: Memory, cloud: str, region: str, word: Approval, *, plan: str) -> None:
    """Keep a person's word on a plan or a gate, and write it into the journal, both or neither."""
    with memory.writing() as connection:
        record_approval(connection, cloud, region, word, plan=plan)


def record_approval(
    connection: sa.Connection, cloud: str, region: str, word: Approval, *, plan: str
) -> None:
    """Do so in a transaction of the caller."""
    connection.execute(approvals.insert().values(msgspec.structs.asdict(word)))
    Journalist(cloud, region).append(
        connection,
        at=word.at,
        run=plan,
        step=word.gate or word.by,
        kind="answered" if word.gate else "approved",
        by=word.by,
        body={"sha256": word.sha256, "answer": word.answer, "reason": word.reason},
    )


def words(memory: Memory, sha256: str, *, run: str = "", gate: str = "") -> list[Approval]:
    """Return the words on a plan as a whole, or on one gate of its run, oldest first."""
    with memory.reading() as connection:
        return find_words(connection, sha256, run=run, gate=gate)


def find_words(connection: sa.Connection, sha256: str, *, run: str, gate: str) -> list[Approval]:
    """Do so in a transaction of the caller."""
    names = [approvals.c[field] for field in Approval.__struct_fields__]
    query = sa.select(*names).where(
        approvals.c.sha256 == sha256, approvals.c.run == run, approvals.c.gate == gate
    )
    rows = connection.execute(query.order_by(approvals.c.id)).all()
    return [Approval(**row._mapping) for row in rows]  # noqa: SLF001


def _edited(plan: str) -> Refused:
    return Refused(
        f"the plan {plan} is not what was sealed: somebody edited it",
        hint="make a new one; what was approved is what runs, or nothing",
    )
