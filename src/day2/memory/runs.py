# SPDX-License-Identifier: Apache-2.0
"""Runs: where each one is, what became of its steps, what it waits for, which places it holds."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from day2.errors import BadUsage
from day2.memory.schema import children, claims, run_gates, run_steps, runs
from day2.memory.store import Memory
from day2.model.run import Gate, Run, RunStep, State, Wanted

_GOES_ON = runs.c.state.not_in([state.value for state in State if state.ended])
_PLAIN = [name for name in Run.__struct_fields__ if name not in {"plan", "gates", "steps"}]


def insert_run(connection: sa.Connection, run: Run) -> bool:
    """Keep a new run; False when one of this id is there already."""
    values = {name: getattr(run, name) for name in _PLAIN}
    values |= {"state": run.state.value, "wanted": run.wanted.value, "chosen": 1}
    done = connection.execute(
        insert(runs).values(values).on_conflict_do_nothing(index_elements=["id"])
    )
    return done.rowcount == 1


def load(memory: Memory, name: str) -> Run:
    """Return a run with its steps and gates, by its id or the beginning of one.

    Raises:
        BadUsage: when there is none, or several begin so.

    """
    query = sa.select(runs).where(runs.c.id.startswith(name, autoescape=True)).limit(20)
    with memory.reading() as connection:
        rows = connection.execute(query).all()
        found = [row for row in rows if row.id == name] or rows
        # Everything begins with nothing: an empty variable of a script names no run.
        if not found or not name:
            raise BadUsage(f"no run {name!r}", hint="see them with: day2 run list")
        if len(found) > 1:
            raise BadUsage(f"{name!r} begins several runs: {', '.join(row.id for row in found)}")
        own = found[0].id
        steps = connection.execute(
            sa.select(run_steps.c.document).where(run_steps.c.run == own).order_by(run_steps.c.n)
        ).scalars()
        gates = connection.execute(
            sa.select(run_gates.c.document).where(run_gates.c.run == own).order_by(run_gates.c.name)
        ).scalars()
        return _run(
            found[0],
            steps=[msgspec.json.decode(document, type=RunStep) for document in steps],
            gates=[msgspec.json.decode(document, type=Gate) for document in gates],
        )


def listed(
    memory: Memory, cloud: str, region: str, *, count: int | None = 50, kinds: Sequence[str] = ()
) -> list[Run]:
    """Return the newest runs of one cloud without their steps, newest first; None: all of them."""
    query = sa.select(runs).where(runs.c.cloud == cloud, runs.c.region == region)
    if kinds:
        query = query.where(runs.c.kind.in_(kinds))
    with memory.reading() as connection:
        rows = connection.execute(query.order_by(runs.c.at.desc()).limit(count)).all()
    return [_run(row) for row in rows]


def undoing(memory: Memory, run: str) -> list[Run]:
    """Return the runs that take a run back, or took it back, without their steps."""
    with memory.reading() as connection:
        return [
            _run(row) for row in connection.execute(sa.select(runs).where(runs.c.undoes == run))
        ]


def subjects(memory: Memory, cloud: str, *, kind: str, action: str) -> dict[str, bool]:
    """Return the ids of what an action was begun on by runs of a kind, and whether each has ended.

    One that several runs were begun on has ended when all of them have.
    """
    query = (
        sa.select(runs.c.state, run_steps.c.document)
        .join(run_steps, run_steps.c.run == runs.c.id)
        .where(runs.c.cloud == cloud, runs.c.kind == kind)
    )
    found: dict[str, bool] = {}
    with memory.reading() as connection:
        for state, document in connection.execute(query):
            step = msgspec.json.decode(document, type=RunStep)
            if step.action == action:
                own = step.subject.id
                found[own] = found.get(own, True) and State(state).ended
    return found


def usual_seconds(memory: Memory, cloud: str, region: str, kind: str, total: int) -> float | None:
    """Guess how long a run of so many steps takes: by the last ten of its kind that were done.

    Each step is taken to cost what a step of theirs did on average; None without any.
    """
    query = (
        sa.select(runs.c.started_at, runs.c.ended_at, runs.c.total)
        .where(
            runs.c.cloud == cloud,
            runs.c.region == region,
            runs.c.kind == kind,
            runs.c.state == State.DONE.value,
            runs.c.started_at.is_not(None),
            runs.c.total > 0,
        )
        .order_by(runs.c.ended_at.desc())
        .limit(10)
    )
    with memory.reading() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return None
    took = [(row.ended_at - row.started_at).total_seconds() / row.total for row in rows]
    average: float = sum(took) / len(took)
    return total * average


def chosen(memory: Memory) -> list[Run]:
    """Return the runs that somebody asked an engine to take, oldest first."""
    query = sa.select(runs).where(runs.c.chosen == 1).order_by(runs.c.at)
    with memory.reading() as connection:
        return [_run(row) for row in connection.execute(query)]


def take(memory: Memory, run: str, engine: str, now: datetime) -> bool:
    """Give a chosen run to an engine; False when it is not chosen any more."""
    with memory.writing() as connection:
        done = connection.execute(
            runs.update()
            .where(runs.c.id == run, runs.c.chosen == 1)
            .values(
                chosen=0,
                engine=engine,
                state=State.RUNNING.value,
                detail="",
                started_at=sa.func.coalesce(runs.c.started_at, sa.literal(now, runs.c.at.type)),
            )
        )
        return done.rowcount == 1


def choose(connection: sa.Connection, run: str, wanted: Wanted) -> bool:
    """Say what people want of a run, and that an engine shall take it; False when it has ended."""
    statement = runs.update().where(_GOES_ON, runs.c.id == run)
    return connection.execute(statement.values(wanted=wanted.value, chosen=1)).rowcount == 1


def carry_on(connection: sa.Connection, run: str) -> bool:
    """Ask an engine to take a run, whatever people want of it; False when it has ended."""
    statement = runs.update().where(_GOES_ON, runs.c.id == run)
    return connection.execute(statement.values(chosen=1)).rowcount == 1


def want(connection: sa.Connection, run: str, wanted: Wanted) -> bool:
    """Do so without asking an engine to take it."""
    statement = runs.update().where(_GOES_ON, runs.c.id == run)
    return connection.execute(statement.values(wanted=wanted.value)).rowcount == 1


def wishes(memory: Memory, engine: str) -> dict[str, Wanted]:
    """Return what people want of the runs that an engine holds."""
    query = sa.select(runs.c.id, runs.c.wanted).where(runs.c.engine == engine)
    with memory.reading() as connection:
        return {own: Wanted(wanted) for own, wanted in connection.execute(query).all()}


def release(memory: Memory, engine: str) -> None:
    """Let go of every run that an engine holds: it leaves."""
    with memory.writing() as connection:
        connection.execute(runs.update().where(runs.c.engine == engine).values(engine=""))


def set_state(connection: sa.Connection, run: str, state: State, **more: Any) -> None:  # noqa: ANN401
    """Say where a run is; `more` are further columns (`detail`, `ended_at`, `engine`)."""
    connection.execute(runs.update().where(runs.c.id == run).values(state=state.value, **more))


def show_state(connection: sa.Connection, run: str, state: State) -> None:
    """Say where a run is that goes on; one that has ended meanwhile stays as it ended."""
    statement = runs.update().where(_GOES_ON, runs.c.id == run)
    connection.execute(statement.values(state=state.value))


def put_steps(connection: sa.Connection, run: str, steps: Iterable[RunStep]) -> None:
    """Keep how these steps are; replaces what was kept of them."""
    for step in steps:
        document = msgspec.json.encode(step)
        statement = insert(run_steps).values(run=run, n=step.n, document=document)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["run", "n"], set_={"document": document}
            )
        )


def put_gate(connection: sa.Connection, run: str, gate: Gate) -> None:
    """Keep an open gate; the one that is there already stays, with its time."""
    document = msgspec.json.encode(gate)
    statement = insert(run_gates).values(run=run, name=gate.name, document=document)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["run", "name"]))


def close_gate(connection: sa.Connection, run: str, name: str) -> None:
    """Forget a gate that was answered."""
    connection.execute(run_gates.delete().where(run_gates.c.run == run, run_gates.c.name == name))


def held(memory: Memory) -> dict[tuple[str, int], set[str]]:
    """Return the places that runs hold that have not ended: scopes by run and step."""
    query = sa.select(claims).join(runs, runs.c.id == claims.c.run).where(_GOES_ON)
    found: dict[tuple[str, int], set[str]] = {}
    with memory.reading() as connection:
        for row in connection.execute(query):
            found.setdefault((row.run, row.n), set()).add(row.scope)
    return found


def clouds(memory: Memory, own: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return cloud and region of these runs."""
    query = sa.select(runs.c.id, runs.c.cloud, runs.c.region).where(runs.c.id.in_(list(own)))
    with memory.reading() as connection:
        return {row.id: (row.cloud, row.region) for row in connection.execute(query)}


