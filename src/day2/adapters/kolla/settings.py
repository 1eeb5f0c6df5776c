# SPDX-License-Identifier: Apache-2.0
"""Where Kolla-Ansible's things of one cloud lie."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta


class KollaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.kolla`."""

    config_dir: Annotated[
        str, Meta(description="Kolla-Ansible's configuration folder (kayobe: etc/kolla).")
    ] = "/etc/kolla"
    inventory: Annotated[
        str,
        Meta(description="Ansible inventory, file or folder; empty: hosts are not looked at."),
    ] = ""
    virtualenv: Annotated[
        str,
        Meta(description="Virtualenv that Kolla-Ansible is installed in; empty: by the PATH."),
    ] = ""
    passwords_file: Annotated[
        str, Meta(description="Empty: passwords.yml of the configuration folder.")
    ] = ""
    vault_password_file: Annotated[
        str, Meta(description="What ansible-vault reads its password from; empty: none is needed.")
    ] = ""
    container_engine: Annotated[
        str,
        Meta(
            pattern="^(docker|podman|)$",
            description="docker or podman; empty: whichever a host has.",
        ),
    ] = ""
    become: Annotated[
        bool,
        Meta(
            description="Look at hosts as root: needed for podman, and for docker when the Ansible "
            "user is not in group docker."
        ),
    ] = False
    forks: Annotated[int, Meta(ge=1, description="Hosts that Ansible looks at at once.")] = 20
    connect_seconds: Annotated[
        int, Meta(ge=1, description="Seconds that a host has to answer the connection.")
    ] = 10
    host_seconds: Annotated[
        int, Meta(ge=1, description="Seconds that a host has to answer everything.")
    ] = 30
    seconds_max: Annotated[
        int, Meta(ge=1, description="Seconds for all hosts; those not asked by then are a gap.")
    ] = 45

    @property
    def passwords(self) -> Path:
        """The file of Kolla's passwords."""
        given = self.passwords_file or f"{self.config_dir}/passwords.yml"
        return Path(given).expanduser()

    @property
    def inventory_path(self) -> Path:
        """The inventory; only when one is set."""
        return Path(self.inventory).expanduser().absolute()
