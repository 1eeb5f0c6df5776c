# SPDX-License-Identifier: Apache-2.0
"""What clients of the lab read: `clouds.yaml` and the operator's openrc file."""

from pathlib import Path

from lab.facts import REGION, Facts


def client_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file."""
    state = facts.place.state
    return {state / "clouds.yaml": _clouds(facts), state / "admin-openrc.sh": _openrc(facts)}


def _clouds(facts: Facts) -> str:
    users = {
        "lab": ("admin", facts.passwords["keystone_admin_password"], "project_name: admin"),
        "lab-system": ("admin", facts.passwords["keystone_admin_password"], "system_scope: all"),
        "lab-reader": (
            "day2-reader",
            facts.passwords["day2_reader_password"],
            "project_name: admin",
        ),
        "lab-reader-system": (
            "day2-reader",
            facts.passwords["day2_reader_password"],
            "system_scope: all",
        ),
    }
    entries = [
        f"""  {name}:
    region_name: {REGION}
    identity_api_version: 3
    auth:
      auth_url: {facts.url("keystone", "/v3")}
      username: {user}
      password: {password}
      {scope}
      user_domain_name: Default
{"" if "system" in scope else "      project_domain_name: Default"}
"""
        for name, (user, password, scope) in users.items()
    ]
    return "clouds:\n" + "".join(entries)


def _openrc(facts: Facts) -> str:
    values = {
        "OS_AUTH_URL": facts.url("keystone", "/v3"),
        "OS_USERNAME": "admin",
        "OS_PASSWORD": facts.passwords["keystone_admin_password"],
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": REGION,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_INTERFACE": "internal",
        "OS_VOLUME_API_VERSION": "3",
    }
    return "".join(f"export {name}={value}\n" for name, value in values.items())
