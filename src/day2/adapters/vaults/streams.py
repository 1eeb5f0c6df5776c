# SPDX-License-Identifier: Apache-2.0
"""The way of bytes into a set: counted and hashed, compressed, encrypted, and hashed again.

The caller's own thread hashes, a second one compresses, a third one encrypts and writes. zstandard
and hashlib let go of Python's lock while they work; pyrage does when it reads and writes.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Sequence

import msgspec
import pyrage
import zstandard

from day2.adapters.vaults.channel import Abandoned, Channel

CHUNK = 64 << 20
"""Bytes of a stored file that one chunk hash is of."""
PART_MIN, PART_MAX = 256 << 10, 1 << 20
"""Bytes that are handed on at a time: a writer may come with lines, or with all at once."""
PLAIN_WAITING_MAX = 8 << 20
PRESSED_WAITING_MAX = 8 << 20


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What went through a sealer, and what came out of it."""

    bytes: int
    sha256: str
    stored_bytes: int
    stored_sha256: str
    chunks: list[str]


class Sealer:
    """Takes plain bytes and hands the encrypted ones to `out`, which writes all of them or raises.

    `out` is called in another thread. What it raised is raised again by the next `write`, or by
    `finish`. One of `finish` and `abandon` must be called: threads wait.
    """

    def __init__(
        self,
        out: Callable[[bytes], None],
        *,
        recipients: Sequence[pyrage.x25519.Recipient],
        level: int = 3,
        threads: int = 0,
    ) -> None:
        self._plain = Channel(PLAIN_WAITING_MAX)
        self._pressed = Channel(PRESSED_WAITING_MAX)
        self._hash = hashlib.sha256()
        self._count = 0
        self._small: list[bytes] = []
        self._waiting = 0
        self._stored = _Stored(out)
        self._failure: BaseException | None = None
        self._recipients = list(recipients)
        self._press = zstandard.ZstdCompressor(
            level=level, write_checksum=True, threads=threads
        ).compressobj()
        self._workers = [
            threading.Thread(target=self._guarded, args=(stage,), name=stage.__name__, daemon=True)
            for stage in (self._compress, self._encrypt)
        ]
        for worker in self._workers:
            worker.start()

    def write(self, part: bytes) -> None:
        """Take the next plain bytes; waits while those before are not through."""
        self._small.append(part)
        self._waiting += len(part)
        if self._waiting >= PART_MIN:
            self._pass_on()

    def finish(self) -> Sealed:
        """Bring everything through, and say what it was.

        Raises:
            BaseException: what a stage failed with; what `out` got then is worth nothing.

        """
        self._pass_on()
        self._plain.end()
        for worker in self._workers:
            worker.join()
        if self._failure is not None:
            raise self._failure
        return Sealed(
            bytes=self._count,
            sha256=self._hash.hexdigest(),
            stored_bytes=self._stored.count,
            stored_sha256=self._stored.whole.hexdigest(),
            chunks=self._stored.chunks(),
        )

    def abandon(self) -> None:
        """End the threads; nothing is written any more when this returns."""
        self._fail(Abandoned())
        for worker in self._workers:
            worker.join()

    def _pass_on(self) -> None:
        whole = self._small[0] if len(self._small) == 1 else b"".join(self._small)
        self._small, self._waiting = [], 0
        for begin in range(0, len(whole), PART_MAX):
            piece = whole if len(whole) <= PART_MAX else whole[begin : begin + PART_MAX]
            self._plain.put(piece)
            self._hash.update(piece)
            self._count += len(piece)

    def _compress(self) -> None:
        while part := self._plain.take():
            self._pressed.put(self._press.compress(part))
        self._pressed.put(self._press.flush())
        self._pressed.end()

    def _encrypt(self) -> None:
        # pyrage turns what `read` and `write` raise into a text, and swallows what its last flush
        # meets: both are asked themselves afterwards.
        with contextlib.suppress(pyrage.EncryptError, OSError):
            pyrage.encrypt_io(self._pressed, self._stored, self._recipients)
            if self._stored.failure is None:
                return
        raise self._stored.failure or Abandoned("encryption did not come to its end")

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as failure:  # noqa: BLE001 - told to the thread that asked for it
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        self._plain.fail(failure)
        self._pressed.fail(failure)


class _Stored:
    """Hashes what is stored, as a whole and in chunks, once it was written."""

    def __init__(self, out: Callable[[bytes], None]) -> None:
        self._out = out
        self.count = 0
        self.whole = hashlib.sha256()
        self.failure: BaseException | None = None
        self._chunk = hashlib.sha256()
        self._chunks: list[str] = []

    def write(self, part: bytes) -> int:
        if self.failure is not None:
            raise self.failure
        try:
            self._out(part)
        except BaseException as failure:
            self.failure = failure
            raise
        self.whole.update(part)
        room = CHUNK - self.count % CHUNK
        self._chunk.update(part[:room])
        if len(part) >= room:
            self._chunks.append(self._chunk.hexdigest())
            self._chunk = hashlib.sha256(part[room:])
        self.count += len(part)
        return len(part)

    def flush(self) -> None:
        """Be asked by pyrage; what was written is with the file already."""

    def chunks(self) -> list[str]:
        left = [self._chunk.hexdigest()] if self.count % CHUNK or not self.count else []
        return self._chunks + left
