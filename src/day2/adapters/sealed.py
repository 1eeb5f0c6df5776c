# SPDX-License-Identifier: Apache-2.0
"""The key that hosts seal their answers to: made for one question, never written anywhere."""

import base64
import binascii
import hmac

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from day2.adapters.remote import sealing
from day2.errors import BadAnswer

EXPONENT, BITS = 65537, 3072


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a host's program returned."""

    key: str
    code: str
    hidden: str


class Key:
    """One key pair."""

    def __init__(self) -> None:
        numbers = rsa.generate_private_key(EXPONENT, BITS).private_numbers()
        self._modulus = numbers.public_numbers.n
        self._private = numbers.d

    @property
    def public(self) -> dict[str, str | int]:
        """What a host is given: it may be seen by everybody."""
        return {"n": f"{self._modulus:x}", "e": EXPONENT}

    def open(self, what: str, answer: object) -> bytes:
        """Return what a host sealed.

        Raises:
            BadAnswer: when it is not what the program answers, or not whole.

        """
        try:
            told = msgspec.convert(answer, Sealed)
            length = (self._modulus.bit_length() + 7) // 8
            secret = pow(int(told.key[: 4 * length], 16), self._private, self._modulus)
            hidden = base64.b64decode(told.hidden, validate=True)
        except (msgspec.ValidationError, ValueError, binascii.Error):
            raise BadAnswer(f"{what}: it answered in an unknown form") from None
        known = secret.to_bytes(length, "big")
        if not hmac.compare_digest(sealing.code(hidden, known).encode(), told.code.encode()):
            raise BadAnswer(f"{what}: its answer is not whole")
        return sealing.mixed(hidden, known)
