# SPDX-License-Identifier: Apache-2.0
"""Kolla's passwords with a scripted ansible-vault; the real one is in the lab's tests."""

import os
import tempfile
from pathlib import Path

import pytest

from day2.adapters.kolla.passwords import Passwords
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadSettings

# "Decrypts" by turning letters; writes down how it was called, and with what environment.
VAULT = """#!/bin/sh
env > "$(dirname "$0")/environment"
echo "$@" >> "$(dirname "$0")/calls"
if [ "$1" = view ]; then
  shift 3
  for file; do sed 1d "$file" | tr 'a-z' 'b-za'; done
  exit
fi
read first
[ "$3" = "-" ] || exit 2
[ "$first" = '$ANSIBLE_VAULT;1.1;AES256' ] || { echo "ERROR! not vault encrypted" >&2; exit 1; }
tr 'a-z' 'b-za'
"""
PLAIN = "---\ndatabase_password: aaa\nempty:\nkolla_ssh_key: {private_key: a}\nnumber: 12\n"
MIXED = "---\nopen: zzz\nhidden: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  rdbqds\n"


def passwords(folder: Path, text: str) -> Passwords:
    executable = folder / "venv" / "bin" / "ansible-vault"
    executable.parent.mkdir(parents=True)
    executable.write_text(VAULT)
    executable.chmod(0o755)
    file = folder / "passwords.yml"
    file.write_text(text)
    settings = KollaSettings(config_dir=str(folder), vault_password_file=str(folder / "key"))
    environment = {"PATH": os.environ["PATH"], "OS_PASSWORD": "do-not-pass", "LANG": "C"}
    return Passwords(settings, Virtualenv(str(folder / "venv"), environment))


def test_a_plain_file_needs_no_ansible(tmp_path: Path) -> None:
    found = passwords(tmp_path, PLAIN)
    assert found.get("database_password") == "aaa"
    assert found.get("number") == "12"
    assert not (tmp_path / "venv" / "bin" / "calls").exists()


def test_a_whole_encrypted_file_is_decrypted_once(tmp_path: Path) -> None:
    turned = PLAIN.translate(
        str.maketrans("bcdefghijklmnopqrstuvwxyza", "abcdefghijklmnopqrstuvwxyz")
    )
    found = passwords(tmp_path, f"$ANSIBLE_VAULT;1.1;AES256\n{turned}")
    assert [found.get("database_password"), found.get("number")] == ["aaa", "12"]
    calls = (tmp_path / "venv" / "bin" / "calls").read_text().splitlines()
    assert calls == [f"decrypt --output - --vault-password-file {tmp_path / 'key'}"]


def test_only_the_value_that_is_asked_for_is_decrypted(tmp_path: Path) -> None:
    found = passwords(tmp_path, MIXED)
    assert found.get("open") == "zzz"
    assert not (tmp_path / "venv" / "bin" / "calls").exists()
    assert [found.get("hidden"), found.get("hidden")] == ["secret", "secret"]
    assert len((tmp_path / "venv" / "bin" / "calls").read_text().splitlines()) == 1


def test_all_that_must_be_masked_is_decrypted_in_one_run(tmp_path: Path) -> None:
    more = "pair:\n  private_key: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    jdx\n"
    found = passwords(tmp_path, MIXED + more + "number: 12\n")
    assert found.plain() == ["12", "key", "secret", "zzz"]
    assert found.plain() == ["12", "key", "secret", "zzz"]
    assert len((tmp_path / "venv" / "bin" / "calls").read_text().splitlines()) == 1
    assert not list(Path(tempfile.gettempdir()).glob("day2-vault-*"))


def test_what_cannot_be_decrypted_hides_no_other_password(tmp_path: Path) -> None:
    found = passwords(tmp_path, MIXED)
    (tmp_path / "venv" / "bin" / "ansible-vault").write_text("#!/bin/sh\nexit 1\n")
    assert found.plain() == ["zzz"]


def test_a_child_knows_nothing_secret_of_our_environment(tmp_path: Path) -> None:
    passwords(tmp_path, MIXED).get("hidden")
    assert "do-not-pass" not in (tmp_path / "venv" / "bin" / "environment").read_text()


def test_no_plain_text_is_written(tmp_path: Path) -> None:
    passwords(tmp_path, MIXED).get("hidden")
    texts = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert not any("secret" in text for text in texts)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (PLAIN, "not_there"),
        (PLAIN, "empty"),
        (PLAIN, "kolla_ssh_key"),
        ("- a list of aaa\n", "x"),
        ("aaa: [unclosed\n", "x"),
        ("hidden: !vault |\n  aaa\n", "hidden"),
        ("a: !!python/object:os.system aaa\n", "a"),
    ],
)
def test_a_wrong_file_is_a_wrong_setting_and_tells_no_value(
    tmp_path: Path, text: str, key: str
) -> None:
    with pytest.raises(BadSettings) as raised:
        passwords(tmp_path, text).get(key)
    assert "aaa" not in f"{raised.value} {raised.value.hint}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = KollaSettings(config_dir=str(tmp_path / "none"))
    with pytest.raises(BadSettings, match=r"none/passwords\.yml"):
        Passwords(settings, Virtualenv("", {"PATH": ""})).get("x")


def test_a_virtualenv_without_ansible_is_named(tmp_path: Path) -> None:
    (tmp_path / "passwords.yml").write_text(MIXED)
    settings = KollaSettings(config_dir=str(tmp_path))
    with pytest.raises(BadSettings, match="bin/ansible-vault"):
        Passwords(settings, Virtualenv(str(tmp_path / "venv"), {})).get("hidden")


def test_of_two_entries_with_one_name_the_last_counts(tmp_path: Path) -> None:
    found = passwords(tmp_path, f"{PLAIN}database_password: later\n")
    assert found.get("database_password") == "later"
    assert "later" in found.plain()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("written", "read"),
    [("0189", "0189"), ("0123", "83"), ("1e5", "1e5"), ("12", "12"), ("1.5", "1.5"), ("'7'", "7")],
)
def test_a_password_without_quotes_is_what_ansible_makes_of_it(
    tmp_path: Path, written: str, read: str
) -> None:
    assert passwords(tmp_path, f"own: {written}\n").get("own") == read
