# SPDX-License-Identifier: Apache-2.0
"""The real `day2 init` over trees of files as Kolla-Ansible and kayobe leave them."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROGRAM = Path(sys.executable).parent / "day2"
SECRETS = {
    "keystone_admin_password": "Keystone-Secret-1",
    "database_password": "Database-Secret-2",
    "mariadb_monitor_password": "Monitor-Secret-3",
    "haproxy_password": "Proxy-Secret-4",
    "rabbitmq_password": "Rabbit-Secret-5",
    "rabbitmq_monitoring_password": "Rabbit-Secret-6",
}
GLOBALS = """\
---
workaround_ansible_issue_8743: yes
kolla_internal_vip_address: "10.0.0.250"
kolla_internal_fqdn: "api.example.net"
kolla_external_vip_address: "203.0.113.10"
kolla_enable_tls_external: "yes"
kolla_enable_tls_internal: "{{ something | bool }}"
node_custom_config: "{{ node_config }}/config"
openstack_region_name: "RegionOne"
some_secret: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162
"""
MULTINODE = """\
[control]
control[01:03]

[network:children]
control

[compute]
compute01 ansible_host=10.0.0.21

[deployment]
localhost ansible_connection=local

[loadbalancer:children]
network

[mariadb:children]
control

[rabbitmq:children]
control

