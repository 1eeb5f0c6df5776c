# SPDX-License-Identifier: Apache-2.0
"""Secrets by reference: settings name where a password lives, and it is fetched when it is needed.

A reference holds no secret, so it may be printed. What `resolve` returns lives in memory only: it
is never logged, stored, nor handed to a child process by argument or environment.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from day2.errors import BadSettings


class SecretRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one secret lives: exactly one of the four is set.

    Raises:
        ValueError: when none or several are set (msgspec reports it as a ValidationError).

    """

    file: Annotated[str, msgspec.Meta(description="file whose first line is the secret")] = ""
    env: Annotated[str, msgspec.Meta(description="environment variable that holds the secret")] = ""
    kolla: Annotated[str, msgspec.Meta(description="key of Kolla's passwords.yml")] = ""
    vault: Annotated[str, msgspec.Meta(description="HashiCorp Vault, as path#key")] = ""

    def __post_init__(self) -> None:
        given = [name for name in self.__struct_fields__ if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "name exactly one of file, env, kolla, vault"
                + (f", not {' and '.join(given)}" if given else "")
            )
        if self.vault and not all(self.vault.partition("#")[::2]):
            raise ValueError("vault is written path#key")

    @property
    def label(self) -> str:
        """Say where the secret lives, for messages."""
        if self.file:
            return f"file {self.file}"
        if self.env:
            return f"environment variable {self.env}"
        if self.kolla:
            return f"{self.kolla} of Kolla's passwords"
        return f"{self.vault} of Vault"


class Store(Protocol):
    """Something that holds secrets under keys: Kolla's passwords, Vault."""

    def get(self, key: str) -> str:
        """Return one secret."""


class Secrets:
    """Fetches what references point to."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        kolla: Store | None = None,
        vault: Store | None = None,
    ) -> None:
        self._environment = environment
        self._kolla = kolla
        self._vault = vault

    def resolve(self, reference: SecretRef) -> str:
        """Return the secret itself.

        Raises:
            BadSettings: when the reference points to nothing; the message never holds a secret.
            Denied, Unreachable: when Vault refuses or does not answer.

        """
        if reference.file:
            return from_file(reference.file)
        if reference.env:
            return from_environment(reference.env, self._environment)
        if reference.kolla:
            if self._kolla is None:
                raise BadSettings(
                    f"{reference.label}: no Kolla configuration is set",
                    hint="setting clouds.NAME.kolla",
                )
            return self._kolla.get(reference.kolla)
        if self._vault is None:
            raise BadSettings(
                f"{reference.label}: no Vault is set", hint="setting clouds.NAME.vault.address"
            )
        return self._vault.get(reference.vault)


def from_file(name: str) -> str:
    """Return the first line of a file.

    Raises:
        BadSettings: when it cannot be read or is empty.

    """
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSettings(f"cannot read the secret in file {name}: {reason}") from None
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise BadSettings(f"file {name} holds no secret: its first line is empty")
    return line


def from_environment(name: str, environment: Mapping[str, str]) -> str:
    """Return an environment variable that must not be empty.

    Raises:
        BadSettings: when it is not set.

    """
    value = environment.get(name)
    if not value:
        raise BadSettings(f"environment variable {name} is not set: it should hold a secret")
    return value
