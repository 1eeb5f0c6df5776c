# SPDX-License-Identifier: Apache-2.0
"""Every process of the lab by name: its command, in waves that can start at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.facts import COMPUTES, NETWORK_HOSTS, PORTS, Facts

FILES = Path(__file__).parent / "files"
INFRASTRUCTURE = ("epmd", "rabbitmq", "mariadb", "mariadb-cell2", "memcached")
OPENSTACK = (
    "keystone",
    "placement",
    "nova-conductor",
    "nova-conductor-cell2",
    "neutron-server",
    *(f"nova-compute-{host}" for host in COMPUTES),
    "agents",
    "nova-api",
    "nova-scheduler",
    "glance-api",
    "cinder-api",
    "cinder-scheduler",
    "cinder-volume",
    "cinder-backup",
    "heat-api",
    "heat-engine",
)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process."""

    name: str
    argv: Sequence[str | Path]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def listens(self) -> bool:
        """Tell whether the process has a port of its name in `PORTS`."""
        return self.name in PORTS


def infrastructure(facts: Facts) -> list[Service]:
    """Return brokers, databases and the cache; `epmd` first, so that Erlang starts none itself."""
    etc = facts.place.etc
    databases = [
        Service(name=name, argv=("/usr/sbin/mariadbd", f"--defaults-file={etc / name}.cnf"))
        for name in ("mariadb", "mariadb-cell2")
    ]
    cache: list[str | Path] = [
        "memcached",
        "-u",
        "root",
        "-l",
        "127.0.0.1",
        "-p",
        str(facts.port("memcached")),
    ]
    port = str(facts.port("epmd"))
    return [
        Service(name="epmd", argv=["epmd", "-address", "127.0.0.1", "-port", port]),
        # The one on PATH is a wrapper that switches to another user.
        Service(
            name="rabbitmq",
            argv=["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            env=rabbitmq_environment(facts),
        ),
        *databases,
        Service(name="memcached", argv=[*cache, "-m", "64"]),
    ]


def rabbitmq_environment(facts: Facts) -> dict[str, str]:
    """Return what the broker (and `rabbitmqctl`) needs to be this lab's and nobody else's."""
    place = facts.place
    return {
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": f"lab{place.lab_id}@localhost",
        "RABBITMQ_CONFIG_FILE": str(place.etc / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place.etc / "rabbitmq-plugins"),
        "RABBITMQ_MNESIA_BASE": str(place.run / "rabbitmq"),
        "RABBITMQ_LOG_BASE": str(place.log),
        "RABBITMQ_PID_FILE": str(place.run / "rabbitmq.pid"),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(facts.port("rabbitmq")),
        "RABBITMQ_DIST_PORT": str(facts.port("rabbitmq-dist")),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(facts.port("epmd")),
        "HOME": str(place.run / "rabbitmq-home"),
        # Erlang's schedulers spin while idle: a whole core of the two.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        "RABBITMQ_SERVER_ERL_ARGS": "+S 1:1",
    }


def openstack(facts: Facts) -> list[list[Service]]:
    """Return the OpenStack processes in waves; a wave starts when the one before answers."""
    nova = _config(facts, "nova/nova.conf")
    cinder = _config(facts, "cinder.conf")
    heat = _config(facts, "heat.conf")
    neutron = _config(facts, "neutron/neutron.conf", "neutron/ml2.ini")

    def service(name: str, program: str, *arguments: str) -> Service:
        argv: list[str | Path] = [facts.venv / "bin" / program, *arguments]
        return Service(name=name, argv=argv, env=facts.environment())

    def wsgi(name: str, module: str, *arguments: str) -> Service:
        port = str(facts.port(name))
        return service(name, "python", str(FILES / "serve.py"), port, module, *arguments)

    def log(name: str) -> tuple[str, str]:
        return "--log-file", str(facts.place.log / f"{name}.log")

    cell2 = _config(facts, "nova/cell2.conf", "nova/conductor-cell2.conf")
    agents = [str(FILES / "agents.py"), ",".join(COMPUTES), ",".join(NETWORK_HOSTS)]
    return [
        [
            wsgi("keystone", "keystone.wsgi.api"),
            wsgi("placement", "placement.wsgi.api"),
            service("nova-conductor", "nova-conductor", *nova),
            service("nova-conductor-cell2", "nova-conductor", *nova, *cell2),
            service("neutron-server", "neutron-server", *neutron),
        ],
        [
            *(
                service(f"nova-compute-{host}", "nova-compute", *nova, *_compute(facts, host))
                for host in COMPUTES
            ),
            service("agents", "python", *agents, *neutron, *_config(facts, "neutron/agents.conf")),
            service("nova-api", "nova-api-os-compute", *nova, *_config(facts, "nova/api.conf")),
            service("nova-scheduler", "nova-scheduler", *nova),
            service("glance-api", "glance-api", *_config(facts, "glance.conf")),
            wsgi("cinder-api", "cinder.wsgi.api", *cinder, *log("cinder-api")),
            service("cinder-scheduler", "cinder-scheduler", *cinder),
            service("cinder-volume", "cinder-volume", *cinder),
            service("cinder-backup", "cinder-backup", *cinder),
            wsgi("heat-api", "heat.wsgi.api", *heat, *log("heat-api")),
            service("heat-engine", "heat-engine", *heat),
        ],
    ]


def _config(facts: Facts, *names: str) -> list[str]:
    return [word for name in names for word in ("--config-file", str(facts.place.etc / name))]


def _compute(facts: Facts, host: str) -> list[str]:
    cell = ["nova/cell2.conf"] if COMPUTES[host] == "cell2" else []
    return _config(facts, *cell, f"nova/{host}.conf")
