# SPDX-License-Identifier: Apache-2.0
"""Known problems of the identity plane, planted on the real Keystone and in front of it."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from lab.databases import sql
from lab.processes import listening, wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting

PASSWORD = "Planted-" + secrets.token_urlsafe(9)
DOMAIN = {"id": "default"}
LOCKOUT = """
[security_compliance]
lockout_failure_attempts = 2
[DEFAULT]
notification_opt_out = identity.authenticate.success
[oslo_messaging_notifications]
driver = log
"""


def log_in(
    hands: Hands, user: dict[str, Any], password: str = PASSWORD, **scope: Any
) -> httpx.Response:
    """Ask for a token as any client does."""
    identity = {"methods": ["password"], "password": {"user": {**user, "password": password}}}
    body = {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}
    return httpx.post(hands.cloud.facts.url("keystone", "/v3/auth/tokens"), json=body, timeout=60)


def refused(hands: Hands, user: dict[str, Any], password: str = PASSWORD, **scope: Any) -> None:
    answer = log_in(hands, user, password, **scope)
    assert answer.status_code == 401, answer.text


def user(hands: Hands, undo: ExitStack, name: str) -> str:
    """Make a user; its id."""
    made = hands.api.identity.create_user(name=name, password=PASSWORD, domain_id="default")
    undo.callback(hands.api.identity.delete_user, made)
    return str(made.id)


def expired(hands: Hands, undo: ExitStack) -> None:
    own = user(hands, undo, "planted-expired")
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(
            "UPDATE keystone.password SET expires_at = '2020-01-01', expires_at_int = "
            "1577836800000000 WHERE local_user_id = "
            "(SELECT id FROM keystone.local_user WHERE user_id = %s)",
            (own,),
        )
    refused(hands, {"id": own})


def disabled(hands: Hands, undo: ExitStack) -> None:
    own = user(hands, undo, "planted-disabled")
    hands.api.identity.update_user(own, is_enabled=False)
    refused(hands, {"id": own})


def wrong_scope(hands: Hands, undo: ExitStack) -> None:
    own = user(hands, undo, "planted-scope")
    refused(hands, {"id": own}, project={"name": "planted-nowhere", "domain": DOMAIN})


def unknown_user(hands: Hands, _undo: ExitStack) -> None:
    refused(hands, {"name": "planted-nobody", "domain": DOMAIN})


def wrong_password(hands: Hands, undo: ExitStack) -> None:
    refused(hands, {"id": user(hands, undo, "planted-wrong")}, "wrong")


def restart(hands: Hands, name: str = "keystone") -> None:
    hands.cloud.stop(name)
    hands.cloud.start(name)
    port = hands.cloud.facts.port(name)
    wait_for(lambda: listening(port), name, seconds=60)


def locked(hands: Hands, undo: ExitStack) -> None:
    """Lock an account where audit notices are logged: since CVE-2021-38155 nothing else tells."""
    file = hands.cloud.place.etc / "keystone.conf"
    before = file.read_text()
    # What is on the stack last is undone first.
    undo.callback(restart, hands)
    undo.callback(file.write_text, before)
    file.write_text(f"{before}\n{LOCKOUT}")
    restart(hands)
    own = user(hands, undo, "planted-locked")
    for _attempt in range(3):
        refused(hands, {"id": own}, "wrong")


def fernet_keys_lost(hands: Hands, undo: ExitStack) -> None:
    """Let Keystone lose the folder of its keys, as with a volume that was not mounted."""
    folder = hands.cloud.place.data / "keystone" / "fernet-keys"
    aside = folder.with_name("fernet-keys-planted")
    undo.callback(aside.rename, folder)
    folder.rename(aside)
    assert log_in(hands, {"name": "admin", "domain": DOMAIN}).status_code != 201


def service_password(name: str) -> Callable[[Hands, ExitStack], None]:
    def plant(hands: Hands, undo: ExitStack) -> None:
        identity = hands.api.identity
        own = identity.find_user(name, domain_id="default").id
        right = hands.cloud.facts.passwords[f"{name}_keystone_password"]
        undo.callback(identity.update_user, own, password=right)
        identity.update_user(own, password=PASSWORD)

    return plant


def kill(name: str) -> Callable[[Hands, ExitStack], None]:
    def plant(hands: Hands, undo: ExitStack) -> None:
        def start() -> None:
            hands.cloud.start(name)
            if name in {"keystone", "placement", "glance-api", "heat-api"}:
                port = hands.cloud.facts.port(name)
                wait_for(lambda: listening(port), name, seconds=60)
            if name == "memcached":
                # Keystone keeps its dead connections, and answers 500 once for each of them.
                restart(hands)

        undo.callback(start)
        hands.cloud.kill(name)

    return plant


def certificate(**how: Any) -> Callable[[Hands, ExitStack], None]:
    def plant(hands: Hands, undo: ExitStack) -> None:
        undo.callback(hands.tls.restore)
        hands.tls.use(**how)

    return plant


def kill_haproxy(hands: Hands, undo: ExitStack) -> None:
    undo.callback(hands.tls.restore)
    hands.tls.kill()


def endpoints(hands: Hands, service: str, interface: str) -> Any:
    """Return the endpoint of a service, by its name."""
    own = hands.api.identity.find_service(service).id
    return next(e for e in hands.api.identity.endpoints(service_id=own, interface=interface))


def move_endpoint(service: str, interface: str, old: str, new: str) -> Any:
    def plant(hands: Hands, undo: ExitStack) -> None:
        row = endpoints(hands, service, interface)
        undo.callback(hands.api.identity.update_endpoint, row.id, url=row.url)
        changed = row.url.replace(old, new)
        assert changed != row.url
        hands.api.identity.update_endpoint(row.id, url=changed)

    return plant


def mixed_endpoints(hands: Hands, undo: ExitStack) -> None:
    """Let all public ones be at another address, and one internal one as well."""
    for service in hands.api.identity.services():
        for row in hands.api.identity.endpoints(service_id=service.id):
            if row.interface == "public" or (row.interface, service.name) == ("internal", "heat"):
                undo.callback(hands.api.identity.update_endpoint, row.id, url=row.url)
                url = row.url.replace("127.0.0.1", "localhost")
                hands.api.identity.update_endpoint(row.id, url=url)


def no_endpoint(hands: Hands, undo: ExitStack) -> None:
    row = endpoints(hands, "heat", "internal")
    undo.callback(hands.api.identity.update_endpoint, row.id, is_enabled=True)
    hands.api.identity.update_endpoint(row.id, is_enabled=False)


def away_for_a_moment(hands: Hands, undo: ExitStack) -> None:
    """Let a service want to know of a token while Keystone is away; then it is back."""
    url = hands.cloud.facts.url("placement", "/resource_providers")
    undo.callback(hands.cloud.start, "keystone")
    hands.cloud.stop("keystone")
    answer = httpx.get(url, headers={"X-Auth-Token": "planted"}, timeout=60)
    assert answer.status_code in {401, 503}, answer.text
    hands.cloud.start("keystone")
    port = hands.cloud.facts.port("keystone")
    wait_for(lambda: listening(port), "keystone", seconds=60)


PLANTINGS = (
    Planting(problem="password-expired", batch="log-ins", plant=expired),
    Planting(problem="account-disabled", batch="log-ins", plant=disabled),
    Planting(problem="wrong-scope", batch="log-ins", plant=wrong_scope),
    Planting(problem="stale-environment", batch="log-ins", plant=unknown_user),
    Planting(problem="wrong-password", batch="haproxy", plant=wrong_password),
    Planting(problem="account-locked", batch="lock-out", plant=locked),
    Planting(problem="fernet-keys-differ", batch="keys", plant=fernet_keys_lost),
    Planting(problem="password-rotated", batch="mixed", plant=service_password("glance")),
    Planting(problem="keystone-down", batch="keystone", plant=kill("keystone")),
    Planting(problem="cache-unreachable", batch="cache", plant=kill("memcached")),
    Planting(problem="certificate-expired", batch="log-ins", plant=certificate(days_left=-1)),
    Planting(
        problem="certificate-other-name",
        batch="mixed",
        plant=certificate(names=("other.lab.test",)),
    ),
    Planting(
        problem="certificate-unknown-authority",
        batch="lock-out",
        plant=certificate(self_signed=True),
    ),
    Planting(problem="haproxy-down", batch="haproxy", plant=kill_haproxy),
    Planting(
        problem="haproxy-backend-down",
        batch="keys",
        plant=kill("heat-api"),
        beside=("endpoint-address-dead",),
    ),
    Planting(problem="endpoint-missing", batch="log-ins", plant=no_endpoint),
    Planting(
        problem="endpoint-old-vip",
        batch="log-ins",
        plant=move_endpoint("heat", "public", "127.0.0.1", "127.0.0.77"),
        beside=("endpoint-address-dead",),
    ),
    Planting(
        problem="tls-spoken-to-plain",
        batch="log-ins",
        plant=move_endpoint("glance", "internal", "http:", "https:"),
        beside=("endpoint-address-dead",),
    ),
    Planting(problem="endpoint-wrong-interface", batch="mixed", plant=mixed_endpoints),
    Planting(
        problem="endpoint-address-dead",
        batch="haproxy",
        plant=move_endpoint("heat", "admin", ":2", ":3"),
    ),
    Planting(problem="identity-refuses-service", batch="haproxy", plant=away_for_a_moment),
)
