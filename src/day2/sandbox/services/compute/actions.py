# SPDX-License-Identifier: Apache-2.0
"""Actions on servers: what the one key of the body says."""

from collections.abc import Callable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.compute import consoles, evacuation, moves, states
from day2.sandbox.services.compute.servers import refuse_locked, remove, row_of
from day2.sandbox.services.compute.service import SERVICE, route
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

CHECKED_LATER = (2, 34)
"""Since then a live migration is answered before anybody looks whether it is there already."""
ARRIVES_STOPPED = (2, 95)
CONSOLE = "os-getConsoleOutput"
ANSWERED = {"confirmResize": http.NO_CONTENT, "evacuate": http.OK}
Action = Callable[[Request, World, Row, Any], None]


@route("POST", "/v2.1/servers/{id}/action")
def action(request: Request, world: World) -> Answer:
    """Do something with a server: the one key of the body says what."""
    row = row_of(request, world)
    document = request.document()
    name = next(iter(document), "")
    if name == CONSOLE:
        return consoles.output(world, row, document[name])
    handler = ACTIONS.get(name)
    if handler is None:
        raise Refused(http.BAD_REQUEST, f"There is no such action: {name[:40]}")
    if name not in {"lock", "unlock"}:
        refuse_locked(request, row)
    handler(request, world, row, document[name])
    status = ANSWERED.get(name, http.ACCEPTED)
    return Answer(status=status)


def _only_in(row: Row, verb: str, *allowed: str) -> None:
    own = row["id"]
    if row["task_state"] is not None:
        said = f"Cannot '{verb}' instance {own} while it is in task_state {row['task_state']}"
        raise Refused(http.CONFLICT, said)
    if row["vm_state"] not in allowed:
        said = f"Cannot '{verb}' instance {own} while it is in vm_state {row['vm_state']}"
        raise Refused(http.CONFLICT, said)


def _power(verb: str, task: str, before: tuple[str, ...], after: str) -> Action:
    def do(_request: Request, world: World, row: Row, _given: Any) -> None:  # noqa: ANN401 - JSON
        _only_in(row, verb, *before)
        own = row["id"]
        vm_state, _task, power = states.STORED[after]
        states.record(world, row, verb, world.now(), None)
        states.change(world, own, task_state=task)

        def done() -> None:
            states.change(world, own, vm_state=vm_state, task_state=None, power_state=power)
            status = "ACTIVE" if power in {states.RUNNING, states.PAUSED} else "DOWN"
            for port in list(world["ports"].find(device_id=own)):
                world["ports"].change(port["id"], status=status, updated_at=world.now())

        world.later(span(world.scenario.timers.power).total_seconds(), done)

    return do


def _live_migrate(request: Request, world: World, row: Row, given: Any) -> None:  # noqa: ANN401
    SERVICE.require_admin(request, "os_compute_api:os-migrate-server:migrate_live")
    _only_in(row, "os-migrateLive", "active", "paused")
    later = request.version >= CHECKED_LATER
    moves.live_migrate(world, row, _host(given), answers_first=later)


def _migrate(request: Request, world: World, row: Row, given: Any) -> None:  # noqa: ANN401 - JSON
    SERVICE.require_admin(request, "os_compute_api:os-migrate-server:migrate")
    _only_in(row, "migrate", "active", "stopped")
    moves.cold_migrate(world, row, _host(given))


def _evacuate(request: Request, world: World, row: Row, given: Any) -> None:  # noqa: ANN401 - JSON
    SERVICE.require_admin(request, "os_compute_api:os-evacuate")
    _only_in(row, "evacuate", "active", "stopped", "error")
    evacuation.evacuate(world, row, _host(given), stops=request.version >= ARRIVES_STOPPED)


def _host(given: Any) -> str | None:  # noqa: ANN401 - JSON
    host = given.get("host") if isinstance(given, dict) else None
    return str(host) if host else None


def _lock(request: Request, world: World, row: Row, given: Any) -> None:  # noqa: ANN401 - JSON
    reason = given.get("locked_reason") if isinstance(given, dict) else None
    by = "admin" if request.who.admin else "owner"
    states.record(world, row, "lock", world.now(), None)
    world["servers"].change(row["id"], locked_by=by, locked_reason=reason)


def _unlock(request: Request, world: World, row: Row, _given: Any) -> None:  # noqa: ANN401 - JSON
    if row["locked_by"] == "admin":
        SERVICE.require_admin(request, "os_compute_api:os-lock-server:unlock:unlock_override")
    states.record(world, row, "unlock", world.now(), None)
    world["servers"].change(row["id"], locked_by=None, locked_reason=None)


def _reset(request: Request, world: World, row: Row, given: Any) -> None:  # noqa: ANN401 - JSON
    SERVICE.require_admin(request, "os_compute_api:os-admin-actions:reset_state")
    wanted = given.get("state") if isinstance(given, dict) else None
    if wanted not in {"active", "error"}:
        raise Refused(http.BAD_REQUEST, "Invalid input for field/attribute state.")
    states.change(world, row["id"], vm_state=wanted, task_state=None)


def _force_delete(_request: Request, world: World, row: Row, _given: Any) -> None:  # noqa: ANN401
    remove(world, row["id"])


ACTIONS: dict[str, Action] = {
    "os-stop": _power("stop", "powering-off", ("active", "error"), "SHUTOFF"),
    "os-start": _power("start", "powering-on", ("stopped",), "ACTIVE"),
    "reboot": _power("reboot", "rebooting", ("active", "stopped"), "ACTIVE"),
    "pause": _power("pause", "pausing", ("active",), "PAUSED"),
    "unpause": _power("unpause", "unpausing", ("paused",), "ACTIVE"),
    "os-migrateLive": _live_migrate,
    "migrate": _migrate,
    "evacuate": _evacuate,
    "confirmResize": lambda _request, world, row, _given: moves.confirm(world, row),
    "revertResize": lambda _request, world, row, _given: moves.revert(world, row),
    "lock": _lock,
    "unlock": _unlock,
    "os-resetState": _reset,
    "forceDelete": _force_delete,
}
