# SPDX-License-Identifier: Apache-2.0
"""Pure: which values of a configuration may be shown; what is in doubt is not."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from day2.adapters.remote.log_masks import masked

LEAVES_MAX = 20_000
SHOWN_MAX = 80
SECRET_LENGTH_MIN = 6
SECRET_FILE = re.compile(
    r"(^|/)(passwords?[^/]*|id_(rsa|dsa|ecdsa|ed25519)[^/]*|[^/]*\.(key|pem|p12|pfx|jks|keyring|crt"
    r"|pass|secret))$|(^|/)(keystone_fernet_tokens|keystone_credential_keys|credential-keys"
    r"|fernet-keys|letsencrypt)(/|$)",
    re.IGNORECASE,
)
SECRET_WORD = re.compile(
    r"^(.*(password|passwd|passphrase|secret|token|credential|apikey)s?|pass|pw|pwd|keys?|keyring"
    r"|private|cookie|salt|community|psk|pin|kek|hmac|hash|auth|unseal|seed)$"
)
# What nobody types by hand.
RANDOM = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/_=\-]{20,}")

Tree = Mapping[str, Any]


def is_secret_file(path: str) -> bool:
    """Tell whether no value of a file is shown, whatever its keys are called."""
    return bool(SECRET_FILE.search(path))


def is_secret_key(key: str) -> bool:
    """Tell whether a key's name, or that of anything that it is within, sounds secret."""
    return any(SECRET_WORD.match(word) for word in re.split(r"[^a-z]+", key.lower()))


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - of YAML
    """Yield every key of a tree with its value; a list is one value."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, tree


def secrets_of(trees: Sequence[Tree]) -> list[str]:
    """Return the values that may be shown nowhere: those of files of passwords, longest first."""
    found = {
        str(value)
        for tree in trees
        for _key, value in leaves(tree)
        if isinstance(value, str | int) and len(str(value)) >= SECRET_LENGTH_MIN
    }
    return sorted(found, key=len, reverse=True)


def shown(key: str, value: Any, secrets: Sequence[str]) -> str | None:  # noqa: ANN401 - of YAML
    """Return a value as it may be shown; None: it may not."""
    if is_secret_key(key):
        return None
    if isinstance(value, list):
        items = [shown(key, one, secrets) for one in value]
        return None if None in items else f"[{', '.join(str(one) for one in items)}]"[:SHOWN_MAX]
    if isinstance(value, Mapping):
        return None
    text = "" if value is None else str(value)
    doubtful = (
        len(text) > SHOWN_MAX
        or not text.isprintable()
        or RANDOM.search(text)
        or masked(text) != text
        or any(secret in text for secret in secrets)
    )
    return None if doubtful else text
