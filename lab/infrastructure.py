# SPDX-License-Identifier: Apache-2.0
"""Start databases, broker and cache, and know when they answer."""

import socket

import httpx

from lab.databases import SERVERS, answers, make_temporary_folders
from lab.facts import Facts
from lab.processes import Processes, listening, wait_for
from lab.services import infrastructure


def start_infrastructure(facts: Facts, processes: Processes) -> None:
    """Start what does not run and return when each answers as a client would ask it."""
    (facts.place.run / "rabbitmq-home").mkdir(exist_ok=True)
    make_temporary_folders(facts)
    for service in infrastructure(facts):
        processes.start(service.name, service.argv, env=service.env)
    for server in SERVERS:
        wait_for(lambda server=server: answers(facts, server), server, seconds=60)  # type: ignore[misc]
    wait_for(lambda: listening(facts.port("memcached")), "memcached", seconds=20)
    wait_for(lambda: broker_answers(facts), "rabbitmq", seconds=60)


def broker_answers(facts: Facts) -> bool:
    """Ask the management API for the virtual hosts, and the AMQP port for a connection."""
    try:
        reply = httpx.get(
            facts.url("rabbitmq-management", "/api/vhosts"),
            auth=("monitoring", facts.passwords["rabbitmq_monitoring_password"]),
            timeout=5,
        )
    except httpx.TransportError:
        return False
    return reply.is_success and listening(facts.port("rabbitmq"))


def forget_cached(facts: Facts) -> None:
    """Empty memcached without ending it.

    A client whose connection was closed under it answers its next request with an error 500, once
    for each of its threads, and a service that starts at that moment dies of it.
    """
    with socket.create_connection(("127.0.0.1", facts.port("memcached")), timeout=5) as there:
        there.sendall(b"flush_all\r\n")
        there.recv(64)
