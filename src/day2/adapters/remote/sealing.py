# SPDX-License-Identifier: Apache-2.0
"""Seal what a host answers to a key that one process of ours holds in its memory alone.

What a host says passes through Ansible, which writes it to files and logs; keys must not lie there.
A random number is carried by RSA (RSA-KEM), a keystream and an authentication code are made of it.
Standard library only: a host has nothing else.
"""

import base64
import hashlib
import hmac
import os


def seal(document: bytes, modulus: int, exponent: int) -> "dict[str, str]":
    """Return the document for the key's holder, who sees whether it is whole."""
    length = (modulus.bit_length() + 7) // 8
    # Eight bytes more than needed: the remainder is as good as evenly spread.
    chosen = int.from_bytes(os.urandom(length + 8), "big") % modulus
    carried = pow(chosen, exponent, modulus)
    secret = chosen.to_bytes(length, "big")
    hidden = mixed(document, secret)
    return {
        "key": "%x" % carried,  # noqa: UP031 - Python 3.6
        "code": code(hidden, secret),
        "hidden": base64.b64encode(hidden).decode("ascii"),
    }


def mixed(data: bytes, secret: bytes) -> bytes:
    """Mix data with the keystream of a secret; twice gives the data again."""
    stream = hashlib.shake_256(b"day2 stream" + secret).digest(len(data))
    number = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return number.to_bytes(len(data), "big")


def code(hidden: bytes, secret: bytes) -> str:
    """Return the authentication code of what was hidden."""
    key = hashlib.sha256(b"day2 code" + secret).digest()
    return hmac.new(key, hidden, hashlib.sha256).hexdigest()
