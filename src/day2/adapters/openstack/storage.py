# SPDX-License-Identifier: Apache-2.0
"""Block storage (Cinder), as far as moving things off a host needs it: volumes and services."""

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part
from day2.model.tables.storage import Volume, VolumeService


class Storage:
    """One region's block storage service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "block-storage", clock=clock)

    def volume(self, volume: str) -> Volume | None:
        """Read one volume; None when it is proven to be gone."""
        return self._api.find(f"/volumes/{part(volume)}", f"volume {volume}", Volume, "volume")

    def services(self, host: str, binary: str) -> list[VolumeService]:
        """List the services of a host (`host@backend` for cinder-volume) and a binary."""
        return self._api.list(
            Collection(
                kind="volume services",
                service="block-storage",
                path="/os-services",
                key="services",
                row=VolumeService,
                query={"host": host, "binary": binary},
            )
        )

    def disable(self, host: str, binary: str, reason: str) -> Said:
        """Let a service be given nothing new."""
        body = {"host": host, "binary": binary, "disabled_reason": reason}
        path = "/os-services/disable-log-reason"
        return self._api.change("PUT", path, f"{binary} on {host}", body)

    def enable(self, host: str, binary: str) -> Said:
        """Let a service be given work again."""
        body = {"host": host, "binary": binary}
        return self._api.change("PUT", "/os-services/enable", f"{binary} on {host}", body)
