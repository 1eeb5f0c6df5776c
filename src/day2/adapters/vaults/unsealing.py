# SPDX-License-Identifier: Apache-2.0
"""The way back: decrypted, decompressed, and held against the manifest.

Bytes come out before the last of them is proven: pyrage releases what it has decrypted before it
sees that the file was cut, and zstandard takes a half frame for a whole one. So nobody may use what
`unseal` hands out before it has returned.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import IO, cast

import pyrage
import zstandard

from day2.adapters.vaults.channel import Channel
from day2.errors import NotVerified, Refused
from day2.model.backup import Artefact

BLOCK = 1 << 20
OPENED_WAITING_MAX = 8 << 20
GATHERED = 256 << 10


def unseal(
    source: Callable[[int], bytes],
    artefact: Artefact,
    identities: Sequence[pyrage.x25519.Identity],
    take: Callable[[bytes], None],
) -> None:
    """Read a stored file to its end and hand its plain bytes to `take`, which may raise.

    `source` reads at most as many bytes as it is asked for, none at the end of the file.

    Raises:
        NotVerified: when anything of it is not what the manifest says.
        Refused: when the file is what the manifest says, and no identity opens it.

    """
    if (artefact.compression, artefact.encryption) != ("zstd", "age"):
        raise Refused(
            f"{artefact.name} is {artefact.compression} within {artefact.encryption}",
            hint="this day2 reads zstd within age; use the day2 that wrote the set",
        )
    stored = _Source(source)
    opened = Channel(OPENED_WAITING_MAX)
    opening = _Opening(stored, opened, identities)
    worker = threading.Thread(target=opening.run, name="decrypt", daemon=True)
    worker.start()
    try:
        trouble = _unpress(opened, artefact, take)
    except BaseException as failure:
        opened.fail(failure)
        raise
    finally:
        worker.join()
    stored.drain()
    if stored.failure is not None:
        raise stored.failure
    if (stored.count, stored.hash.hexdigest()) != (artefact.stored_bytes, artefact.stored_sha256):
        raise NotVerified(
            f"{artefact.name} is damaged: {stored.count} bytes of {artefact.stored_bytes}, "
            "and not those that were stored",
            hint="take another set; day2 backup list shows which were proven",
        )
    if opening.refused:
        raise Refused(
            f"no key at hand opens {artefact.name}: {opening.refused}",
            hint="setting identity_file of the vault: the identity of one of its recipients",
        )
    if trouble or opening.failure:
        raise NotVerified(
            f"{artefact.name} is not what the manifest says: {trouble or opening.failure}",
            hint="it was written so; take another set",
        )


def _unpress(opened: Channel, artefact: Artefact, take: Callable[[bytes], None]) -> str:
    """Decompress what is decrypted, and say what is wrong with it; empty: nothing."""
    plain, count = hashlib.sha256(), 0
    reader = zstandard.ZstdDecompressor().stream_reader(
        cast("IO[bytes]", opened), read_size=GATHERED
    )
    try:
        while part := reader.read(BLOCK):
            count += len(part)
            if count > artefact.bytes:
                opened.fail(NotVerified("too long"))
                return f"more than {artefact.bytes} bytes come out"
            plain.update(part)
            take(part)
        if opened.read(1):
            opened.fail(NotVerified("too long"))
            return "something follows the end of the compressed data"
    except zstandard.ZstdError as error:
        opened.fail(error)
        return f"it cannot be decompressed ({error})"
    except _NotOpened as failure:
        return str(failure)
    if count != artefact.bytes:
        return f"{count} bytes come out, not {artefact.bytes}"
    return "" if plain.hexdigest() == artefact.sha256 else "its SHA-256 differs"


class _NotOpened(Exception):
    """Decryption ended early."""


class _Opening:
    """Decrypts in a thread of its own."""

    def __init__(
        self, source: "_Source", opened: Channel, identities: Sequence[pyrage.x25519.Identity]
    ) -> None:
        self._source = source
        self._opened = opened
        self._identities = list(identities)
        self._gathered: list[bytes] = []
        self._waiting = 0
        self.failure = ""
        self.refused = ""

    def run(self) -> None:
        try:
            pyrage.decrypt_io(self._source, self, self._identities)
            self._pass_on()
        except pyrage.DecryptError as error:
            self.refused = str(error)
        except BaseException as error:  # noqa: BLE001 - told to the thread that asked for it
            self.failure = str(error)
        if self.refused or self.failure:
            self._opened.fail(_NotOpened(self.refused or self.failure))
        self._opened.end()

    def write(self, part: bytes) -> int:
        self._gathered.append(part)
        self._waiting += len(part)
        if self._waiting >= GATHERED:
            self._pass_on()
        return len(part)

    def flush(self) -> None:
        """Be asked by pyrage; the last bytes are passed on when it has returned."""

    def _pass_on(self) -> None:
        self._opened.put(b"".join(self._gathered))
        self._gathered, self._waiting = [], 0


class _Source:
    """Hashes a stored file as it is read, in large blocks, to its end in any case."""

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = source
        self._block = memoryview(b"")
        self.count = 0
        self.hash = hashlib.sha256()
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        if not self._block:
            self._block = memoryview(self._next())
        cut = len(self._block) if size < 0 else size
        read, self._block = bytes(self._block[:cut]), self._block[cut:]
        return read

    def drain(self) -> None:
        """Read what nobody asked for: only the whole file has the hash of the manifest."""
        with contextlib.suppress(OSError):
            while self._next():
                pass

    def _next(self) -> bytes:
        if self.failure is not None:
            raise self.failure
        try:
            block = self._source(BLOCK)
        except OSError as failure:
            self.failure = failure
            raise
        self.count += len(block)
        self.hash.update(block)
        return block
