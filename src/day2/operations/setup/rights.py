# SPDX-License-Identifier: Apache-2.0
"""Prove what an account may see: each list of each service, of every project.

One small request per list. Some services do not refuse: they silently cut a list down to the
account's own project. For these a witness is asked, a request that only an account with the whole
view is granted.
"""

import re
import shlex
from collections.abc import Iterable, Sequence

import msgspec

from day2.adapters.kolla.addresses import custom_config
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.openstack.listing import Service
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Identity, Session
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, Unreachable
from day2.model.examination import Item, State
from day2.operations.setup.doctor import failure, ok
from day2.survey.lists import COLLECTIONS
from day2.survey.witnesses import ADMIN, WITNESSES

# Lists that take a limit although the survey reads them whole.
_LIMITED = {"servers", "server_groups", "flavors", "volumes", "volume_snapshots", "volume_backups"}
_RULE = re.compile(r"\b(?:rule:)?([a-z][a-z0-9_-]*(?::[a-z0-9_-]+)+|get_[a-z_]+|tasks_api_access)")


PROJECT_NAMES = {
    "compute": "nova",
    "network": "neutron",
    "block-storage": "cinder",
    "image": "glance",
    "identity": "keystone",
    "placement": "placement",
    "orchestration": "heat",
    "load-balancer": "octavia",
    "dns": "designate",
    "shared-file-system": "manila",
    "container-infrastructure-management": "magnum",
    "baremetal": "ironic",
}


