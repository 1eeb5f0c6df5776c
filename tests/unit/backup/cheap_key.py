# SPDX-License-Identifier: Apache-2.0
"""A repository of restic whose password costs nothing to try: for tests, which open it often.

Restic makes a key so that it takes half a second to derive. The same key is put under a derivation
of a millisecond here; format: restic's design document, "Keys, Encryption and MAC".
"""

import base64
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

BLOCK = 16
MASK = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
COST = {"N": 16, "r": 1, "p": 1}


def cheapen(repository: Path, password: str) -> None:
    """Write the only key of a repository anew, cheap to derive."""
    (file,) = (repository / "keys").iterdir()
    key = json.loads(file.read_bytes())
    master = opened(base64.b64decode(key["data"]), derived(key, password))
    key |= COST | {"salt": base64.b64encode(os.urandom(64)).decode()}
    key["data"] = base64.b64encode(sealed(master, derived(key, password))).decode()
    content = json.dumps(key).encode()
    file.unlink()
    (file.parent / hashlib.sha256(content).hexdigest()).write_bytes(content)


def derived(key: dict[str, Any], password: str) -> bytes:
    salt = base64.b64decode(key["salt"])
    cost = {"n": key["N"], "r": key["r"], "p": key["p"]}
    return hashlib.scrypt(password.encode(), salt=salt, dklen=64, maxmem=1 << 30, **cost)


def sealed(plain: bytes, key: bytes) -> bytes:
    nonce = os.urandom(BLOCK)
    cipher = Cipher(algorithms.AES(key[:32]), modes.CTR(nonce)).encryptor().update(plain)
    return nonce + cipher + mac(cipher, nonce, key)


def opened(data: bytes, key: bytes) -> bytes:
    nonce, cipher, said = data[:BLOCK], data[BLOCK:-BLOCK], data[-BLOCK:]
    assert hmac.compare_digest(said, mac(cipher, nonce, key))
    return Cipher(algorithms.AES(key[:32]), modes.CTR(nonce)).decryptor().update(cipher)


def mac(cipher: bytes, nonce: bytes, key: bytes) -> bytes:
    """Poly1305-AES: what is added is the nonce, encrypted with a key of its own."""
    k, r = key[32:48], key[48:64]
    clamped = (int.from_bytes(r, "little") & MASK).to_bytes(BLOCK, "little")
    s = Cipher(algorithms.AES(k), modes.ECB()).encryptor().update(nonce)  # noqa: S305 - one block
    return Poly1305.generate_tag(clamped + s, cipher)
