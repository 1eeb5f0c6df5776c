# SPDX-License-Identifier: Apache-2.0
"""Known problems of images, planted on the real Glance and on who downloads from it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from lab.parts.haproxy import HAProxy
from lab.parts.tools import remove, run
from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.stores import MIB, SecondGlance, small_disk, upload

PROXY_PORT = 31
KEPT = "second glance"
SLOW = """
global
    log stdout format rfc3164 local0
    stats socket {socket} level admin mode 600
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend glance_api_front
    bind 127.0.0.1:{port}
    default_backend glance_api_back
backend glance_api_back
    server control01 127.0.0.1:{glance}
"""


class LostGlance(SecondGlance):
    name, offset = "glance-api-lost", 33


def glance(hands: Hands, undo: ExitStack) -> SecondGlance:
    """Return a glance with a store of 8 MiB, images of 6 MiB at most, 12 MiB for each project."""
    if KEPT not in hands.kept:
        folder = undo.enter_context(small_disk(hands.cloud.place.run / "small-images", 8))
        hands.kept[KEPT] = SecondGlance(
            hands,
            undo,
            {
                "DEFAULT": {"image_size_cap": 6 * MIB, "user_storage_quota": f"{12 * MIB}B"},
                "file": {"filesystem_store_datadir": folder},
            },
        )
        undo.callback(hands.kept.pop, KEPT)
    found: SecondGlance = hands.kept[KEPT]
    return found


def too_large(hands: Hands, undo: ExitStack) -> None:
    answer = glance(hands, undo).upload("too-large", bytes(7 * MIB))
    assert answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE


def store_full(hands: Hands, undo: ExitStack) -> None:
    at = glance(hands, undo)
    assert at.upload("fits", bytes(5 * MIB)).is_success
    assert at.upload("does-not-fit", bytes(5 * MIB)).is_error


def over_quota(hands: Hands, undo: ExitStack) -> None:
    at = glance(hands, undo)
    assert at.upload("over-quota", bytes(6 * MIB - 1)).is_error


def wrong_format(hands: Hands, undo: ExitStack) -> None:
    answer = glance(hands, undo).upload("no-qcow2", bytes(MIB // 4), disk_format="qcow2")
    assert answer.is_error


def store_read_only(hands: Hands, undo: ExitStack) -> None:
    at = glance(hands, undo)
    folder = hands.cloud.place.run / "small-images"
    run(["mount", "-o", "remount,ro", folder])
    try:
        assert at.upload("read-only", b"x" * MIB).is_error
    finally:
        run(["mount", "-o", "remount,rw", folder])


def proxy_times_out(hands: Hands, undo: ExitStack) -> None:
    """Upload slower than HAProxy waits."""
    place = hands.cloud.place
    proxy = HAProxy(place, "haproxy-glance")
    proxy.start(
        SLOW.format(
            socket=proxy.socket,
            port=place.port(PROXY_PORT),
            glance=hands.cloud.facts.port("glance-api"),
        )
    )
    undo.callback(proxy.stop)

    def slow() -> Iterator[bytes]:
        yield b"x" * 1024
        time.sleep(4)
        yield b"x" * 1024

    url = f"http://127.0.0.1:{place.port(PROXY_PORT)}"
    try:
        assert upload(hands, undo, url, "slow", slow()).is_error
    except httpx.TransportError:
        return


def stored(hands: Hands, name: str) -> Path:
    """Return the file of an image of the lab's own store."""
    return hands.cloud.place.data / "glance" / "images" / str(hands.kept[name])


def downloaded(hands: Hands, undo: ExitStack, name: str) -> None:
    """Make a volume of an image: cinder downloads it."""
    volume = hands.api.block_storage.create_volume(
        size=1, image_id=hands.kept[name], name=f"of-{name}"
    )
    undo.callback(hands.api.block_storage.delete_volume, volume.id, force=True)
    wait_for(
        lambda: hands.api.block_storage.get_volume(volume.id).status == "error",
        "the volume to fail",
        seconds=60,
        every=0.5,
    )


def other_content(hands: Hands, undo: ExitStack) -> None:
    url = hands.cloud.facts.url("glance-api")
    assert upload(hands, undo, url, "changed", b"a" * MIB).is_success
    with stored(hands, "changed").open("r+b") as file:
        file.write(b"changed")
    downloaded(hands, undo, "changed")


def cut_short(hands: Hands, undo: ExitStack) -> None:
    """Break an upload off in the middle of its data."""

    def broken_off() -> Iterator[bytes]:
        yield b"x" * 1024
        raise ConnectionAbortedError

    with suppress(ConnectionAbortedError):
        upload(hands, undo, hands.cloud.facts.url("glance-api"), "cut", broken_off())


def store_lost(hands: Hands, undo: ExitStack) -> None:
    """Take the folder of the store away from under glance."""
    folder = hands.cloud.place.run / "lost-images"
    folder.mkdir(exist_ok=True)
    found = LostGlance(hands, undo, {"file": {"filesystem_store_datadir": folder}})
    remove(folder)
    assert found.upload("store-lost", b"x" * 1024).is_error


def data_lost(hands: Hands, undo: ExitStack) -> None:
    """Let an image lose its data; cinder is to copy them."""
    url = hands.cloud.facts.url("glance-api")
    assert upload(hands, undo, url, "lost", b"a" * MIB).is_success
    stored(hands, "lost").unlink()
    downloaded(hands, undo, "lost")


PLANTINGS = (
    Planting(problem="image-too-large", plant=too_large, batch="images"),
    Planting(problem="image-store-full", plant=store_full, batch="images"),
    Planting(problem="image-quota", plant=over_quota, batch="images"),
    Planting(problem="image-format-wrong", plant=wrong_format, batch="images"),
    Planting(problem="image-store-read-only", plant=store_read_only, batch="images"),
    Planting(problem="image-proxy-timeout", plant=proxy_times_out, batch="images"),
    Planting(problem="image-upload-failed", plant=store_lost, batch="images"),
    Planting(problem="image-data-lost", plant=data_lost, batch="images"),
    Planting(problem="image-hash-differs", plant=other_content, batch="images"),
    Planting(problem="image-truncated", plant=cut_short, batch="images"),
)
