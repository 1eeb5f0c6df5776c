# SPDX-License-Identifier: Apache-2.0
"""The process: one event loop, one listening socket that its parent opened."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from day2.adapters.clock import Clock
from day2.sandbox import place, scenario
from day2.sandbox.application import Application
from day2.sandbox.build import everything
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


def make(folder: Path, listening: socket.socket, clock: Clock) -> tuple[uvicorn.Server, str]:
    """Build the world that a folder describes, and the server that answers for it."""
    wanted = place.read_wanted(folder)
    port = listening.getsockname()[1]
    world = everything.build(
        scenario.load(wanted.scenario),
        clock=clock,
        root=f"http://127.0.0.1:{port}",
        passwords=wanted.passwords,
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
    return uvicorn.Server(config), wanted.scenario


def serve(folder: Path, descriptor: int, clock: Clock) -> None:
    """Serve until SIGTERM; says in the folder that it is ready, and what it is."""
    listening = socket.socket(fileno=descriptor)
    server, name = make(folder, listening, clock)
    asyncio.run(_serve(server, folder, listening, name, clock))


async def _serve(
    server: uvicorn.Server, folder: Path, listening: socket.socket, name: str, clock: Clock
) -> None:
    running: asyncio.Task[Any] = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if server.started:
        place.write_running(folder, listening.getsockname()[1], name, clock.now())
    await running
