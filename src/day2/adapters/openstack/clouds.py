# SPDX-License-Identifier: Apache-2.0
"""Which account day2 uses: an entry of clouds.yaml (with secure.yaml), or the OS_* variables.

`openstack.config` would do the same and costs 0.3 s of start-up; the format is small and stable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from day2 import settings
from day2.errors import BadSettings

MASK = "********"
# What a login with a password or an application credential takes; openrc files set more than that
# (Kolla's OS_AUTH_PLUGIN, OS_MANILA_ENDPOINT_TYPE), which no library may be handed.
_LOGINS = frozenset({"password", "applicationcredential", "application_credential"})
_OF_LOGINS = frozenset(
    """
    auth_url username user_id password user_domain_id user_domain_name
    application_credential_id application_credential_name application_credential_secret
    project_id project_name project_domain_id project_domain_name tenant_id tenant_name
    domain_id domain_name system_scope trust_id
    """.split()  # noqa: SIM905 - twenty lines otherwise
)
_ENVIRONMENT_ONLY = {"region_name", "interface", "cacert", "cert", "key", "auth_type", "cloud"}


class OpenStackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.openstack`: the account for reading."""

    cloud: Annotated[
        str, Meta(description="Entry of clouds.yaml to read with; empty: the OS_* variables.")
    ] = ""
    clouds_file: Annotated[
        str,
        Meta(description="The clouds.yaml; empty: ./, ~/.config/openstack/, /etc/openstack/."),
    ] = ""
    region: Annotated[
        str, Meta(description="Region to look at; empty: the entry's own, else the only one.")
    ] = ""
    interface: Annotated[
        str,
        Meta(description="Endpoints to talk to: public, internal or admin; empty: the entry's."),
    ] = ""


class WritingSettings(OpenStackSettings, frozen=True, kw_only=True):
    """Section `clouds.NAME.writing`: the account for changing, used with `access: act` only."""

    cloud: Annotated[
        str,
        Meta(description="Entry of clouds.yaml to change things with; empty: nothing is changed."),
    ] = ""
    clouds_file: Annotated[
        str, Meta(description="Its clouds.yaml; empty: that of the account for reading.")
    ] = ""
    region: Annotated[
        str, Meta(description="Region to change; empty: that of the account for reading.")
    ] = ""
    interface: Annotated[
        str, Meta(description="Endpoints to talk to; empty: those of the account for reading.")
    ] = ""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """One account, ready for keystoneauth; `repr` never shows a secret."""

    name: str
    auth_type: str
    auth: dict[str, Any]
    region: str = ""
    interface: str = "public"
    verify: bool | str = True
    client_certificate: tuple[str, str] | None = None
    source: str = ""

    def __repr__(self) -> str:
        shown = {k: MASK if _is_secret(k) else v for k, v in self.auth.items()}
        return f"Credentials(name={self.name!r}, auth={shown!r}, source={self.source!r})"

    @property
    def secrets(self) -> list[str]:
        """List the values that must never be shown."""
        return [str(v) for k, v in self.auth.items() if _is_secret(k)]


def find(chosen: OpenStackSettings, environment: Mapping[str, str]) -> Credentials:
    """Find the account that the settings name.

    Raises:
        BadSettings: when there is no such entry, or neither an entry nor OS_AUTH_URL.

    """
    name = chosen.cloud or environment.get("OS_CLOUD", "")
    if name:
        return _from_file(name, chosen, environment)
    if environment.get("OS_AUTH_URL"):
        return _from_environment(chosen, environment)
    raise BadSettings(
        "no cloud account: neither an entry of clouds.yaml nor OS_AUTH_URL is given",
        hint="name one in the settings (clouds.NAME.openstack.cloud), or write them: day2 init",
    )


