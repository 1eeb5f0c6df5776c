# SPDX-License-Identifier: Apache-2.0
"""Block storage: services are disabled and enabled, by host and binary."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.block_storage import SERVICE, route
from day2.sandbox.world import World


@route("PUT", "/v3/{project}/os-services/{action}")
def update(request: Request, world: World) -> Answer:
    """Disable or enable a service; enabling keeps the reason that was given, as Cinder does."""
    SERVICE.require_admin(request, "volume_extension:services:update")
    action, wanted = request.parts["action"], request.document()
    status = {"enable": "enabled", "disable": "disabled", "disable-log-reason": "disabled"}
    if action not in status:
        raise Refused(http.BAD_REQUEST, "Invalid input received: Unknown action")
    host, binary = str(wanted.get("host") or ""), str(wanted.get("binary") or "")
    row = next(world["volume_services"].find(host=host, binary=binary), None)
    if row is None:
        said = f"Service {binary} could not be found on host {host}."
        raise Refused(http.NOT_FOUND, said)
    reason: dict[str, Any] = {}
    if action == "disable-log-reason":
        reason = {"disabled_reason": wanted.get("disabled_reason")}
    world["volume_services"].change(row["id"], status=status[action], **reason)
    said_back = {
        **reason,
        "disabled": status[action] == "disabled",
        "host": host,
        "service": str(wanted.get("service") or ""),
        "binary": binary,
        "status": status[action],
    }
    return Answer(body=said_back)
