# SPDX-License-Identifier: Apache-2.0
"""What breaks the lab by real means: the services' own APIs, signals, files that silence agents."""

from datetime import UTC, datetime, timedelta
from typing import Any

import openstack.connection
from openstack.config import OpenStackConfig

from lab.age import set_time
from lab.cloud import Cloud
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from lab.processes import wait_for


class Hands:
    """One administrator's hands on the lab."""

    def __init__(self, cloud: Cloud, *, galera: Galera, tls: Tls) -> None:
        self.cloud = cloud
        self.galera = galera
        self.tls = tls
        described = cloud.describe()
        self.kept: dict[str, Any] = {}
        self.api = _connect(str(described["clouds_yaml"]))

    def close(self) -> None:
        """Close every connection: the SDK's own `close` leaves its HTTP session open."""
        self.api.session.session.close()
        self.api.close()

    def server(self, name: str) -> Any:
        return next(s for s in self.api.compute.servers(all_projects=True) if s.name == name)

    def service(self, host: str, binary: str = "nova-compute") -> Any:
        return next(s for s in self.api.compute.services(host=host, binary=binary))

    def boot(self, name: str, *, flavor_id: str = "", host: str = "") -> Any:
        """Ask for a server of project admin without a port; does not wait."""
        compute = self.api.compute
        return compute.create_server(
            name=name,
            flavor_id=flavor_id or compute.find_flavor("m1.tiny").id,
            image_id=self.api.image.find_image("cirros").id,
            networks=[{"uuid": self.api.network.find_network("acme-net").id}],
            **({"availability_zone": f"main:{host}"} if host else {}),
        )

    def delete_server(self, name: str) -> None:
        """Delete a server and wait until it is gone."""
        server = self.api.compute.find_server(name, all_projects=True)
        if server is not None:
            self.api.compute.delete_server(server, force=True)
            self.api.compute.wait_for_delete(server, interval=0.5, wait=60)

    def wait_status(self, server_id: str, status: str, *, task: str | None = "any") -> None:
        """Wait until a server has this status (and task state, unless any will do)."""

        def there() -> bool:
            found = self.api.compute.get_server(server_id)
            return found.status == status and task in {"any", found.task_state}

        wait_for(there, f"server {server_id} to be {status}", seconds=120, every=0.5)

    def wait_migration(self, server_id: str, status: str) -> dict[str, Any]:
        """Wait until the newest migration of a server has this status; return it."""
        found: dict[str, Any] = {}

        def there() -> bool:
            answer = self.api.compute.get(
                f"/os-migrations?instance_uuid={server_id}", microversion="2.80"
            ).json()
            found.update(max(answer["migrations"], key=lambda row: int(row["id"]), default={}))
            return found.get("status") == status

        wait_for(there, f"migration of {server_id} to be {status}", seconds=120, every=0.5)
        return found

    def age(self, kind: str, identifier: str, field: str, **span: float) -> None:
        set_time(self.cloud.facts, kind, identifier, field, datetime.now(UTC) - timedelta(**span))

    def placement(self, method: str, path: str, **body: Any) -> Any:
        answer = self.api.placement.request(
            path, method, json=body or None, microversion="1.36", raise_exc=True
        )
        return answer.json() if answer.content else None

    def provider(self, name: str) -> str:
        found = self.placement("GET", f"/resource_providers?name={name}")
        return str(found["resource_providers"][0]["uuid"])


def _connect(clouds_yaml: str) -> openstack.connection.Connection:
    region = OpenStackConfig(config_files=[clouds_yaml]).get_one(cloud="lab")
    return openstack.connection.Connection(config=region)
