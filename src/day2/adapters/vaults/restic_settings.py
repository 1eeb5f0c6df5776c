# SPDX-License-Identifier: Apache-2.0
"""The knobs of a repository of restic, for the data of large sets."""

from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef
from day2.model.backup import Kind


class ResticSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A repository of restic that takes the data of some kinds; their documents stay in the vault.

    What is there already is not stored again, whichever set it is of.
    """

    repository: Annotated[
        str,
        Meta(
            description="Where it is, as restic names it: a folder, s3:https://HOST/BUCKET, "
            "sftp:… It is made with the first set. Empty: all sets are ordinary files."
        ),
    ] = ""
    kinds: Annotated[
        list[Kind],
        Meta(description="Kinds of sets whose data go there instead of into files of the vault."),
    ] = msgspec.field(default_factory=lambda: [Kind.IMAGES, Kind.RBD])
    command: Annotated[
        list[str],
        Meta(description="restic and words before its own. 0.17 or newer is advised; 0.14 works."),
    ] = msgspec.field(default_factory=lambda: ["restic"])
    password: Annotated[
        SecretRef | None,
        Meta(
            description="Password of the repository. Whoever has it reads and removes all that is "
            "in it, and without it all of it is lost: keep a copy in a safe."
        ),
    ] = None
    credentials_file: Annotated[
        str,
        Meta(description="File with the keys of an S3 service, as AWS's own tools have it."),
    ] = ""
    cache_folder: Annotated[
        str,
        Meta(description="Folder for restic's cache; empty: none. For a repository far away."),
    ] = ""
    sample_parts: Annotated[
        int,
        Meta(
            ge=1,
            le=255,
            description="In how many parts the repository is read: a proof of level 1 reads one, "
            "another one each day. 1: it reads all of it.",
        ),
    ] = 7
    silent_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that restic may take or give nothing.")
    ] = 900.0
    locked_seconds: Annotated[
        float,
        Meta(
            ge=0, description="Seconds to wait for another restic that has locked the repository."
        ),
    ] = 60.0
