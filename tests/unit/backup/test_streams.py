# SPDX-License-Identifier: Apache-2.0
"""Bytes into a set and back: counted, hashed, compressed, encrypted."""

import hashlib
import io
import os
import threading

import pyrage
import pytest

from day2.adapters.vaults.channel import Abandoned, Channel
from day2.adapters.vaults.streams import CHUNK, Sealed, Sealer
from day2.adapters.vaults.unsealing import unseal
from day2.errors import NotVerified, Refused
from day2.model.backup import Artefact

OURS = pyrage.x25519.Identity.generate()
ESCROW = pyrage.x25519.Identity.generate()
STRANGER = pyrage.x25519.Identity.generate()
RECIPIENTS = [OURS.to_public(), ESCROW.to_public()]
MIB = 1 << 20


def seal(plain: bytes, piece: int = 100_000, **fields: int) -> tuple[bytes, Sealed]:
    stored = bytearray()
    sealer = Sealer(stored.extend, recipients=RECIPIENTS, **fields)
    for begin in range(0, len(plain), piece):
        sealer.write(plain[begin : begin + piece])
    sealed = sealer.finish()
    return bytes(stored), sealed


def artefact(sealed: Sealed) -> Artefact:
    return Artefact(
        of="dump",
        name="dump.sql.zst.age",
        bytes=sealed.bytes,
        sha256=sealed.sha256,
        stored_bytes=sealed.stored_bytes,
        stored_sha256=sealed.stored_sha256,
        chunks=sealed.chunks,
    )


def back(
    stored: bytes, given: Artefact, identity: pyrage.x25519.Identity = OURS
) -> tuple[bytes, str]:
    plain = bytearray()
    unseal(io.BytesIO(stored).read, given, [identity], plain.extend)
    return bytes(plain), hashlib.sha256(plain).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, MIB - 1, MIB, MIB + 1, 5 * MIB + 17])
def test_what_goes_in_comes_out_with_its_hashes(size: int) -> None:
    plain = os.urandom(size)
    stored, sealed = seal(plain)
    assert (sealed.bytes, sealed.sha256) == (size, hashlib.sha256(plain).hexdigest())
    assert (sealed.stored_bytes, sealed.stored_sha256) == (
        len(stored),
        hashlib.sha256(stored).hexdigest(),
    )
    assert sealed.chunks == [sealed.stored_sha256]
    assert back(stored, artefact(sealed)) == (plain, sealed.sha256)


def test_lines_and_nothing_and_all_at_once_are_the_same() -> None:
    plain = b"INSERT INTO t VALUES (1);\n" * 40_000
    expected = hashlib.sha256(plain).hexdigest()
    for piece in (26, 70_000, len(plain)):
        stored, sealed = seal(plain, piece)
        assert (sealed.bytes, sealed.sha256) == (len(plain), expected)
        assert back(stored, artefact(sealed))[0] == plain
    sealer = Sealer(lambda _part: None, recipients=RECIPIENTS)
    for part in (b"", b"a", b"", b"b"):
        sealer.write(part)
    assert sealer.finish().sha256 == hashlib.sha256(b"ab").hexdigest()


def test_either_of_two_recipients_opens_it_and_nobody_else() -> None:
    plain = b"secret" * 1000
    stored, sealed = seal(plain)
    assert back(stored, artefact(sealed), OURS)[0] == plain
    assert back(stored, artefact(sealed), ESCROW)[0] == plain
    with pytest.raises(Refused, match="no key at hand"):
        back(stored, artefact(sealed), STRANGER)
    assert b"secret" not in stored


def test_a_large_file_has_a_hash_of_each_64_mib() -> None:
    parts = []

    def out(part: bytes) -> None:
        parts.append(part)

    sealer = Sealer(out, recipients=RECIPIENTS)
    for _ in range(65):
        sealer.write(os.urandom(MIB))
    sealed = sealer.finish()
    stored = b"".join(parts)
    assert sealed.stored_bytes == len(stored) > CHUNK
    assert sealed.chunks == [
        hashlib.sha256(stored[:CHUNK]).hexdigest(),
        hashlib.sha256(stored[CHUNK:]).hexdigest(),
    ]


def test_compression_by_several_threads_is_read_as_well() -> None:
    plain = b"INSERT INTO instances VALUES (1,2,3);" * 200_000
    stored, sealed = seal(plain, threads=2, level=4)
    assert len(stored) < len(plain) / 100
    assert back(stored, artefact(sealed))[0] == plain


