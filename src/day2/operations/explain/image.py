# SPDX-License-Identifier: Apache-2.0
"""The story of an image: whether its data came, who may see it, who was made of it."""

from day2.model.explanation import Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.storage import Image
from day2.operations.explain.picture import Causes, Picture, event, few, told
from day2.operations.explain.port import actions

WAITING = ("queued", "saving", "importing", "uploading")
WAITING_MINUTES = 60
SNAPSHOT_TASKS = (
    "image_snapshot",
    "image_snapshot_pending",
    "image_pending_upload",
    "image_uploading",
)


def explain(picture: Picture, image: Image) -> Explanation:
    """Tell it; pure."""
    causes = Causes()
    _data(causes, picture, image)
    _import(causes, picture)
    _offered(causes, picture, image)
    return told(
        picture,
        Subject(type="image", id=image.id, name=image.name or "", project=image.owner or ""),
        _state(image),
        causes,
        links=_links(picture),
        events=[
            *event(image.created_at, "image created", service="glance"),
            *event(image.updated_at, f"last changed: {image.status}", service="glance"),
            *actions(picture),
        ],
        unknown=_unknown(image),
    )


def _state(image: Image) -> str:
    size = f", {image.size / (1 << 20):.0f} MiB" if image.size else ", without data"
    hidden = ", hidden" if image.os_hidden else ""
    return f"{image.status}, {image.visibility or 'unknown visibility'}{size}{hidden}"


def _data(causes: Causes, picture: Picture, image: Image) -> None:
    since = image.updated_at or image.created_at
    if image.status in {"killed", "deleted", "pending_delete"}:
        causes.add(
            95,
            f"image-{image.status.replace('_', '-')}",
            "its upload failed, and what came was thrown away"
            if image.status == "killed"
            else f"it is {image.status}",
            pro=[f"Glance reports status {image.status} since {picture.said(since)}"],
            advice="In the log of glance-api of that time: StorageFull, user_storage_quota, "
            f"size limit, or the store's own error; then upload again and delete {image.id}",
        )
    if image.status in WAITING and picture.older(since, WAITING_MINUTES):
        _waiting(causes, picture, image)
    if image.status == "active" and not image.size:
        causes.add(
            90,
            "image-empty",
            "it is active and has no data: nothing boots from it",
            pro=[f"its size is {image.size}"],
            con=["a server image of a server that boots from a volume is so: block_device_mapping"]
            if image.base_image_ref or image.instance_uuid or image.image_type == "snapshot"
            else [],
            advice=f"openstack image show {image.id} -c properties",
        )
    elif image.status == "active" and not image.os_hash_value:
        causes.add(
            30,
            "image-without-hash",
            "Glance has no hash of its data: whether they are whole is known to nobody",
            pro=["os_hash_value is empty"],
            con=["an image that was registered at a location (show_multiple_locations) has none"],
        )


def _waiting(causes: Causes, picture: Picture, image: Image) -> None:
    since = picture.said(image.updated_at or image.created_at)
    server = picture.server(image.instance_uuid)
    if image.instance_uuid and image.instance_uuid in picture.gone:
        causes.add(
            92,
            "image-of-gone-server",
            f"it was to be a snapshot of server {image.instance_uuid}, which is gone",
            pro=[f"{image.status} for {since}", "Nova answers 404 for the server"],
            advice=f"Nobody will finish it: openstack image delete {image.id}",
        )
    elif server is not None:
        busy = server.task_state in SNAPSHOT_TASKS
        causes.add(
            60 if busy else 88,
            "image-snapshot-unfinished",
            f"the snapshot of server {server.name or server.id} was never uploaded",
            pro=[f"{image.status} for {since}", f"the server's task state is {server.task_state}"],
            con=["the server is still at work on it"] if busy else [],
            advice=f"On {server.host or 'its host'}: '{image.id}' in the log of nova-compute",
        )
    elif image.status == "queued":
        causes.add(
            80,
            "image-queued",
            f"nobody has uploaded its data in {since}",
            pro=["queued: Glance knows its name, and never began to receive"],
            con=["whoever made it may still come with the data"],
            advice="An upload that was refused at once (size, quota, 413 of a proxy) leaves "
            f"it so; when its owner does not miss it: openstack image delete {image.id}",
        )
    else:
        causes.add(
            82,
            f"image-stuck-{image.status}",
            f"it is {image.status} for {since}: whoever uploaded is gone",
            pro=["a glance-api that dies, or a proxy's time-out, leaves it so"],
            con=["an upload over a slow line takes hours"],
            advice=f"'{image.id}' in the log of glance-api; then: openstack image delete "
            f"{image.id}",
        )


def _import(causes: Causes, picture: Picture) -> None:
    detail = picture.image
    if detail is None:
        return
    if detail.failed_import:
        causes.add(
            87,
            "image-import-failed",
            f"its import into {detail.failed_import} failed",
            pro=["os_glance_failed_import names the store"],
            advice="The log of glance-api names why; openstack image import --method copy-image",
        )
    if detail.importing_to:
        causes.add(
            50,
            "image-importing",
            f"it is being imported into {detail.importing_to}",
            pro=["os_glance_importing_to_stores names the store"],
        )


def _offered(causes: Causes, picture: Picture, image: Image) -> None:
    used = f"{len(picture.tables.servers)} servers or more were made of it"
    if image.status == "deactivated":
        causes.add(
            93,
            "image-deactivated",
            "an administrator has deactivated it: its data are given to nobody",
            pro=[
                f"since {picture.said(image.updated_at)}",
                f"{used}; rebuilding or moving one of them cold may need it"
                if picture.tables.servers
                else "",
            ],
            advice=f"openstack image set --activate {image.id}, when the reason is gone",
        )
    if image.os_hidden:
        causes.add(
            20,
            "image-hidden",
            "it is hidden: lists leave it out",
            pro=["os_hidden is true"],
            con=["who knows its id uses it all the same; old releases are hidden so"],
            advice=f"openstack image set --unhidden {image.id}",
        )


def _links(picture: Picture) -> list[Link]:
    return [
        Link(
            relation="made of it",
            subject=Subject(type="server", id=s.id, name=s.name, host=s.host or ""),
            state=s.status,
            bad=s.status == "ERROR",
        )
        for s in picture.tables.servers
    ]


def _unknown(image: Image) -> list[str]:
    found = ["volumes that were made of it, and more servers than the first page of them"]
    if image.os_hash_value and image.status == "active":
        algorithm = image.os_hash_algo or "sha512"
        found.append(
            f"whether its data still have their hash: openstack image save {image.id} | "
            f"{algorithm}sum must be {few([image.os_hash_value[:16]])}…"
        )
    return found