def claim(connection: sa.Connection, run: str, n: int, scopes: Iterable[str]) -> None:
    """Keep that a step holds a place in each of these scopes."""
    for scope in scopes:
        statement = insert(claims).values(run=run, n=n, scope=scope)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["run", "n", "scope"]))


def unclaim(connection: sa.Connection, run: str, n: int, scopes: Iterable[str]) -> None:
    """Give these places back."""
    connection.execute(
        claims.delete().where(
            claims.c.run == run, claims.c.n == n, claims.c.scope.in_(list(scopes))
        )
    )


def put_child(memory: Memory, run: str, name: str, pid: int, started: str) -> None:
    """Keep the program that a step is about to begin; replaces one that has ended."""
    values = {"pid": pid, "started": started}
    statement = insert(children).values(run=run, name=name, **values)
    with memory.writing() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run", "name"], set_=values)
        )


def child(memory: Memory, run: str, name: str) -> tuple[int, str] | None:
    """Return number and start of the program that a step began; None when it began none."""
    query = sa.select(children.c.pid, children.c.started).where(
        children.c.run == run, children.c.name == name
    )
    with memory.reading() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row.pid, row.started)


def _run(row: Any, **more: Any) -> Run:  # noqa: ANN401 - a row of SQLAlchemy
    values: Mapping[str, Any] = row._mapping  # noqa: SLF001
    plain = {name: values[name] for name in _PLAIN}
    plain |= {"state": State(values["state"]), "wanted": Wanted(values["wanted"])}
    return Run(plan=values["id"], **plain, **more)
