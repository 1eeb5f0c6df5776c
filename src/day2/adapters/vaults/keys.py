# SPDX-License-Identifier: Apache-2.0
"""The keys of sets: public ones that they are encrypted to, identities that open them, and proofs.

Files are those of `age-keygen`. A secret key is read from a private file into memory, and is never
logged, printed or handed to another program.
"""

import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import pyrage

from day2.adapters.files import require_place
from day2.adapters.vaults.settings import PlainSettings
from day2.errors import BadSettings, BadUsage, NotVerified, Refused

RECIPIENTS_MIN = 2
FILE_BYTES_MAX = 1 << 20
CANARY_BYTES = 64
SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - how such a line begins
WRAPPED = ("age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----")


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """Random bytes that were sealed to some recipients, and what proves that they came back."""

    recipients: list[str]
    sealed: bytes
    sha256: str


def recipients(settings: PlainSettings) -> list[str]:
    """Return the public keys of a vault in their order, each once.

    Raises:
        BadSettings: when a key is none, or the file cannot be read.

    """
    keys = [key.strip() for key in settings.recipients]
    if settings.recipients_file:
        keys += _lines(Path(settings.recipients_file), "setting recipients_file of the vault")
    for key in keys:
        _recipient(key)
    return list(dict.fromkeys(keys))


def require_recipients(settings: PlainSettings) -> list[str]:
    """Return the public keys that a set is encrypted to.

    Raises:
        BadSettings: when there are fewer than two: a lost key would be the loss of every set.

    """
    keys = recipients(settings)
    if len(keys) < RECIPIENTS_MIN:
        raise BadSettings(
            f"sets are encrypted to {RECIPIENTS_MIN} keys at least, and {len(keys)} is set",
            hint="make two with age-keygen, put one identity into a safe, and name both public "
            "keys in setting recipients of the vault",
        )
    return keys


def of(keys: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """Return public keys as the library wants them.

    Raises:
        BadSettings: when one is none.

    """
    return [_recipient(key) for key in keys]


def identities(file: str) -> list[pyrage.x25519.Identity]:
    """Read the identities of a private file.

    Raises:
        Refused: when no file is named: this host is not meant to read sets.
        BadSettings: when others may read it, or it holds no identity.

    """
    if not file:
        raise Refused(
            "no identity is set on this host: it cannot open sets",
            hint="setting identity_file of the vault, on a host that may read backups",
        )
    path = Path(file).expanduser()
    told = "setting identity_file of the vault"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise BadSettings(f"cannot read identity {path}: {error.strerror}", hint=told) from None
    if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSettings(
            f"identity {path} may be read by others (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path}; if others could read it, make a new key and add it",
        )
    found = []
    for line in _lines(path, told):
        if line.startswith(WRAPPED):
            raise BadSettings(
                f"identity {path} is locked by a passphrase, which day2 does not ask for",
                hint=f"age -d -o PRIVATE_FILE {path}, and name that one",
            )
        try:
            found.append(pyrage.x25519.Identity.from_str(line))
        except pyrage.IdentityError:
            raise BadSettings(
                f"identity {path} has a line that is no secret key of age", hint=told
            ) from None
    if not found:
        raise BadSettings(f"identity {path} holds no key", hint=told)
    return found


def generate(file: Path, now: datetime) -> str:
    """Write a new identity as `age-keygen` does, private from its first byte on.

    Returns its public key, which is not secret.

    Raises:
        BadUsage: when the file exists already or cannot be written.

    """
    require_place(file)
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    text = f"# created: {now:%Y-%m-%dT%H:%M:%SZ}\n# public key: {public}\n{identity}\n"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(file, flags, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(text.encode())
            opened.flush()
            os.fsync(handle)
    except OSError as error:
        raise BadUsage(f"cannot write identity {file}: {error.strerror}") from None
    return public


def canary(keys: Sequence[str]) -> Canary:
    """Seal random bytes to these keys, as a set is."""
    secret = os.urandom(CANARY_BYTES)
    return Canary(
        recipients=list(keys),
        sealed=pyrage.encrypt(secret, of(keys)),
        sha256=hashlib.sha256(secret).hexdigest(),
    )


def prove(given: Canary, found: Sequence[pyrage.x25519.Identity]) -> None:
    """See that one of these identities opens a canary.

    Raises:
        Refused: when none does.
        NotVerified: when something else comes out than was sealed.

    """
    try:
        opened = pyrage.decrypt(given.sealed, list(found))
    except pyrage.DecryptError as error:
        raise Refused(
            f"no identity at hand opens what is encrypted to {', '.join(given.recipients)}: "
            f"{error}",
            hint="fetch the identity of one of these keys, and prove it before you need it",
        ) from None
    if not hmac.compare_digest(hashlib.sha256(opened).hexdigest(), given.sha256):
        raise NotVerified("the canary opened, and is not what was sealed", hint="make a new canary")


def opened_by(keys: Sequence[str], found: Sequence[pyrage.x25519.Identity]) -> list[str]:
    """Return those keys whose sets these identities open, each proven by a canary of its own."""
    proven = []
    for key in keys:
        try:
            prove(canary([key]), found)
        except Refused:
            continue
        proven.append(key)
    return proven


def _recipient(key: str) -> pyrage.x25519.Recipient:
    if key.upper().startswith(SECRET):
        raise BadSettings(
            "a recipient is a SECRET key; it must never stand in settings",
            hint="name its public key (age1...): age-keygen -y FILE; then make a new key",
        )
    try:
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise BadSettings(
            f"recipient {key[:80]!r} is no public key of age",
            hint="it begins with age1: age-keygen -y FILE prints it",
        ) from None


def _lines(file: Path, told: str) -> list[str]:
    """Return the lines of a key file without comments and empty ones."""
    try:
        with file.expanduser().open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        text = content[:FILE_BYTES_MAX].decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a file of keys"
        raise BadSettings(f"cannot read {file}: {reason}", hint=told) from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
