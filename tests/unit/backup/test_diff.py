# SPDX-License-Identifier: Apache-2.0
"""Two configurations compared: what changed is told, and no secret ever."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.errors import BadUsage
from day2.model.backup import Kind
from day2.model.comparison import FileChange
from day2.operations.backup import work
from day2.operations.backup.comparing import diff
from day2.operations.backup.masking import is_secret_file, is_secret_key, shown
from day2.operations.backup.takers.tree import Beside, Root, TreeTaker
from day2.report.backup_diff import compared
from tests.unit.backup.bare_vault import BareVault, draft

SECRET = "hunter2hunter2"


def silent(_text: str) -> None:
    pass


def changes(
    folder: Path, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[list[FileChange], str]:
    """Take a set of each, and return how they differ, and how that reads."""
    vault = BareVault(folder / "vault")
    for number, files in enumerate((before, after)):
        tree = folder / f"tree{number}"
        for name, text in files.items():
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

        @contextlib.contextmanager
        def roots(tree: Path = tree) -> Iterator[Sequence[Root]]:
            yield [Root(path=tree, name="/etc/kolla")]

        taker = TreeTaker(Kind.CONFIG, roots, lambda _say: Beside())
        work.take(
            vault,
            taker,
            draft(Kind.CONFIG, f"config-{number}", about={"always": "yes"}),
            SystemClock(),
            silent,
        )
    scratch = folder / "scratch"
    scratch.mkdir()
    first, second = vault.find("config-0"), vault.find("config-1")
    found = diff(vault, first, second, scratch, silent)
    return found, compared(first, second, found)


def test_files_and_keys_are_told(tmp_path: Path) -> None:
    found, text = changes(
        tmp_path,
        {"globals.yml": "a: 1\nb: {c: old}\ngone: x\n", "old.conf": "x", "same": "x"},
        {"globals.yml": "a: 1\nb: {c: new}\ncame: [1, 2]\n", "new.conf": "x", "same": "x"},
    )
    assert [(one.path, one.verb) for one in found] == [
        ("/etc/kolla/globals.yml", "changed"),
        ("/etc/kolla/new.conf", "added"),
        ("/etc/kolla/old.conf", "removed"),
    ]
    assert [(k.key, k.verb, k.before, k.after) for k in found[0].keys] == [
        ("b.c", "changed", "old", "new"),
        ("came", "added", None, "[1, 2]"),
        ("gone", "removed", "x", None),
    ]
    assert "    ~ b.c: old → new" in text


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("passwords.yml", f"database: {SECRET}", "database: other-value-1"),
        ("passwords-old.yml", "a: other-value-1", f"a: {SECRET}"),
        ("globals.yml", f"db_password: {SECRET}", "db_password: x"),
        ("globals.yml", "a: {token: {v: x}}", f"a: {{token: {{v: {SECRET}}}}}"),
        ("globals.yml", "url: x", f"url: mysql://u:{SECRET}@db/x"),
        ("config/nova.conf", f"p = {SECRET}", "p = x"),
        ("server.key", SECRET, "x"),
        ("globals.yml", "list: [a]", f"list: [a, 'https://u:{SECRET}@x']"),
        ("globals.yml", "a: x", f"a: |\n  -----BEGIN PRIVATE KEY-----\n  {SECRET}\n"),
        ("globals.yml", f"[not: yaml: {SECRET}", "a: 1"),
        ("globals.yml", "a: 1", f"- {SECRET}"),
    ],
)
def test_no_secret_is_shown(tmp_path: Path, name: str, before: str, after: str) -> None:
    found, text = changes(tmp_path, {name: before}, {name: after})
    assert len(found) == 1
    whole = text + msgspec.json.encode(found).decode()
    assert SECRET not in whole
    # Nor anything that it could be guessed by: its hash, or how long it is.
    assert found[0].what == ["content"]


def test_a_password_is_shown_nowhere_whatever_the_key(tmp_path: Path) -> None:
    passwords = {"passwords.yml": f"database: {SECRET}\n"}
    found, text = changes(
        tmp_path,
        {**passwords, "globals.yml": "note: x"},
        {**passwords, "globals.yml": f"note: the word is {SECRET}"},
    )
    assert [(key.key, key.hidden) for key in found[0].keys] == [("note", True)]
    assert SECRET not in text


def test_the_names_of_passwords_are_told(tmp_path: Path) -> None:
    found, text = changes(
        tmp_path, {"passwords.yml": "a: one-one-one\n"}, {"passwords.yml": "a: two-two-two\nb: x\n"}
    )
    assert [(key.key, key.verb, key.hidden) for key in found[0].keys] == [
        ("a", "changed", True),
        ("b", "added", True),
    ]
    assert "two" not in text


def test_an_encrypted_file_is_told_as_a_file(tmp_path: Path) -> None:
    found, _text = changes(
        tmp_path, {"passwords.yml": "$ANSIBLE_VAULT;1.1\n61"}, {"passwords.yml": "$ANSIBLE_VAULT\n"}
    )
    assert [(one.what, one.keys) for one in found] == [(["content"], [])]


def test_modes_are_told(tmp_path: Path) -> None:
    first = tmp_path / "tree1" / "a.yml"
    first.parent.mkdir()
    first.write_text("a: 1")
    first.chmod(0o640)
    (tmp_path / "tree0").mkdir()
    other = tmp_path / "tree0" / "a.yml"
    other.write_text("a: 1")
    other.chmod(0o600)
    found, _text = changes(tmp_path, {"a.yml": "a: 1"}, {"a.yml": "a: 1"})
    assert [one.what for one in found] == [["mode 0600 → 0640"]]


def test_yaml_that_unfolds_without_end_is_bounded(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, 30):
        pairs = ", ".join(f"k{n}: *a{level - 1}" for n in range(9))
        lines.append(f"a{level}: &a{level} {{{pairs}}}")
    found, _text = changes(tmp_path, {"g.yml": "a: 1"}, {"g.yml": "\n".join(lines)})
    assert len(found) == 1


def test_only_files_are_compared(tmp_path: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    with vault.write(draft(Kind.IMAGES, "images-1")) as writer:
        found = writer.commit(source={}, exits={})
    with pytest.raises(BadUsage, match="no set of files"):
        diff(vault, found, found, tmp_path, silent)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("keystone_admin_user", False),
        ("enable_keystone", False),
        ("kolla_internal_vip_address", False),
        ("database_password", True),
        ("rbd_secret_uuid", True),
        ("haproxy.stats.key", True),
        ("grafana.smtp_passwd", True),
        ("barbican_crypto_key", True),
        ("keepalived.auth.value", True),
    ],
)
def test_which_keys_sound_secret(key: str, *, secret: bool) -> None:
    assert is_secret_key(key) is secret


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/etc/kolla/globals.yml", False),
        ("/etc/kolla/passwords.yml", True),
        ("hosts/ctl/keystone_fernet_tokens/0", True),
        ("/etc/kolla/config/ceph.client.admin.keyring", True),
        ("/etc/kolla/certificates/haproxy.pem", True),
    ],
)
def test_which_files_are_secret(path: str, *, secret: bool) -> None:
    assert is_secret_file(path) is secret


@pytest.mark.parametrize(
    "value", [True, 3, None, "192.0.2.1", "quay.io/openstack.kolla", ["a", "b"]]
)
def test_plain_values_are_shown(value: Any) -> None:
    assert shown("a", value, []) is not None