def files(chosen: OpenStackSettings, environment: Mapping[str, str]) -> list[Path]:
    """List where clouds.yaml is looked for, first match wins."""
    named = chosen.clouds_file or environment.get("OS_CLIENT_CONFIG_FILE", "")
    if named:
        return [Path(named).expanduser()]
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    folders = [Path(), Path(home) / "openstack", Path("/etc/openstack")]
    return [folder / f"clouds.{ending}" for folder in folders for ending in ("yaml", "yml")]


def entries(file: Path) -> list[str]:
    """List the entries of a clouds.yaml."""
    clouds = settings.read_yaml(file).get("clouds")
    return list(clouds) if isinstance(clouds, dict) else []


def _from_file(name: str, chosen: OpenStackSettings, environment: Mapping[str, str]) -> Credentials:
    candidates = files(chosen, environment)
    file = next((f for f in candidates if settings.is_file(f)), None)
    if file is None:
        raise BadSettings(
            f"no clouds.yaml for cloud {name!r}; looked for {', '.join(map(str, candidates))}",
            hint="set clouds.NAME.openstack.clouds_file",
        )
    clouds = settings.read_yaml(file).get("clouds")
    entry = clouds.get(name) if isinstance(clouds, dict) else None
    if not isinstance(entry, dict):
        known = ", ".join(clouds) if isinstance(clouds, dict) else "none"
        raise BadSettings(f"{file} has no cloud {name!r}; it has: {known}")
    secure = file.with_name(file.name.replace("clouds", "secure"))
    if settings.is_file(secure):
        more = (settings.read_yaml(secure).get("clouds") or {}).get(name)
        entry = _merge(entry, more) if isinstance(more, dict) else entry
    return _credentials(name, entry, chosen, source=str(file))


def _from_environment(chosen: OpenStackSettings, environment: Mapping[str, str]) -> Credentials:
    auth: dict[str, Any] = {}
    entry: dict[str, Any] = {"auth": auth}
    kind = environment.get("OS_AUTH_TYPE") or "password"
    known = _OF_LOGINS if kind.removeprefix("v3") in _LOGINS else None
    for variable, value in environment.items():
        if not variable.startswith("OS_") or not value:
            continue
        key = variable.removeprefix("OS_").lower()
        if key == "endpoint_type":
            entry["interface"] = value
        elif key in _ENVIRONMENT_ONLY:
            entry[key] = value
        elif not key.endswith("_api_version") and (known is None or key in known):
            auth[key] = value
    aliases = {"tenant_name": "project_name", "tenant_id": "project_id"}
    for old, new in aliases.items():
        if old in auth:
            auth.setdefault(new, auth[old])
            del auth[old]
    return _credentials("environment", entry, chosen, source="the OS_* variables")


def _credentials(
    name: str, entry: Mapping[str, Any], chosen: OpenStackSettings, *, source: str
) -> Credentials:
    auth = entry.get("auth")
    if not isinstance(auth, dict) or not auth.get("auth_url"):
        raise BadSettings(f"cloud {name!r} ({source}) has no auth_url")
    regions = [r.get("name") if isinstance(r, dict) else r for r in entry.get("regions") or []]
    region = chosen.region or entry.get("region_name") or next(iter(regions), "")
    interface = chosen.interface or entry.get("interface") or entry.get("endpoint_type") or "public"
    authority = entry.get("cacert")
    verify: bool | str = _home(authority) if authority else entry.get("verify", True)
    own = [_home(entry[name]) for name in ("cert", "key") if entry.get(name)]
    return Credentials(
        name=name,
        auth_type=str(entry.get("auth_type") or "password"),
        auth={str(k): v for k, v in auth.items()},
        region=str(region or ""),
        interface=str(interface).removesuffix("URL"),
        verify=verify,
        client_certificate=(own[0], own[1]) if len(own) == 2 else None,  # noqa: PLR2004 - both
        source=source,
    )


def _home(file: object) -> str:
    """Write `~/ca.pem` out, as every OpenStack client does."""
    return str(Path(str(file)).expanduser())


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _is_secret(key: str) -> bool:
    return any(word in key for word in ("password", "secret", "token", "passcode"))
