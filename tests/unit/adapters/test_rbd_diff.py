# SPDX-License-Identifier: Apache-2.0
"""Difference streams are read along, whatever the parts in which they come."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from day2.adapters.rbd_diff import DiffFacts, DiffReader
from day2.errors import BadAnswer
from tests.lab.rbd_images import Diff

STREAM = (
    Diff(1 << 30, since="s1", snapshot="s2")
    .write(0, b"e" * 5000)
    .zero(8192, 4096)
    .write(1 << 20, b"rbd diff v1\n")
    .bytes()
)
FACTS = DiffFacts(
    since="s1", snapshot="s2", size_bytes=1 << 30, written_bytes=5012, zeroed_bytes=4096
)


def read(stream: bytes, sizes: list[int]) -> DiffFacts:
    reader = DiffReader()
    while stream:
        size = sizes.pop() if sizes else len(stream)
        reader.write(stream[:size])
        stream = stream[size:]
    return reader.finish()


@given(st.lists(st.integers(1, 700), max_size=200))
def test_any_cut_into_parts_reads_the_same(sizes: list[int]) -> None:
    assert read(STREAM, sizes) == FACTS


@pytest.mark.parametrize("keep", [0, 3, 12, 20, 100, 5010, len(STREAM) - 1])
def test_a_cut_stream_has_no_end(keep: int) -> None:
    with pytest.raises(BadAnswer, match="is cut"):
        read(STREAM[:keep], [])


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"rbd image v2\n" + b"x" * 40, "no stream of rbd export-diff"),
        (b"<html>502 Bad Gateway</html>", "no stream of rbd export-diff"),
        (STREAM + b"x", "goes on after its end"),
        (b"rbd diff v1\nq", "no such record"),
        (b"rbd diff v1\ne", "does not say the size"),
        (b"rbd diff v1\nf" + struct.pack("<I", 1 << 31), "a snapshot's name of"),
    ],
)
def test_what_is_no_such_stream_is_told(stream: bytes, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        read(stream, [])


def test_no_data_are_kept() -> None:
    reader = DiffReader()
    reader.write(b"rbd diff v1\ns" + struct.pack("<Q", 1 << 40))
    reader.write(b"w" + struct.pack("<QQ", 0, 1 << 30))
    for _part in range(1 << 10):
        reader.write(bytes(1 << 20))
    assert len(reader._left) == 0  # noqa: SLF001 - what it keeps is the question
    reader.write(b"e")
    assert reader.finish().written_bytes == 1 << 30
