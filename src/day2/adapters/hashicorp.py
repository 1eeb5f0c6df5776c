# SPDX-License-Identifier: Apache-2.0
"""HashiCorp Vault (and OpenBao): secrets of its key/value engine, version 1 or 2, read only."""

import threading
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

from day2.adapters.addresses import page
from day2.adapters.reasons import plain_reason
from day2.adapters.secrets import SecretRef, from_environment, from_file
from day2.errors import BadAnswer, BadSettings, Denied, Unreachable

SEALED = 503


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.vault`."""

    address: Annotated[str, Meta(description="https://vault.example:8200; empty: no Vault.")] = ""
    token: Annotated[
        SecretRef | None, Meta(description="Where the token lives: file or env only.")
    ] = None
    role_id: Annotated[str, Meta(description="AppRole's role id, instead of a token.")] = ""
    secret_id: Annotated[
        SecretRef | None, Meta(description="Where AppRole's secret id lives: file or env only.")
    ] = None
    approle_mount: Annotated[str, Meta(description="Where AppRole is mounted.")] = "approle"
    namespace: Annotated[str, Meta(description="Vault's namespace, where it has any.")] = ""
    mount: Annotated[str, Meta(description="Where the key/value engine is mounted.")] = "secret"
    kv_version: Annotated[int, Meta(ge=1, le=2, description="Version of the engine.")] = 2
    ca_file: Annotated[str, Meta(description="CA bundle; empty: the system's.")] = ""
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds for one answer.")] = 5.0


class Vault:
    """One Vault; it logs in at the first question and asks for each path once."""

    def __init__(self, settings: VaultSettings, environment: Any) -> None:  # noqa: ANN401 - Mapping
        self._settings = settings
        self._environment = environment
        self._lock = threading.Lock()
        self._client: Any = None
        self._paths: dict[str, dict[str, Any]] = {}

    def get(self, reference: str) -> str:
        """Return the secret at `path#key`.

        Raises:
            BadSettings: when there is no such path or key, or no way to log in is set.
            Denied: when Vault refuses the token or the path.
            Unreachable, BadAnswer: when Vault does not answer, is sealed, or is no Vault.

        """
        path, _, key = reference.partition("#")
        with self._lock:
            if path not in self._paths:
                self._paths[path] = self._read(path)
            value = self._paths[path].get(key)
        if not isinstance(value, str) or not value:
            raise BadSettings(f"Vault's {path} has no text under {key}")
        return value

    def _read(self, path: str) -> dict[str, Any]:
        settings = self._settings
        if self._client is None:
            self._client = self._login()
        middle = "data/" if settings.kv_version == 2 else ""  # noqa: PLR2004
        where = f"/v1/{_quoted(settings.mount)}/{middle}{_quoted(path)}"
        data = self._ask("GET", where, what=path).get("data")
        if settings.kv_version == 2 and isinstance(data, dict):  # noqa: PLR2004
            data = data.get("data")
        if not isinstance(data, dict):
            raise BadAnswer(
                f"Vault answered {path} in an unknown form",
                hint="setting clouds.NAME.vault.kv_version: 1 or 2",
            )
        return data

    def _login(self) -> Any:  # noqa: ANN401 - httpx is imported where it is used
        import httpx  # noqa: PLC0415 - start-up time

        settings = self._settings
        if not settings.address:
            raise BadSettings("no Vault is set", hint="setting clouds.NAME.vault.address")
        address = page(settings.address)
        headers = {"X-Vault-Request": "true"}
        if settings.namespace:
            headers["X-Vault-Namespace"] = settings.namespace
        try:
            import ssl  # noqa: PLC0415 - start-up time

            ca = str(Path(settings.ca_file).expanduser()) if settings.ca_file else None
            trust = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise BadSettings(f"cannot read {settings.ca_file}: {error}") from None
        client = httpx.Client(
            base_url=address,
            headers=headers,
            verify=trust,
            timeout=settings.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
        )
        self._client = client
        try:
            client.headers["X-Vault-Token"] = self._token()
        except BaseException:
            self._client = None
            client.close()
            raise
        return client

    def _token(self) -> str:
        settings = self._settings
        if settings.token is not None:
            own = self._own_secret(settings.token, "token").strip()
            # It goes into a header, and what refuses to send one says what was in it.
            if not own or not own.isascii() or not own.isprintable():
                raise BadSettings(f"{settings.token.label} holds no token of Vault")
            return own
        if not settings.role_id or settings.secret_id is None:
            raise BadSettings(
                "no way to log in to Vault",
                hint="setting clouds.NAME.vault.token, or role_id and secret_id",
            )
        body = {
            "role_id": settings.role_id,
            "secret_id": self._own_secret(settings.secret_id, "secret_id"),
        }
        where = f"/v1/auth/{_quoted(settings.approle_mount)}/login"
        auth = self._ask("POST", where, what="the AppRole login", body=body).get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if not isinstance(token, str):
            raise BadAnswer("Vault answered the AppRole login without a token")
        return token

    def _own_secret(self, reference: SecretRef, name: str) -> str:
        if reference.file:
            return from_file(reference.file)
        if reference.env:
            return from_environment(reference.env, self._environment)
        raise BadSettings(f"setting clouds.NAME.vault.{name} must name a file or env")

    def _ask(
        self, method: str, where: str, *, what: str, body: dict[str, str] | None = None
    ) -> dict[str, Any]:
        import httpx  # noqa: PLC0415 - start-up time

        address = self._settings.address
        try:
            answer = self._client.request(method, where, json=body)
        except httpx.HTTPError as error:
            # Of a request that could not be sent the reason may quote what was in it.
            unsent = isinstance(error, httpx.LocalProtocolError)
            reason = "the request cannot be sent" if unsent else plain_reason(str(error))
            raise Unreachable(f"Vault at {address} does not answer: {reason}") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise BadSettings(f"Vault has nothing at {what}", hint="path#key, without the mount")
        if answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.BAD_REQUEST):
            raise Denied(
                f"Vault refuses {what} ({answer.status_code})",
                hint="the token's policy must allow read of that path",
            )
        if answer.status_code == SEALED:
            raise Unreachable(f"Vault at {address} is sealed", hint="vault operator unseal")
        try:
            found = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.MsgspecError:
            found = {}
        if answer.status_code != httpx.codes.OK or not found:
            raise BadAnswer(
                f"{address} answered {answer.status_code} for {what}, and not as Vault does"
            )
        return found


def _quoted(path: str) -> str:
    return quote(path.strip("/"), safe="/")
