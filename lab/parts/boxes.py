# SPDX-License-Identifier: Apache-2.0
"""The database in containers as Kolla runs it: by docker or podman, alone or as a cluster."""

import re
import shutil
from pathlib import Path

import pymysql

from lab.parts.boxes_engine import engine
from lab.parts.boxes_image import box_image
from lab.parts.boxes_kolla import Kolla
from lab.parts.tools import cached, home, key, remove, run
from lab.place import Place
from lab.processes import wait_for

PORT = 3306
SOCKET = "/run/mysqld/mysqld.sock"
NEW_CLUSTER = "--wsrep-new-cluster"
# What Kolla-Ansible's role `mariadb` gives to the account of its own backups.
ACCOUNTS = (
    "CREATE USER backup@'%' IDENTIFIED BY '{}'",
    "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO backup@'%'",
    "GRANT CREATE, ALTER, INSERT ON mysql.mariadb_backup_history TO backup@'%'",
    "GRANT CREATE, INSERT, SELECT ON mysql.* TO backup@'%'",
)


class Boxes:
    """Container `mariadb` (and `mariadb2`, `mariadb3`), each with a volume of its own name."""

    name = "boxes"

    def __init__(self, place: Place, engine_name: str = "docker", *, nodes: int = 1) -> None:
        """Name the containers and their addresses; nothing is started."""
        self._place = place
        self._home = home(place, "boxes")
        self._kolla = Kolla(place)
        self.engine = engine(place, engine_name)
        names = ["mariadb", *(f"mariadb{number}" for number in range(2, nodes + 1))]
        net = f"127.0.{110 + place.lab_id}"
        self.nodes = {name: f"{net}.{last}" for last, name in enumerate(names, start=11)}
        self.image = ""

    def up(self) -> None:
        """Build what is missing, start the engine and the containers; all answer then."""
        self._kolla.install()
        self.engine.start()
        self.image = self.engine.load(box_image(self._place, self._kolla.recipes))
        self.reset()

    def down(self) -> None:
        """Remove containers and volumes, and end the engine."""
        self.engine.stop()

    def reset(self) -> None:
        """Go back to the golden data, whatever a test has done."""
        golden = self._golden()
        etc = self._etc()
        for name in self.nodes:
            self.remove(name)
            volume = self.engine.volume(name)
            for left in volume.parent.glob(f"{volume.name}*"):
                if left != volume:
                    shutil.rmtree(left)
            for entry in volume.iterdir():
                remove(entry)
            shutil.chown(volume, 42434, 42434)
        first, *others = self.nodes
        run(["tar", "-C", self.engine.volume(first), "--sparse", "-xpf", golden / "data.tar"])
        self.run_box(first, etc[first], new_cluster=bool(others))
        self.wait(first)
        secret = self.password("mariadb_backup_database_password")
        self.sql(first, *(statement.format(secret) for statement in ACCOUNTS))
        for name in others:
            self.run_box(name, etc[name])
            self.wait(name)

    def kolla_backup(self, kind: str) -> Path:
        """Take a backup as `kolla-ansible mariadb-backup --KIND` does; return its volume's folder.

        The words are those of the role's task; `kind` is full or incremental.
        """
        folder = self.engine.volume("mariadb_backup")
        self.engine(
            *("run", "--rm", "--name", "mariabackup", "--network", "host"),
            *("--env", "KOLLA_CONFIG_STRATEGY=COPY_ALWAYS", "--env", f"BACKUP_TYPE={kind}"),
            *(
                "--volume",
                f"{self._home / 'etc/mariadb/mariabackup'}:/var/lib/kolla/config_files/:ro",
            ),
            *("--volume", "mariadb:/var/lib/mysql", "--volume", "mariadb_backup:/backup"),
            *("--volume", "kolla_logs:/var/log/kolla/", self.image, "bash", "-c"),
            "sudo -E kolla_set_configs && /usr/local/bin/kolla_mariadb_backup.sh",
        )
        return folder

    def run_box(self, name: str, etc: Path, *, new_cluster: bool = False) -> None:
        """Run a node's container, as Kolla-Ansible would."""
        more = ["--env", f"BOOTSTRAP_ARGS={NEW_CLUSTER}"] if new_cluster else []
        self.engine(
            *("run", "--detach", "--name", name), *self._options(name, etc), *more, self.image
        )

    def remove(self, name: str) -> None:
        """Remove a node's container; its volume stays."""
        if name in self.engine("ps", "--all", "--format", "{{.Names}}").split():
            self.engine("rm", "--force", name)

    def again(self, name: str, *, new_cluster: bool = False) -> None:
        """Make a node's container anew, the way in which Kolla changes how one starts."""
        self.remove(name)
        self.run_box(name, self._home / "etc" / name, new_cluster=new_cluster)
        self.wait(name)

    def wait(self, name: str, *, seconds: float = 120) -> None:
        """Wait until a node is Synced."""
        wait_for(lambda: self.state(name) == "Synced", f"{name} to be Synced", seconds=seconds)

    def state(self, name: str) -> str:
        """Return the node's state in its cluster; empty when it does not answer."""
        try:
            rows = self.sql(name, "SHOW STATUS LIKE 'wsrep_local_state_comment'")
        except (pymysql.Error, OSError):
            return ""
        return str(rows[0][1]) if rows else ""

    def sql(self, name: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as root over the network; return the last one's rows."""
        rows: list[tuple[object, ...]] = []
        link = pymysql.connect(
            host=self.nodes[name],
            port=PORT,
            user="root",
            password=self.password("database_password"),
            autocommit=True,
            connect_timeout=2,
            read_timeout=60,
        )
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def password(self, name: str) -> str:
        """Return one of Kolla's passwords."""
        text = (self._golden() / "passwords.yml").read_text()
        found = re.search(rf"^{name}: (\S+)$", text, re.MULTILINE)
        if found is None:
            message = f"there is no password {name}"
            raise KeyError(message)
        return found[1]

    @property
    def passwords(self) -> Path:
        """The file of Kolla's passwords."""
        return self._golden() / "passwords.yml"

    def _options(self, name: str, etc: Path) -> list[str]:
        number = "" if name == "mariadb" else name.removeprefix("mariadb")
        return [
            *("--network", "host", "--restart", "unless-stopped"),
            *("--env", "KOLLA_CONFIG_STRATEGY=COPY_ALWAYS", "--env", "KOLLA_SERVICE_NAME=mariadb"),
            *("--volume", f"{etc / 'mariadb'}:/var/lib/kolla/config_files/:ro"),
            *(
                "--volume",
                f"{name}:/var/lib/mysql",
                "--volume",
                f"kolla_logs{number}:/var/log/kolla",
            ),
        ]

    def _etc(self) -> dict[str, Path]:
        passwords = self._golden() / "passwords.yml"
        return self._kolla.render(self._home, passwords, self.nodes, engine=self.engine.name)

    def _golden(self) -> Path:
        name = key(self.image)
        return cached(self._place.cache / "boxes" / name, self._bootstrap)

    def _bootstrap(self, target: Path) -> None:
        """Make the first data folder as Kolla does: its container runs once, to bootstrap."""
        target.mkdir()
        self._kolla.passwords(target / "passwords.yml")
        text = (target / "passwords.yml").read_text()
        root = re.findall(r"^database_password: (\S+)$", text, re.MULTILINE)[0]
        address = next(iter(self.nodes.values()))
        folder = home(self._place, "boxes-golden")
        node = {"mariadb": address}
        etc = self._kolla.render(folder, target / "passwords.yml", node, engine=self.engine.name)
        for name in ("bootstrap", "mariadb"):
            self.remove(name)
        volume = self.engine.volume("mariadb")
        for entry in volume.iterdir():
            remove(entry)
        shutil.chown(volume, 42434, 42434)
        options = self._options("mariadb", etc["mariadb"])
        options[options.index("unless-stopped")] = "no"
        secret = ("--env", "KOLLA_BOOTSTRAP=", "--env", f"DB_ROOT_PASSWORD={root}")
        self.engine("run", "--rm", "--name", "bootstrap", *options, *secret, self.image)
        packing: list[str | Path] = [
            "tar",
            "--numeric-owner",
            "--sparse",
            "--exclude",
            "./galera.cache",
            "-C",
            volume,
        ]
        run([*packing, "-cf", target / "data.tar", "."])
        remove(folder)
