# SPDX-License-Identifier: Apache-2.0
"""Tokens: who asks, in which scope, with which roles, until when."""

import secrets
from datetime import datetime

import msgspec

ADMIN = "admin"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token; `project_id` is empty without a project, `system` says the whole cloud."""

    id: str
    user_id: str
    project_id: str
    system: bool
    roles: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    audit_id: str
    method: str = "password"

    @property
    def admin(self) -> bool:
        """Tell whether the role admin is among its roles."""
        return ADMIN in self.roles


class Tokens:
    """Every token that was given and has not expired."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def issue(
        self,
        *,
        user_id: str,
        project_id: str,
        system: bool,
        roles: tuple[str, ...],
        issued_at: datetime,
        expires_at: datetime,
        method: str,
    ) -> Token:
        """Make a token that nobody can guess."""
        self._drop_expired(issued_at)
        token = Token(
            id=f"gAAAAA{secrets.token_urlsafe(120)}",
            user_id=user_id,
            project_id=project_id,
            system=system,
            roles=roles,
            issued_at=issued_at,
            expires_at=expires_at,
            audit_id=secrets.token_urlsafe(16),
            method=method,
        )
        self._tokens[token.id] = token
        return token

    def find(self, token_id: str, now: datetime) -> Token | None:
        """Return a token that is still good."""
        token = self._tokens.get(token_id)
        return token if token is not None and token.expires_at > now else None

    def revoke(self, token_id: str) -> None:
        """Forget a token."""
        self._tokens.pop(token_id, None)

    def __len__(self) -> int:
        return len(self._tokens)

    def _drop_expired(self, now: datetime) -> None:
        gone = [key for key, token in self._tokens.items() if token.expires_at <= now]
        for key in gone:
            del self._tokens[key]