[memcached:children]
control
"""
ENTRY = """\
  {name}:
    auth:
      auth_url: {url}
      username: admin
      password: Keystone-Secret-1
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
"""
OPENRC = """\
# Ansible managed
for key in $( set | awk '{FS="="}  /^OS_/ {print $1}' ); do unset $key ; done
touch MARKER
export OS_USERNAME='admin'
export OS_PASSWORD='Keystone-Secret-1'
export OS_AUTH_URL='http://10.0.0.250:5000'
export OS_INTERFACE='internal'
export OS_REGION_NAME='RegionOne'
"""


def _ordinary(words: list[str]) -> list[str]:
    """Run as an ordinary user: root gets a user namespace in which it has no rights."""
    if os.geteuid() != 0:
        return words
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *words]


@dataclass
class Tree:
    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def kolla(self) -> Path:
        return self.root / "kolla"

    @property
    def output(self) -> Path:
        return self.root / "out" / "day2.yaml"

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return file

    def plain(self) -> "Tree":
        self.write("kolla/globals.yml", GLOBALS)
        self.write("kolla/passwords.yml", "".join(f"{k}: {v}\n" for k, v in SECRETS.items()))
        self.write("kolla/multinode", MULTINODE)
        for number in (1, 2, 3):
            self.write(f"kolla/host_vars/control0{number}.yml", f"ansible_host: 10.0.0.1{number}\n")
        entries = ENTRY.format(name="kolla-admin", url="https://203.0.113.10:5000")
        entries += ENTRY.format(name="kolla-admin-internal", url="http://10.0.0.250:5000")
        self.write("kolla/clouds.yaml", f"clouds:\n{entries}    interface: internal\n")
        return self

    def init(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("init", "--output", str(self.output), *words, **environment)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        home = self.root / "home"
        work = self.root / "work"
        home.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        done = subprocess.run(
            _ordinary([str(PROGRAM), *words]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=work,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home),
                "DAY2_STATE": str(self.root / "state"),
                **self.environment,
                **environment,
            },
        )
        for secret in SECRETS.values():
            assert secret not in done.stdout + done.stderr
            if self.output.exists():
                assert secret not in self.output.read_text()
        return done

    def written(self) -> dict[str, Any]:
        found: dict[str, Any] = YAML(typ="safe", pure=True).load(self.output.read_text())
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_plain_kolla_gives_every_section(tree: Tree) -> None:
    tree.plain()
    done = tree.init("--kolla-config", str(tree.kolla), "--engine", "docker")
    assert done.returncode == 0, done.stderr
    whole = tree.written()
    cloud = whole["clouds"]["kolla"]
    assert cloud["access"] == "observe"
    assert cloud["openstack"] == {
        "cloud": "kolla-admin-internal",
        "clouds_file": str(tree.kolla / "clouds.yaml"),
    }
    assert cloud["kolla"] == {
        "config_dir": str(tree.kolla),
        "inventory": str(tree.kolla / "multinode"),
        "container_engine": "docker",
    }
    nodes = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
    assert cloud["cache"]["servers"] == [f"{node}:11211" for node in nodes]
    assert stat.S_IMODE(tree.output.stat().st_mode) == 0o600
    assert max(map(len, done.stdout.splitlines())) <= 80 or str(tree.root) in done.stdout
    assert f"day2 --config {tree.output} doctor" in done.stdout


def test_written_file_is_read_by_day2_without_a_complaint(tree: Tree) -> None:
    tree.plain()
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    shown = tree.run("--config", str(tree.output), "config", "show", "-f", "json")
    assert shown.returncode == 0, shown.stderr
    values = {row["path"]: row["value"] for row in json.loads(shown.stdout)["settings"]}
    assert values["clouds.kolla.openstack.cloud"] == "kolla-admin-internal"
    assert values["clouds.kolla.kolla.inventory"] == str(tree.kolla / "multinode")


def test_every_setting_of_the_file_has_a_comment_above_it(tree: Tree) -> None:
    tree.plain()
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    lines = tree.output.read_text().splitlines()
    settings = [n for n, line in enumerate(lines) if line.startswith("      ") and ": " in line]
    for number in settings:
        line = lines[number].strip()
        if not line.startswith(("#", "-")):
            assert lines[number - 1].strip().startswith("#"), line


def test_every_section_that_day2_knows_is_shown(tree: Tree) -> None:
    from day2.wiring.sections import OF_A_CLOUD

    tree.plain()
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    text = tree.output.read_text()
    for section in OF_A_CLOUD:
        assert f"    {section}:\n" in text or f"    # {section}:\n" in text


def test_file_is_kept_without_force_and_copied_with_it(tree: Tree) -> None:
    tree.plain()
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    first = tree.output.read_text()
    again = tree.init("--kolla-config", str(tree.kolla))
    assert again.returncode == 2
    assert "exists and was not touched" in again.stderr
    assert "day2 init --force" in again.stderr
    tree.output.write_text(first + "# mine\n")
    done = tree.init("--kolla-config", str(tree.kolla), "--force", "-f", "json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["schema"] == "day2.init/1"
    assert Path(document["kept"]).read_text().endswith("# mine\n")


def test_kayobe_layout_takes_what_kayobe_generated(tree: Tree) -> None:
    tree.plain()
    (tree.root / "etc").mkdir()
    tree.write("etc/kayobe/kolla/globals.yml", "kolla_internal_vip_address: '{{ vip }}'\n")
    tree.kolla.rename(tree.root / "etc" / "kolla")
    generated = tree.root / "etc" / "kolla"
    (generated / "inventory").mkdir()
    (generated / "multinode").rename(generated / "inventory" / "overcloud")
    done = tree.init(KAYOBE_CONFIG_PATH=str(tree.root / "etc" / "kayobe"))
    assert done.returncode == 0, done.stderr
    kolla = tree.written()["clouds"]["kolla"]["kolla"]
    assert kolla["config_dir"] == str(generated)
    assert kolla["inventory"] == str(generated / "inventory" / "overcloud")


def test_encrypted_passwords_are_named_and_not_looked_into(tree: Tree) -> None:
    tree.plain()
    tree.write("kolla/passwords.yml", "$ANSIBLE_VAULT;1.1;AES256\n616263\n")
    key = tree.write("vault-key", "Vault-Secret-7\n")
    done = tree.init("--kolla-config", str(tree.kolla), ANSIBLE_VAULT_PASSWORD_FILE=str(key))
    assert done.returncode == 0, done.stderr
    assert tree.written()["clouds"]["kolla"]["kolla"]["vault_password_file"] == str(key)
    assert "Vault-Secret-7" not in tree.output.read_text()
    without = tree.init("--kolla-config", str(tree.kolla), "--force")
    assert "vault password" in without.stdout
    assert "vault_password_file" not in tree.written()["clouds"]["kolla"]["kolla"]


def test_two_clouds_and_two_regions_are_found_without_a_question(tree: Tree) -> None:
    north = ENTRY.format(name="site", url="http://north:5000/v3")
    other = ENTRY.format(name="lab.example", url="http://lab:5000/v3")
    file = tree.write("clouds.yaml", f"clouds:\n{north}    regions: [North, South]\n{other}")
    done = tree.init("--clouds-file", str(file))
    assert done.returncode == 0, done.stderr
    whole = tree.written()
    assert whole["default_cloud"] == "site"
    assert {name: c["openstack"].get("region") for name, c in whole["clouds"].items()} == {
        "site": "North",
        "site-south": "South",
        "lab-example": None,
    }
    one = tree.init(
        "--clouds-file", str(file), "--os-cloud", "lab.example", "--name", "x", "--force"
    )
    assert one.returncode == 0, one.stderr
    assert list(tree.written()["clouds"]) == ["x"]


def test_inventory_folder_is_read(tree: Tree) -> None:
    tree.plain()
    (tree.kolla / "multinode").unlink()
    tree.write("kolla/inventory/hosts", MULTINODE)
    tree.write("kolla/inventory/host_vars/control01", "ansible_host: 10.9.9.9\n")
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    cloud = tree.written()["clouds"]["kolla"]
    assert cloud["kolla"]["inventory"] == str(tree.kolla / "inventory")
    assert cloud["cache"]["servers"][0] == "10.9.9.9:11211"


def test_podman_of_globals_is_taken(tree: Tree) -> None:
    tree.plain()
    tree.write("kolla/globals.yml", GLOBALS + "kolla_container_engine: podman\n")
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0
    assert tree.written()["clouds"]["kolla"]["kolla"]["container_engine"] == "podman"


def test_ansible_of_the_virtualenv_reads_the_inventory(tree: Tree) -> None:
    tree.plain()
    answer = {"mariadb": {"hosts": ["db1"]}, "memcached": {"hosts": ["db1"]}}
    answer["_meta"] = {"hostvars": {"db1": {"ansible_host": "10.7.7.7"}}}  # type: ignore[dict-item]
    tree.write("venv/bin/ansible-inventory", f"#!/bin/sh\necho '{json.dumps(answer)}'\n", 0o755)
    words = ("--kolla-config", str(tree.kolla), "--virtualenv", str(tree.root / "venv"))
    done = tree.init(*words)
    assert done.returncode == 0, done.stderr
    assert "by ansible-inventory" in done.stdout
    assert tree.written()["clouds"]["kolla"]["cache"]["servers"] == ["10.7.7.7:11211"]
    tree.write("venv/bin/ansible-inventory", "#!/bin/sh\necho broken >&2; exit 1\n", 0o755)
    done = tree.init(*words, "--force")
    assert done.returncode == 0, done.stderr
    assert tree.written()["clouds"]["kolla"]["cache"]["servers"][0] == "10.0.0.11:11211"


def test_openrc_is_read_as_text_and_never_executed(tree: Tree) -> None:
    marker = tree.root / "ran"
    tree.write("work/admin-openrc.sh", OPENRC.replace("MARKER", str(marker)))
    done = tree.init()
    assert done.returncode == 0, done.stderr
    assert not marker.exists()
    cloud = tree.written()["clouds"]
    assert next(iter(cloud.values()))["openstack"] == {
        "region": "RegionOne",
        "interface": "internal",
    }
    assert "kolla-ansible post-deploy" in tree.output.read_text()
    assert "source " in done.stdout


def test_variables_of_the_shell_will_do(tree: Tree) -> None:
    done = tree.init(
        OS_AUTH_URL="http://10.0.0.250:5000",
        OS_USERNAME="admin",
        OS_PASSWORD=SECRETS["keystone_admin_password"],
    )
    assert done.returncode == 0, done.stderr
    assert "OS_* variables" in tree.output.read_text()


def test_nothing_found_writes_nothing_and_says_where_accounts_come_from(tree: Tree) -> None:
    done = tree.init()
    assert done.returncode == 2
    assert "no account found" in done.stderr
    assert "post-deploy" in done.stderr
    assert not tree.output.exists()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("kolla/globals.yml", b"\x7fELF\x00\xff", "is not text"),
        ("kolla/globals.yml", b"a: 1\n" * 2_000_000, "larger than 8 MiB"),
        ("kolla/multinode", b"\xff\xfe\x00", "is not text"),
        ("kolla/multinode", b"# nobody\n", "names no host"),
        ("kolla/clouds.yaml", b"clouds: [", "is not YAML"),
        ("kolla/clouds.yaml", b"[" * 5000, "clouds.yaml"),
        ("kolla/clouds.yaml", b"- a\n", "not a mapping"),
        ("kolla/clouds.yaml", b"clouds: 3\n", "has no clouds"),
    ],
)
def test_hostile_file_is_one_sentence_and_exit_2(
    tree: Tree, name: str, content: bytes, said: str
) -> None:
    tree.plain()
    tree.write(name, content)
    done = tree.init("--kolla-config", str(tree.kolla))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not tree.output.exists()


def test_a_bomb_of_yaml_aliases_is_harmless(tree: Tree) -> None:
    tree.plain()
    tree.write("kolla/globals.yml", GLOBALS + BOMB)
    assert tree.init("--kolla-config", str(tree.kolla)).returncode == 0


@pytest.mark.parametrize("name", ["kolla/globals.yml", "kolla/multinode", "kolla/clouds.yaml"])
def test_unreadable_file_names_itself_and_the_command(tree: Tree, name: str) -> None:
    tree.plain()
    (tree.root / name).chmod(0)
    done = tree.init("--kolla-config", str(tree.kolla))
    assert done.returncode == 2
    assert f"cannot read {tree.root / name}: Permission denied" in done.stderr
    assert "setfacl" in done.stderr


def test_closed_folder_names_itself_and_the_command(tree: Tree) -> None:
    tree.plain()
    tree.kolla.chmod(0)
    done = tree.init("--kolla-config", str(tree.kolla))
    tree.kolla.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert "Permission denied" in done.stderr
    assert f"setfacl -R -m u:$USER:rX {tree.kolla}" in done.stderr


def test_unreadable_passwords_stop_nothing_but_are_told(tree: Tree) -> None:
    tree.plain()
    (tree.kolla / "passwords.yml").chmod(0)
    done = tree.init("--kolla-config", str(tree.kolla))
    assert done.returncode == 0, done.stderr
    assert "passwords.yml: Permission denied" in " ".join(done.stdout.split())


def test_folder_that_cannot_be_written_is_exit_2(tree: Tree) -> None:
    tree.plain()
    tree.output.parent.mkdir(mode=0o500)
    done = tree.init("--kolla-config", str(tree.kolla))
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_hostile_names_reach_neither_terminal_nor_yaml(tree: Tree) -> None:
    name = '"a\\e[31m\\n  x: {y: 1}"'
    entry = ENTRY.format(name=name, url="http://one:5000")
    file = tree.write("clouds.yaml", f"clouds:\n{entry}")
    done = tree.init("--clouds-file", str(file))
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    ((_name, cloud),) = tree.written()["clouds"].items()
    assert cloud["openstack"]["cloud"] == "a\x1b[31m\n  x: {y: 1}"


def test_these_tests_run_as_an_ordinary_user() -> None:
    done = subprocess.run(_ordinary(["id", "-u"]), capture_output=True, text=True, check=True)
    assert done.stdout.strip() != "0"