@pytest.mark.parametrize(
    ("size", "at"),
    [(10, 0), (3 * MIB, 0), (3 * MIB, 1), (3 * MIB, 3), (40 * MIB, 3), (40 * MIB, 600)],
)
def test_what_the_disk_answers_reaches_the_writer_even_at_the_last_byte(size: int, at: int) -> None:
    """pyrage swallows what its last flush meets: without a witness a full disk were a good set."""
    calls = 0

    def out(_part: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > at:
            raise OSError(28, "No space left on device")

    sealer = Sealer(out, recipients=RECIPIENTS)
    try:
        with pytest.raises(OSError, match="No space left"):
            for _ in range(max(size // MIB, 1)):
                sealer.write(os.urandom(min(size, MIB)))
            sealer.finish()
    finally:
        sealer.abandon()


def test_an_abandoned_sealer_leaves_no_thread_and_writes_no_more() -> None:
    before = threading.active_count()
    stored = bytearray()
    sealer = Sealer(stored.extend, recipients=RECIPIENTS)
    for _ in range(10):
        sealer.write(os.urandom(MIB))
    sealer.abandon()
    left = len(stored)
    assert threading.active_count() == before
    with pytest.raises(Abandoned):
        sealer.write(bytes(MIB))
    assert len(stored) == left


def test_bytes_beyond_what_the_manifest_says_stop_the_reading() -> None:
    """A small file that unfolds to a large one fills no disk."""
    stored, sealed = seal(bytes(64 * MIB))
    assert sealed.stored_bytes < 20_000
    lie = Artefact(
        of="dump",
        name="dump.sql.zst.age",
        bytes=1000,
        sha256=sealed.sha256,
        stored_bytes=sealed.stored_bytes,
        stored_sha256=sealed.stored_sha256,
    )
    taken = 0

    def take(part: bytes) -> None:
        nonlocal taken
        taken += len(part)

    with pytest.raises(NotVerified, match="more than 1000 bytes"):
        unseal(io.BytesIO(stored).read, lie, [OURS], take)
    assert taken == 0


def test_a_frame_that_was_cut_before_encryption_is_seen() -> None:
    """zstandard's reader takes half a frame for a whole one; the count of the manifest does not."""
    import zstandard

    plain = os.urandom(3 * MIB)
    frame = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(plain)
    for cut in (len(frame) - 1, len(frame) - 4, len(frame) // 2, 100):
        stored = pyrage.encrypt(frame[:cut], RECIPIENTS)
        given = Artefact(
            of="dump",
            name="dump.sql.zst.age",
            bytes=len(plain),
            sha256=hashlib.sha256(plain).hexdigest(),
            stored_bytes=len(stored),
            stored_sha256=hashlib.sha256(stored).hexdigest(),
        )
        if cut >= len(frame) - 4:
            # The content is whole, and proven so by its own SHA-256: only a checksum was lost.
            assert back(stored, given)[0] == plain
            continue
        with pytest.raises(NotVerified, match="bytes come out"):
            back(stored, given)


def test_something_after_the_compressed_data_is_seen() -> None:
    import zstandard

    plain = b"a" * 100
    frame = zstandard.ZstdCompressor(level=3).compress(plain)
    stored = pyrage.encrypt(frame + b"tail", RECIPIENTS)
    given = Artefact(
        of="dump",
        name="dump.sql.zst.age",
        bytes=100,
        sha256=hashlib.sha256(plain).hexdigest(),
        stored_bytes=len(stored),
        stored_sha256=hashlib.sha256(stored).hexdigest(),
    )
    with pytest.raises(NotVerified):
        back(stored, given)


@pytest.mark.parametrize("where", [0, 30, 200, 400, 70_000, -1])
def test_a_flipped_bit_is_damage_and_no_wrong_key(where: int) -> None:
    stored, sealed = seal(os.urandom(200_000))
    damaged = bytearray(stored)
    damaged[where] ^= 1
    with pytest.raises(NotVerified, match="damaged"):
        back(bytes(damaged), artefact(sealed))
    with pytest.raises(NotVerified, match="damaged"):
        back(bytes(damaged), artefact(sealed), STRANGER)


def test_a_taker_that_fails_is_told_as_it_failed() -> None:
    stored, sealed = seal(os.urandom(3 * MIB))

    def take(_part: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        unseal(io.BytesIO(stored).read, artefact(sealed), [OURS], take)


def test_a_channel_holds_back_who_is_too_fast() -> None:
    channel = Channel(bytes_max=3)
    put: list[int] = []

    def fill() -> None:
        for number in range(5):
            channel.put(b"ab")
            put.append(number)
        channel.end()

    filler = threading.Thread(target=fill)
    filler.start()
    assert channel.take() == b"ab"
    assert len(put) <= 3
    assert b"".join(iter(channel.take, b"")) == b"ab" * 4
    filler.join()
