# SPDX-License-Identifier: Apache-2.0
"""The knobs of the third copy, and the rights that its credential has."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef

MIB = 1 << 20
# What a writer may do to objects and to the bucket. Nothing that removes, and nothing that changes
# the bucket: neither its policy, nor its versioning, nor rules that let objects expire.
OBJECT_RIGHTS = (
    "s3:PutObject",
    "s3:PutObjectRetention",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    "s3:ListMultipartUploadParts",
)
BUCKET_RIGHTS = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketVersioning",
)


class LockMode(StrEnum):
    """Who may shorten a lock: with governance its bucket's owner, with compliance nobody."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket with object lock that takes the third copy of each set."""

    endpoint: Annotated[
        str, Meta(description="URL of the S3 service: https://s3.example.org. Empty: no copy.")
    ] = ""
    bucket: Annotated[
        str, Meta(description="A bucket that was made with object lock; day2 makes none.")
    ] = ""
    prefix: Annotated[
        str, Meta(description="What stands before the names of all objects, with its slash.")
    ] = ""
    region: Annotated[str, Meta(description="Region of the service, where it has any.")] = "default"
    access_key: Annotated[str, Meta(description="Access key of the writer.")] = ""
    secret_key: Annotated[
        SecretRef | None,
        Meta(
            description="Its secret key. The writer may put and read, and may not delete: day2 "
            "tries that and says so."
        ),
    ] = None
    ca_file: Annotated[
        str, Meta(description="CA file of the service, where it is not the system's.")
    ] = ""
    lock: Annotated[
        LockMode,
        Meta(
            description="governance: the owner of the bucket may remove sets before their time; "
            "compliance: nobody may."
        ),
    ] = LockMode.GOVERNANCE
    lock_days: Annotated[
        int, Meta(ge=1, description="Days for which each object of a set is locked.")
    ] = 30
    part_mib: Annotated[
        int,
        Meta(
            ge=5, le=5120, description="Size of the parts of large files (MiB); each is in memory."
        ),
    ] = 64
    answer_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds that the service may be silent.")
    ] = 60.0
    tries_max: Annotated[
        int, Meta(ge=1, le=10, description="How often a request is sent that was not answered.")
    ] = 4


def writer_policy(bucket: str, writer: str) -> dict[str, Any]:
    """Return the policy that the owner of a bucket puts on it for the writer (`user/NAME`)."""
    arn = f"arn:aws:s3:::{bucket}"
    who = {"AWS": [f"arn:aws:iam:::{writer}"]}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "day2objects",
                "Effect": "Allow",
                "Principal": who,
                "Action": list(OBJECT_RIGHTS),
                "Resource": [f"{arn}/*"],
            },
            {
                "Sid": "day2bucket",
                "Effect": "Allow",
                "Principal": who,
                "Action": list(BUCKET_RIGHTS),
                "Resource": [arn],
            },
        ],
    }
