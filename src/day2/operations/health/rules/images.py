# SPDX-License-Identifier: Apache-2.0
"""Images that never became ready."""

from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.storage import Image
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.rules import crowd, sight

QUEUED = "queued"
PASSING = frozenset({QUEUED, "saving", "uploading", "importing"})
FAILED = frozenset({"killed", "error"})


@crowd.bounded("images are stuck", by=crowd.PROJECT, tell="status")
def stuck(facts: Facts) -> Iterator[Finding]:
    """Find images on their way for too long; one that was never uploaded is its owner's affair."""
    bound = timedelta(hours=facts.policy.image_hours)
    names = sight.project_names(facts.tables)
    for image in facts.tables.images:
        since = image.updated_at or image.created_at
        if image.status not in PASSING or not facts.older(since, bound):
            continue
        own = image.status == QUEUED
        yield finding(
            "image.stuck",
            Severity.INFO if own else Severity.WARNING,
            _subject(image),
            f"{_said(image, names)} is {image.status} for {ago(facts.age(since))}",
            why=setting(facts.policy, "image_hours")
            + ("; info: nobody has uploaded its data yet" if own else ""),
            evidence={"status": image.status, "updated_at": sight.iso(image.updated_at)},
            advice=sight.command("openstack image show", image.id)
            + ("" if own else "; on the controllers: docker logs --tail 200 glance_api"),
        )


@crowd.bounded("images failed", by=crowd.PROJECT, tell="status")
def failed(facts: Facts) -> Iterator[Finding]:
    """Find images whose upload or import failed."""
    names = sight.project_names(facts.tables)
    for image in facts.tables.images:
        if image.status not in FAILED:
            continue
        yield finding(
            "image.error",
            Severity.WARNING,
            _subject(image),
            f"{_said(image, names)} is {image.status} "
            f"for {ago(facts.age(image.updated_at or image.created_at))}",
            why=f"Glance reports the image as {image.status}",
            evidence={"status": image.status, "updated_at": sight.iso(image.updated_at)},
            advice=sight.command("openstack image show", image.id),
        )


def _subject(image: Image) -> Subject:
    return Subject(type="image", id=image.id, name=image.name or "", project=image.owner or "")


def _said(image: Image, names: dict[str, str]) -> str:
    return f"image {image.name or image.id} ({sight.owner(names, image.owner)})"


CHECKS = (
    Check(
        name="image.stuck",
        title="An image on its way for too long",
        needs=("images",),
        judge=stuck,
        settings=("image_hours",),
    ),
    Check(name="image.error", title="An image that failed", needs=("images",), judge=failed),
)
