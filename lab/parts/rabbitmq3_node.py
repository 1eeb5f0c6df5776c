# SPDX-License-Identifier: Apache-2.0
"""One RabbitMQ node of the cluster: its environment, its process, its command line."""

import os
import re
import shutil
import signal
from pathlib import Path

from lab.parts.tools import run, template
from lab.place import Place
from lab.processes import Processes

BIN = Path("/usr/lib/rabbitmq/bin")
USER = ("setpriv", "--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups", "--")
NODES = 3
# Few schedulers that never spin: three nodes share a small machine with everything else.
ERLANG = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none +A 8"


class RabbitNode:
    """Node `rabbitN@localhost`; its epmd, its ports and its folders are the lab's own."""

    def __init__(self, place: Place, folder: Path, number: int, *, partition_handling: str) -> None:
        """Name the node's folders and ports; nothing is started."""
        self._place = place
        self._processes = Processes(place)
        self._folder = folder
        self._handling = partition_handling
        self.name = f"rabbit{number + 1}"
        self.erlang_name = f"{self.name}@localhost"
        self.amqp = place.port(104 + number)
        self.management = place.port(107 + number)
        self.prometheus = place.port(110 + number)
        self._dist = place.port(101 + number)
        self._streams = (place.port(116 + 8 * number), place.port(123 + 8 * number))
        self.data = folder / "data" / self.name

    @property
    def log(self) -> Path:
        """The node's own log file."""
        return self._folder / "log" / f"{self.erlang_name}.log"

    def write_configuration(self, password: str) -> None:
        """Write the files that the node reads, readable for the user that it runs as."""
        peers = "\n".join(
            f"cluster_formation.classic_config.nodes.{n} = rabbit{n}@localhost"
            for n in range(1, NODES + 1)
        )
        etc = self._folder / "etc"
        etc.mkdir(exist_ok=True)
        for folder in (self._folder / "log", self._folder / "data", self._folder / "home"):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, "rabbitmq", "rabbitmq")
        first, last = self._streams
        texts = {
            f"{self.name}.conf": template(
                "rabbitmq3.conf",
                amqp=self.amqp,
                management=self.management,
                prometheus=self.prometheus,
                password=password,
                peers=peers,
                partition_handling=self._handling,
            ),
            f"{self.name}.config": template(
                "rabbitmq3-advanced.config", stream_first=first, stream_last=last
            ),
            "plugins": "[rabbitmq_management,rabbitmq_prometheus].\n",
            "env.conf": "",
        }
        for name, text in texts.items():
            file = etc / name
            file.write_text(text)
            shutil.chown(file, "rabbitmq", "rabbitmq")
            file.chmod(0o600)

    @property
    def _environment(self) -> dict[str, str]:
        etc = self._folder / "etc"
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder / "home"),
            "RABBITMQ_NODENAME": self.erlang_name,
            "RABBITMQ_CONFIG_FILE": str(etc / f"{self.name}.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(etc / f"{self.name}.config"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_MNESIA_DIR": str(self.data),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(etc / "env.conf"),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_PORT": str(self._place.port(100)),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"{ERLANG} -kernel inet_dist_use_interface {{127,0,0,1}}"
            ),
        }

    def start(self) -> None:
        """Start the node unless it runs; epmd must run."""
        if self._processes.pid(self.name) is None:
            argv = ["env", "-i", *[f"{k}={v}" for k, v in self._environment.items()]]
            self._processes.start(
                self.name, [*USER, *argv, BIN / "rabbitmq-server"], cwd=self._folder / "home"
            )

    def running(self) -> bool:
        """Tell whether the process is there."""
        return self._processes.pid(self.name) is not None

    def freeze(self) -> None:
        """Stop the whole process group."""
        self._processes.signal(self.name, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._processes.signal(self.name, signal.SIGCONT)

    def frozen(self) -> bool:
        """Tell whether it was stopped by a signal."""
        pid = self._processes.pid(self.name)
        if pid is None:
            return False
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    def ctl(self, *words: str, tool: str = "rabbitmqctl") -> str:
        """Run `rabbitmqctl` (or a sister of it) against this node; about two seconds."""
        environment = self._environment
        # The tool starts an Erlang of its own, which must not take the node's ports.
        for name in ("RABBITMQ_DIST_PORT", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"):
            del environment[name]
        environment["RABBITMQ_CTL_ERL_ARGS"] = "+S 1:1 +sbwt none"
        argv = [*USER, str(BIN / tool), "--quiet", "-n", self.erlang_name, *words]
        return run(argv, env=environment, seconds=120)

    def evaluate(self, expression: str) -> str:
        """Evaluate Erlang inside the node."""
        return self.ctl("eval", f"{expression}.")

    def last_lines(self) -> str:
        """Return the end of the log: why it did not start."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return re.sub(r"\s+", " ", text[-1500:])
