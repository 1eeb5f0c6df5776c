# SPDX-License-Identifier: Apache-2.0
"""The whole restore of one cloud: its plan, what its worker does, and its actions."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.recovery import RecoverySettings
from day2.errors import BadSettings, BadUsage, Day2Error, Denied, Refused, Unreachable
from day2.model.backup import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from day2.adapters.database.node import NodeFiles
    from day2.adapters.database.server import Server
    from day2.adapters.recovery import DatabaseNode
    from day2.engine.action import Action
    from day2.model.backup import Found
    from day2.model.plan import Plan
    from day2.operations.backup.actions.outage import Programs, Reconcile
    from day2.operations.backup.actions.worker import Worker
    from day2.operations.backup.takers.taker import Say
    from day2.operations.backup.whole import Made
    from day2.operations.backup.whole_plan import Wanted
    from day2.wiring.backup import Backups
    from day2.wiring.site import Site

ALONE, SYNCED = "alone", "Synced"


class WholeRestore:
    """Puts the whole database back; `reconcile` may be set by whoever can compare the stores."""

    def __init__(self, site: "Site", backups: "Backups") -> None:
        self._site = site
        self._backups = backups
        self.reconcile: Reconcile | None = None

    @cached_property
    def settings(self) -> RecoverySettings:
        """How services and servers are stopped and started.

        Raises:
            BadSettings: when nobody says where the servers are.

        """
        settings = self._site.section("recovery", RecoverySettings)
        if not settings.nodes:
            path = f"clouds.{self._site.cloud}.recovery"
            raise BadSettings(
                f"{path}.nodes is empty: day2 does not know the servers of the database",
                hint="see the how-to on restoring the database",
            )
        return settings

    def plan(self, name: str, *, ticket: str) -> "Plan":
        """Plan to put the whole database back.

        Raises:
            Refused: when the set cannot be restored, or not here; nothing was touched.

        """
        from day2.operations.backup import whole_plan

        self._site.changes.require("propose")
        asked = self._backups.plans.asked(whole_plan.WHOLE, ticket)
        found = self._backups.vault.find(name)
        return whole_plan.plan_whole(self._wanted(found, asked.id), asked)

    def _wanted(self, found: "Found", mark: str) -> "Wanted":
        from day2.adapters.database import identity, since
        from day2.operations.backup import whole
        from day2.operations.backup.whole_plan import Wanted

        whole.require_restorable(found, self._site.changes.foundation)
        chain = self._chain(found)
        self._require_key(chain)
        physical = found.manifest.method is not Method.LOGICAL
        source = found.manifest.source
        whole.require_version(
            source, self._scratch_version(), what="the scratch server", physical=physical
        )
        told: since.Since | None = None
        unknown = ""
        server = self._backups.database
        try:
            who, _variables = identity.read(server)
            told = since.read(server, found.manifest.started_at)
        except Day2Error as error:
            unknown = str(error)
        else:
            what = f"the server of {self.settings.nodes[0].name}"
            whole.require_version(source, who.version, what=what, physical=physical)
            self._require_its_folder(who.datadir)
        need = whole.room(found, chain)
        self._require_room(need)
        need += whole.log_bytes(source)
        first = self.settings.nodes[0]
        holds = {
            node.name: self.files(node.name, mark)
            .require_fit(need_bytes=need if node is first else 0)
            .holds
            for node in self.settings.nodes
        }
        return Wanted(
            chain=chain,
            settings=self.settings,
            holds=holds,
            folder=str(self._work_folder / f"day2-{mark}"),
            need_bytes=need,
            since=told,
            unknown=unknown,
        )

    def _chain(self, found: "Found") -> "list[Found]":
        from day2.adapters.database import physical
        from day2.operations.backup.takers.database import chain
        from day2.operations.backup.whole import require_restorable

        try:
            links = chain(self._backups.vault, found)
        except BadUsage as error:
            said = f"the chain of {found.manifest.id} is broken: {error}"
            raise Refused(said, hint="day2 backup list shows what could be restored") from None
        for link in links:
            require_restorable(link, self._site.changes.foundation)
        if found.manifest.method is not Method.LOGICAL:
            physical.require_chain([(one.manifest.id, one.manifest.source) for one in links])
        return links

    def _require_key(self, chain: "Sequence[Found]") -> None:
        from day2.wiring import backup_keys

        for link in chain:
            # What lies in a repository of restic is sealed by that, and to no key of ours.
            if not link.manifest.recipients:
                continue
            opened, why = backup_keys.opened(self._site, link.manifest.recipients)
            if not opened:
                raise Refused(
                    f"no key of this host opens {link.manifest.id}{f': {why}' if why else ''}",
                    hint="name the identity of one of its recipients: backup_vault.identity_file",
                )

    def _require_its_folder(self, datadir: str) -> None:
        """See that the server that answers works in the folder that the settings name."""
        first = self.settings.nodes[0]
        if not self.files(first.name, "").look().busy:
            raise Refused(
                f"a server answers, and it does not work in {first.datadir} of {first.name}, but "
                f"in {datadir} as it says",
                hint="recovery.nodes must name the folder of the server of backup_database; where "
                "that folder was removed under it, stop the server first",
            )

    def _scratch_version(self) -> str:
        from day2.wiring.recovery import version

        return version(self._site)

    def _require_room(self, need: int) -> None:
        import shutil

        from day2.wiring.recovery import there

        folder = there(self._work_folder)
        free = shutil.disk_usage(folder).free
        if free < need:
            raise Refused(
                f"{folder} has {free >> 20} MiB, and {need >> 20} MiB are needed to make the data",
                hint="recovery.work_folder names another one",
            )

    @property
    def _work_folder(self) -> Path:
        given = self.settings.work_folder
        return Path(given).expanduser().absolute() if given else self._backups.scratch_folder

    def node(self, name: str) -> "DatabaseNode":
        """Return the settings of a node.

        Raises:
            BadSettings: when it is not there any more.

        """
        for node in self.settings.nodes:
            if node.name == name:
                return node
        raise BadSettings(f"recovery.nodes has no {name} any more", hint="plan again")

    def files(self, name: str, mark: str) -> "NodeFiles":
        """Return the data folder of a node."""
        from day2.adapters.database.node import NodeFiles

        return NodeFiles(self.node(name), mark)

    def server(self, name: str) -> "Server":
        """Return the running server of a node."""
        from msgspec import structs

        from day2.adapters.database.beside import Beside
        from day2.adapters.database.server import Server

        node, first = self.node(name), self._backups.database
        if node is self.settings.nodes[0]:
            return first
        login = structs.replace(first.login, socket=node.socket, host="")
        return Server(Beside(prefix=node.command), login, name=f"database of {name}")

    def make(self, name: str, folder: Path, *, say: "Say") -> "Made":
        """Make the data folder of a set: what a worker does."""
        from day2.operations.backup.whole import make

        vault = self._backups.vault
        settings = self._backups.database_settings
        return make(vault, vault.find(name), settings, self._site.clock, folder, say)

    def place(self, node: str, folder: Path, *, mark: str) -> None:
        """Put a made data folder in place: what a worker does."""
        from day2.operations.backup.whole import read_made

        made = read_made(folder)
        self.files(node, mark).place(Path(made.folder), position=made.position)

    def prove(self, name: str, folder: Path) -> dict[str, Any]:
        """Hold the first node's server against a set: what a worker does.

        Whatever is left in the folder that the data were made in is a whole database, unencrypted.
        """
        import shutil

        from day2.operations.backup.whole import prove

        shutil.rmtree(folder, ignore_errors=True)
        return prove(self._backups.database, self._backups.vault.find(name))

    def actions(self, worker: "Worker") -> "list[Action]":
        """Return the actions of a whole restore."""
        from day2.operations.backup.actions import outage, whole

        servers = _Servers(self)
        programs = self._programs()
        return [
            whole.MakeData(lambda: self._backups.vault, worker),
            whole.KeepData(self.files),
            whole.PutDataBack(self.files),
            whole.PlaceData(worker),
            whole.TakeDataAway(self.files),
            whole.ProveData(worker),
            outage.StopServices(programs),
            outage.StartServices(programs, self._answers, self.reconcile),
            outage.StopNode(programs, servers),
            outage.StartNode(programs, servers),
            outage.JoinNode(programs, servers),
        ]

    def _programs(self) -> "Programs":
        from day2.operations.backup.actions.outage import Programs
        from day2.wiring.changes import child_environment

        kolla = self._site.section("kolla", KollaSettings)
        environment = {
            **child_environment(self._site.environment),
            **self._site.virtualenv.environment(),
        }
        return Programs(environment=environment, inventory=kolla.inventory)

    def _answers(self) -> dict[str, int]:
        """Ask Nova for all servers, which takes a token of Keystone's.

        Raises:
            Unreachable: when either does not answer yet.

        """
        survey = self._site.survey(("servers",))
        if survey.gaps or not survey.is_complete("servers"):
            said = survey.gaps[0].message if survey.gaps else "Nova is not in the catalogue"
            raise Unreachable(said)
        return {"servers": len(survey.tables.servers)}


class _Servers:
    """The servers of the database by the names of their nodes, as the actions ask them."""

    def __init__(self, whole: WholeRestore) -> None:
        self._whole = whole

    def users(self, node: str) -> str:
        """Say who is connected to a schema of a service."""
        from day2.adapters.database import restoring

        try:
            return restoring.users(self._whole.server(node))
        except Unreachable:
            return ""

    def answers(self, node: str) -> str | None:
        """Return the state of a node that answers."""
        from day2.adapters.database import identity

        try:
            _who, told = identity.read(self._whole.server(node))
        except Unreachable:
            return None
        if told.get("wsrep_on", "OFF") != "ON":
            return ALONE
        return SYNCED if told.get("wsrep_local_state_comment") == SYNCED else None

    def busy(self, node: str) -> str:
        """Say which server still works in the node's folder, or answers for it."""
        found = self._whole.files(node, "").look().busy
        if found:
            return f"process {found[0]} works in its data folder"
        try:
            self._whole.server(node).ask("SELECT 1")
        except Unreachable:
            return ""
        except Denied:
            pass
        return "a server answers at its socket"
