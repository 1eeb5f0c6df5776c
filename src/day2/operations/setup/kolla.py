# SPDX-License-Identifier: Apache-2.0
"""Try what Kolla-Ansible has to give: its configuration, passwords, inventory, virtualenv."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.adapters.secrets import SecretRef, Secrets
from day2.errors import Day2Error
from day2.model.examination import Item, State
from day2.operations.setup import files, local
from day2.operations.setup.doctor import Probe, failed

VERSION_SECONDS = 20.0


def probes(
    settings: KollaSettings,
    *,
    virtualenv: Virtualenv,
    inventory: Callable[[], Inventory],
) -> list[Probe]:
    """List the probes of a cloud whose section `kolla` is set."""
    made = [
        Probe(
            id="kolla.config",
            title="Kolla's configuration",
            lane="kolla",
            run=lambda: [_config(settings)],
        ),
        Probe(
            id="kolla.passwords",
            title="Kolla's passwords",
            lane="kolla",
            run=lambda: [local.private("kolla.passwords", "Kolla's passwords", settings.passwords)],
        ),
        Probe(
            id="kolla.virtualenv",
            title="virtualenv",
            lane="ansible",
            run=lambda: _virtualenv(virtualenv),
        ),
    ]
    if settings.inventory:
        made.append(
            Probe(
                id="kolla.inventory",
                title="inventory",
                lane="ansible",
                run=lambda: [_inventory(settings, inventory())],
            )
        )
    return made


def secrets(references: Mapping[str, SecretRef], store: Secrets) -> list[Probe]:
    """Make one probe for all references to secrets: each must lead to one; none is shown."""

    def run() -> list[Item]:
        items: list[Item] = []
        for where, reference in references.items():
            name, title = f"secret.{where}", f"secret {where}"
            try:
                store.resolve(reference)
            except Day2Error as error:
                hint = error.hint or f"setting clouds.NAME.{where} names where it lives"
                items.append(failed(name, title, error.kind, str(error), hint))
            else:
                items.append(Item(id=name, title=title, state=State.OK, detail=reference.label))
        return items

    if not references:
        return []
    return [Probe(id="secrets", title="secrets", lane="secrets", run=run)]


def _config(settings: KollaSettings) -> Item:
    folder = Path(settings.config_dir).expanduser()
    main = folder / "globals.yml"
    if os.access(main, os.R_OK):
        return Item(
            id="kolla.config", title="Kolla's configuration", state=State.OK, detail=str(main)
        )
    there = files.there(main) or (files.there(folder) and not os.access(folder, os.X_OK))
    quoted = shlex.quote(str(folder))
    return Item(
        id="kolla.config",
        title="Kolla's configuration",
        state=State.FAILED,
        detail=f"{main} {'cannot be read by this user' if there else 'does not exist'}",
        cure="give this user the right to read it" if there else "setting kolla.config_dir",
        commands=[f'sudo setfacl -R -m "u:$USER:rX" {quoted}'] if there else [],
        exit_code=2,
    )


def _virtualenv(virtualenv: Virtualenv) -> Sequence[Item]:
    """Ask Ansible and kolla-ansible for their versions; the second is needed for changes only."""
    printed = virtualenv.run("ansible", ["--version"], seconds=VERSION_SECONDS).decode(
        errors="replace"
    )
    ansible = printed.splitlines()[0].strip() if printed.strip() else "ansible"
    try:
        said = virtualenv.run("kolla-ansible", ["--version"], seconds=VERSION_SECONDS)
    except Day2Error as error:
        return [
            Item(
                id="kolla.virtualenv",
                title="virtualenv",
                state=State.WARNING,
                detail=f"{ansible}; {error}; looking works, changes will need it",
                cure=error.hint,
            )
        ]
    lines = said.decode(errors="replace").strip().splitlines()
    version = lines[-1].strip() if lines else "without a version"
    version = version if version.startswith("kolla-ansible") else f"kolla-ansible {version}"
    return [
        Item(
            id="kolla.virtualenv",
            title="virtualenv",
            state=State.OK,
            detail=f"{ansible}; {version}",
        )
    ]


def _inventory(settings: KollaSettings, inventory: Inventory) -> Item:
    hosts = inventory.hosts
    plural = "host" if len(hosts) == 1 else "hosts"
    return Item(
        id="kolla.inventory",
        title="inventory",
        state=State.OK,
        detail=f"{settings.inventory_path}: {len(hosts)} {plural}",
    )