class Rights:
    """Asks for one row of each list, and says what is missing and how it is granted."""

    def __init__(
        self, session: Session, *, access: str, skip_kinds: Sequence[str], kolla: KollaSettings
    ) -> None:
        self._session = session
        self._access = access
        self._skip = set(skip_kinds)
        self._kolla = kolla

    def lists(self, service: Service, who: Identity) -> list[Item]:
        """Ask for one row of each list of a service, and its witness whether it is the whole."""
        wanted = {
            c.kind: c for c in COLLECTIONS if c.service == service.type and c.kind not in self._skip
        }
        refused: dict[str, Denied] = {}
        special: list[Item] = []
        broken: list[Day2Error] = []
        for collection in wanted.values():
            try:
                self._ask(service, collection)
            except Denied as error:
                if collection.denied_hint:
                    special.append(self._by_policy_only(service, collection))
                else:
                    refused[collection.kind] = error
            except NotDeployed:
                continue
            except Unreachable as error:
                broken.append(error)
                if not isinstance(error, BadAnswer):
                    break
        narrow, proof = self._witness(service, wanted)
        name, title = f"lists.{service.type}", f"{service.type} lists"
        items = [failure(name, title, error) for error in broken]
        if refused or narrow:
            items.append(self._denied(service, who, refused, narrow))
        elif not broken and len(special) < len(wanted):
            count = len(wanted) - len(special)
            whole = f", of every project ({proof})" if proof else ""
            plural = "list" if count == 1 else "lists"
            items.append(ok(name, title, f"{count} {plural} permitted{whole}"))
        return [*items, *special]

    def _ask(self, service: Service, collection: Collection) -> None:
        what = collection.kind.replace("_", " ")
        query = {k: v for k, v in collection.query.items() if isinstance(v, str)}
        if collection.paged or collection.kind in _LIMITED:
            query["limit"] = "1"
        words = "&".join(f"{key}={value}" for key, value in query.items())
        url = f"{service.url}{collection.path}{f'?{words}' if words else ''}"
        headers = {**service.headers(collection.microversion_max), **collection.headers}
        answer = self._session.get(
            url, what=what, headers={"Accept": "application/json", **headers}
        )
        body = answer.require_ok(what)
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadAnswer(f"{what}: the answer is not JSON") from None
        if not isinstance(document, dict) or collection.key not in document:
            raise BadAnswer(f"{what}: the answer has no {collection.key!r}")

    def _witness(
        self, service: Service, wanted: dict[str, Collection]
    ) -> tuple[tuple[list[str], str] | None, str]:
        """Return the lists that are cut down with what shows it, or the proof that none is."""
        witness = WITNESSES.get(service.type)
        kinds = [kind for kind in witness.kinds if kind in wanted] if witness else []
        if witness is None or not kinds:
            return None, ""
        path = witness.path.partition("?")[0]
        try:
            service.get(witness.path, what=path)
        except Denied:
            return (kinds, path), ""
        except Day2Error:
            return None, ""
        return None, f"{path} is granted"

    def _denied(
        self,
        service: Service,
        who: Identity,
        refused: dict[str, Denied],
        narrow: tuple[list[str], str] | None,
    ) -> Item:
        parts = []
        if refused:
            parts.append(f"refused: {_words(refused)}")
            found = {rule for error in refused.values() for rule in _RULE.findall(str(error))}
            parts.append(f"by the rules {', '.join(sorted(found))}" if found else "")
        if narrow:
            kinds, path = narrow
            parts.append(
                f"cut down to the account's own project, without a word: {_words(kinds)} "
                f"(shown by {path}, which is refused)"
            )
        return Item(
            id=f"lists.{service.type}",
            title=f"{service.type} lists",
            state=State.FAILED,
            detail="\n".join(filter(None, parts)),
            cure=self._cure(who),
            commands=[] if ADMIN in who.roles else [self.grant(who)],
            exit_code=Denied.exit_code,
        )

    def _cure(self, who: Identity) -> str:
        policy = f"{custom_config(self._kolla)}/SERVICE/policy.yaml (SERVICE: nova, keystone, …)"
        if ADMIN in who.roles:
            return (
                "the cloud's own policy refuses even the role admin: allow the rules in "
                f"{policy}, then kolla-ansible reconfigure"
            )
        return (
            "these are for the role admin: grant it, day2 still only reads (access: "
            f"{self._access}). For an account that can only read: make a role of its own (not "
            f"reader, which others have too), allow it by the rules in {policy}, reconfigure; what "
            "is cut down stays so"
        )

    def grant(self, who: Identity) -> str:
        """Return the command that grants the role admin where the account works."""
        auth = self._session.credentials.auth
        words = ["openstack", "role", "add", "--user", who.user]
        domain = auth.get("user_domain_name") or auth.get("user_domain_id")
        words += ["--user-domain", str(domain)] if domain else []
        words += ["--project", who.project or "admin"]
        domain = auth.get("project_domain_name") or auth.get("project_domain_id")
        words += ["--project-domain", str(domain)] if domain else []
        return shlex.join([*words, ADMIN])

    def _by_policy_only(self, service: Service, collection: Collection) -> Item:
        """Heat refuses this list to everybody until its policy file says otherwise."""
        project = PROJECT_NAMES.get(service.type, service.type)
        folder = shlex.quote(str(custom_config(self._kolla) / project))
        rule = '\'"stacks:global_index": "role:admin"\''
        tool = f"{self._kolla.virtualenv}/bin/" if self._kolla.virtualenv else ""
        inventory = shlex.quote(self._kolla.inventory or "INVENTORY")
        # Without it kolla-ansible takes the globals of /etc/kolla, which may be another cloud's.
        other = self._kolla.config_dir.rstrip("/") != "/etc/kolla"
        config = f" --configdir {shlex.quote(self._kolla.config_dir)}" if other else ""
        return Item(
            id=f"lists.{service.type}.{collection.kind}",
            title=f"{collection.kind} of all projects",
            state=State.WARNING,
            detail="Heat refuses this list to everybody, admin included, until its policy allows "
            "stacks:global_index",
            cure="allow it; or leave stacks out of every round with survey.skip_kinds: [stacks]",
            commands=[
                f"mkdir -p {folder}",
                f"echo {rule} >> {folder}/policy.yaml",
                f"{tool}kolla-ansible reconfigure --tags heat -i {inventory}{config}",
            ],
        )


def _words(kinds: Iterable[str]) -> str:
    return ", ".join(kind.replace("_", " ") for kind in kinds)
