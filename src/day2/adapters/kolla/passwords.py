# SPDX-License-Identifier: Apache-2.0
"""Kolla's passwords.yml: plain, encrypted as a whole, or with encrypted values (`!vault`).

Decryption is `ansible-vault`'s own. What it prints stays in memory: no plain text is written. One
value is decrypted by itself; all of them, which must not be shown anywhere, in one run.
"""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.variables import AnsibleConstructor, reader
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadSettings, Unreachable

ENCRYPTED = b"$ANSIBLE_VAULT;"
SECONDS = 30.0


class Ciphertext(msgspec.Struct, frozen=True):
    """One value as `ansible-vault encrypt_string` wrote it."""

    text: str


class _Loader(AnsibleConstructor):
    """Reads `!vault` as a `Ciphertext`."""


def _vault(loader: Any, node: Node) -> Ciphertext:  # noqa: ANN401 - ruamel's
    lines = str(loader.construct_scalar(node)).split()
    return Ciphertext("\n".join(lines) + "\n")


_Loader.add_constructor("!vault", _vault)
_Loader.add_constructor("!vault-encrypted", _vault)


class Passwords:
    """One passwords.yml, read at the first question."""

    def __init__(self, settings: KollaSettings, virtualenv: Virtualenv) -> None:
        self._file = settings.passwords
        self._vault_password_file = settings.vault_password_file
        self._virtualenv = virtualenv
        self._entries: dict[str, Any] | None = None
        self._plain: dict[str, str] = {}
        self._hidden: list[str] | None = None
        self._lock = threading.Lock()

    @property
    def file(self) -> Path:
        """The file that is read."""
        return self._file

    def get(self, key: str) -> str:
        """Return one password.

        Raises:
            BadSettings: when the file cannot be read or decrypted, or has no such entry. No message
                holds a value.

        """
        with self._lock:
            if key not in self._plain:
                self._plain[key] = self._value(key)
            return self._plain[key]

    def plain(self) -> list[str]:
        """Return every password, for whoever masks them.

        Those within others are among them (a key pair is two values under one name); numbers are
        given as they are written, values that are encrypted by themselves line by line. Where these
        cannot be decrypted, the others are returned.

        Raises:
            BadSettings: when the file cannot be read or decrypted.

        """
        with self._lock:
            if self._entries is None:
                self._entries = self._load()
            values = list(_values(self._entries))
            written = {value for value in values if isinstance(value, str)}
            if self._hidden is None:
                self._hidden = self._all([v for v in values if isinstance(v, Ciphertext)])
            return sorted({*written, *self._hidden, *self._plain.values()} - {""})

    def _all(self, hidden: list[Ciphertext]) -> list[str]:
        """Decrypt them in one run: each start of Ansible costs more than a hundred values."""
        if not hidden:
            return []
        with tempfile.TemporaryDirectory(prefix="day2-vault-") as folder:
            files = [Path(folder) / str(number) for number in range(len(hidden))]
            for file, value in zip(files, hidden, strict=True):
                file.write_text(value.text)
            words = ["view", *self._password_words(), *map(str, files)]
            try:
                plain = self._virtualenv.run("ansible-vault", words, seconds=SECONDS)
            except (BadSettings, Unreachable):
                return []
        lines = plain.decode(errors="replace").splitlines()
        return [line for line in lines if not line.startswith("-----")]

    def _password_words(self) -> list[str]:
        if not self._vault_password_file:
            return []
        file = str(Path(self._vault_password_file).expanduser().absolute())
        return ["--vault-password-file", file]

    def _value(self, key: str) -> str:
        if self._entries is None:
            self._entries = self._load()
        value = self._entries.get(key)
        if value is None or value == "":
            raise BadSettings(
                f"{self._file} has no {key}" if value is None else f"{key} of {self._file} is empty"
            )
        if isinstance(value, Ciphertext):
            return self._decrypt(value.text.encode(), f"{key} of {self._file}").rstrip("\n")
        if isinstance(value, (dict, list)):
            raise BadSettings(f"{key} of {self._file} is not a single value")
        return str(value)

    def _load(self) -> dict[str, Any]:
        try:
            data = self._file.read_bytes()
        except OSError as error:
            raise BadSettings(
                f"cannot read Kolla's passwords: {self._file}: {error.strerror}",
                hint="setting clouds.NAME.kolla.passwords_file; the file must be readable by you",
            ) from None
        if data.startswith(ENCRYPTED):
            text = self._decrypt(data, str(self._file))
        else:
            text = data.decode(errors="replace")
        return _parse(text, self._file)

    def _decrypt(self, data: bytes, what: str) -> str:
        words = ["decrypt", "--output", "-", *self._password_words()]
        try:
            plain = self._virtualenv.run("ansible-vault", words, seconds=SECONDS, given=data)
        except BadSettings as error:
            raise BadSettings(
                f"cannot decrypt {what}: {error}",
                hint=error.hint
                or "setting clouds.NAME.kolla.vault_password_file: a file with the vault's "
                "password, or an executable that prints it",
            ) from None
        return plain.decode(errors="replace")


def _values(tree: Any) -> Iterator[str | Ciphertext]:  # noqa: ANN401 - whatever YAML holds
    if isinstance(tree, dict):
        for key, value in tree.items():
            # What everybody may know is no secret, and stands in every log of SSH.
            if not str(key).startswith("public"):
                yield from _values(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _values(value)
    elif isinstance(tree, Ciphertext):
        yield tree
    elif isinstance(tree, str | int) and not isinstance(tree, bool):
        yield str(tree)


def _parse(text: str, file: Path) -> dict[str, Any]:
    try:
        found = reader(_Loader).load(text)
    except (YAMLError, ValueError) as error:
        # The error's own text quotes the file: only the place is told.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise BadSettings(f"{file} is not YAML{where}") from None
    if not isinstance(found, dict):
        raise BadSettings(f"{file} holds no passwords: it is not a mapping")
    return {str(key): value for key, value in found.items()}
