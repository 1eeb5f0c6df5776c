# SPDX-License-Identifier: Apache-2.0
"""Keys: what is accepted, what is refused, and how an identity proves itself."""

import stat

import pyrage
import pytest

from day2.adapters.vaults import keys
from day2.errors import BadSettings, BadUsage, NotVerified, Refused
from tests.unit.backup.stand import NOW, Stand


def test_a_new_identity_is_a_private_file_that_names_its_public_key(stand: Stand) -> None:
    text = stand.identity.read_text()
    assert stat.S_IMODE(stand.identity.stat().st_mode) == 0o600
    assert text.startswith("# created: 2026-11-26T06:00:00Z\n# public key: age1")
    assert str(keys.identities(str(stand.identity))[0].to_public()) == stand.recipients[0]
    with pytest.raises(BadUsage, match="File exists"):
        keys.generate(stand.identity, NOW)
    assert stand.identity.read_text() == text


def test_recipients_come_from_settings_and_file_each_once(stand: Stand) -> None:
    file = stand.folder / "recipients"
    first, second = stand.recipients
    file.write_text(f"# escrow, in the safe\n\n{second}\n  {first}  \n")
    given = stand.settings(recipients=[first], recipients_file=str(file))
    assert keys.require_recipients(given) == [first, second]


@pytest.mark.parametrize("key", ["age1", "ssh-ed25519 AAAA", "", "age1\x1b[31m", "AGE1" + "Q" * 58])
def test_what_is_no_public_key_is_refused(key: str, stand: Stand) -> None:
    with pytest.raises(BadSettings, match="no public key"):
        keys.recipients(stand.settings(recipients=[key, *stand.recipients]))


def test_a_secret_key_among_the_recipients_is_refused_and_not_shown(stand: Stand) -> None:
    secret = stand.identity.read_text().splitlines()[-1]
    with pytest.raises(BadSettings, match="SECRET") as told:
        keys.recipients(stand.settings(recipients=[secret]))
    assert secret not in f"{told.value} {told.value.hint}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_an_identity_that_others_may_read_is_refused(mode: int, stand: Stand) -> None:
    stand.identity.chmod(mode)
    with pytest.raises(BadSettings, match="may be read by others"):
        keys.identities(str(stand.identity))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "holds no key"),
        (b"# public key: age1\n", "holds no key"),
        (b"AGE-SECRET-KEY-1XX\n", "no secret key of age"),
        (b"\xff\xfe", "not a file of keys"),
        (b"age-encryption.org/v1\n-> scrypt x 18\n", "passphrase"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "passphrase"),
    ],
)
def test_what_is_no_identity_is_told_without_its_content(
    content: bytes, match: str, stand: Stand
) -> None:
    stand.identity.write_bytes(content)
    with pytest.raises(BadSettings, match=match) as told:
        keys.identities(str(stand.identity))
    assert "SECRET-KEY" not in f"{told.value} {told.value.hint}"


def test_no_identity_and_a_missing_one_are_told_apart(stand: Stand) -> None:
    with pytest.raises(Refused, match="no identity is set"):
        keys.identities("")
    with pytest.raises(BadSettings, match="No such file"):
        keys.identities(str(stand.folder / "nothing"))


def test_a_canary_opens_for_each_of_its_recipients_and_no_other(stand: Stand) -> None:
    given = keys.canary(stand.recipients)
    for file in (stand.identity, stand.escrow):
        keys.prove(given, keys.identities(str(file)))
    stranger = pyrage.x25519.Identity.generate()
    with pytest.raises(Refused, match="No matching keys"):
        keys.prove(given, [stranger])
    other = keys.canary(stand.recipients)
    swapped = keys.Canary(recipients=given.recipients, sealed=other.sealed, sha256=given.sha256)
    with pytest.raises(NotVerified):
        keys.prove(swapped, keys.identities(str(stand.identity)))


def test_which_keys_an_identity_opens_is_proven_one_by_one(stand: Stand) -> None:
    found = keys.identities(str(stand.escrow))
    assert keys.opened_by(stand.recipients, found) == [stand.recipients[1]]
    assert keys.opened_by(stand.recipients, [pyrage.x25519.Identity.generate()]) == []
