# SPDX-License-Identifier: Apache-2.0
"""`day2 init`: find clouds, Kolla-Ansible and hosts, and write the settings file."""

import argparse

from day2.cli.document import Document, Produced, envelope


class Init(Document):
    """Find the cloud's accounts, Kolla's configuration and hosts, and write day2.yaml.

    Reads clouds.yaml, openrc files (as text: nothing is executed) or OS_* variables, Kolla's
    globals.yml, the names in passwords.yml, and the inventory. Never asks, never writes a secret,
    and never replaces a file without --force.
    """

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        add = parser.add_argument
        add(
            "--kolla-config",
            metavar="DIR",
            default="",
            help="folder of globals.yml ($KOLLA_CONFIG_PATH, $KAYOBE_CONFIG_PATH, /etc/kolla)",
        )
        add("--inventory", metavar="PATH", default="", help="Ansible inventory, file or folder")
        add("--clouds-file", metavar="FILE", default="", help="the clouds.yaml to read")
        add(
            "--os-cloud",
            metavar="ENTRY",
            action="append",
            default=[],
            help="an entry of clouds.yaml; may be repeated (default: one for each cloud in it)",
        )
        add("--name", default="", help="what to call the cloud in day2 (default: its entry's name)")
        add("--virtualenv", metavar="DIR", default="", help="where kolla-ansible is installed")
        add("--engine", choices=("docker", "podman"), default="", help="the container engine")
        add(
            "--output",
            metavar="FILE",
            default="",
            help="the file to write (default: that of --config, else ~/.config/day2/day2.yaml)",
        )
        add("--force", action="store_true", help="replace the file, keeping a copy beside it")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Write them."""
        from day2.operations.setup.discover import Wanted
        from day2.report import init
        from day2.wiring import setup

        wanted = Wanted(
            kolla_config=parsed.kolla_config,
            inventory=parsed.inventory,
            clouds_file=parsed.clouds_file,
            os_clouds=tuple(parsed.os_cloud),
            name=parsed.name,
            virtualenv=parsed.virtualenv,
            engine=parsed.engine,
        )
        config = getattr(self.app.options, "day2_config", None)
        written = setup.initialise(wanted, config=config, output=parsed.output, force=parsed.force)
        document = envelope(
            "init",
            cloud=written.clouds[0],
            at=written.at,
            file=str(written.file),
            kept=str(written.kept or ""),
            clouds=[
                {"name": name, "sections": written.sections[name], "commented": written.off[name]}
                for name in written.clouds
            ],
            found=[{"what": what, "where": where} for what, where in written.seen],
            missing=[{"what": what, "why": why} for what, why in written.missing],
            next=written.following,
        )
        return Produced(
            document=document,
            text=init.render(
                file=written.file,
                kept=written.kept,
                seen=written.seen,
                missing=written.missing,
                sections=written.sections,
                off=written.off,
                following=written.following,
                colour=self.colour,
            ),
            columns=("what", "where"),
            rows=[*written.seen, *((what, f"not found: {why}") for what, why in written.missing)],
        )
