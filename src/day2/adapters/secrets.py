# SPDX-License-Identifier: Apache-2.0
"""Secrets by reference: settings name where a password lives, and it is fetched when it is needed.

A reference holds no secret, so it may be printed. What `resolve` returns lives in memory only: it
is never logged, stored, nor handed to a child process by argument or environment.
"""

from typing import Annotated

import msgspec


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
