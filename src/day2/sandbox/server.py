# SPDX-License-Identifier: Apache-2.0
"""The process: one event loop, one listening socket that its parent opened."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from day2.adapters.clock import Clock
from day2.sandbox import place, planes, scenario
from day2.sandbox.application import Application
from day2.sandbox.build import everything
from day2.sandbox.planes import Planes
from day2.sandbox.services.registry import SERVICES

STOP_SECONDS = 2
BACKLOG = 256


class Protocol(HttpToolsProtocol):
    """Uvicorn's own, which lets the application drop a connection."""

    def on_headers_complete(self) -> None:
        """Hand the transport on: ASGI has no word for a reset."""
        extensions: dict[str, Any] = {"day2.transport": self.transport}
        self.scope["extensions"] = extensions
        super().on_headers_complete()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A server that has not begun yet, and what it is."""

    server: uvicorn.Server
    scenario: str
    planes: Planes


def make(folder: Path, listening: socket.socket, clock: Clock) -> Made:
    """Build the world that a folder describes, and the server that answers for it."""
    wanted = place.read_wanted(folder)
    port = listening.getsockname()[1]
    described = scenario.load(wanted.scenario)
    world = everything.build(
        described,
        clock=clock,
        root=f"http://127.0.0.1:{port}",
        passwords=wanted.passwords,
    )
    world.secrets = dict(wanted.secrets)
    beside = planes.make(
        folder, described, world.started_at, root=world.root, secrets=wanted.secrets
    )
    place.write_for_clients(
        folder, folder.name, port, wanted, place.told_of(described), sections=beside.sections
    )
    config = uvicorn.Config(
        Application(world, SERVICES, key=wanted.key),
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    return Made(server=uvicorn.Server(config), scenario=wanted.scenario, planes=beside)


def serve(folder: Path, descriptor: int, clock: Clock) -> None:
    """Serve until SIGTERM; says in the folder that it is ready, and what it is."""
    listening = socket.socket(fileno=descriptor)
    asyncio.run(_serve(make(folder, listening, clock), folder, listening, clock))


async def _serve(made: Made, folder: Path, listening: socket.socket, clock: Clock) -> None:
    server = made.server
    running: asyncio.Task[Any] = asyncio.create_task(
        server.serve(sockets=[listening, *made.planes.ports])
    )
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if server.started:
        await _with_tls(server, made.planes)
        place.write_running(folder, listening.getsockname()[1], made.scenario, clock.now())
    await running


async def _with_tls(server: uvicorn.Server, beside: Planes) -> None:
    """Let the same server answer on its TLS port as well: uvicorn itself knows one or the other."""

    def protocol() -> Protocol:
        return Protocol(server.config, server.server_state, server.lifespan.state)

    listener = await asyncio.get_running_loop().create_server(
        protocol, sock=beside.tls, ssl=beside.context, backlog=BACKLOG
    )
    # What it closes at its end, it closes with these.
    server.servers.append(listener)
