# SPDX-License-Identifier: Apache-2.0
"""Names of RBD: only those that nobody on the way to the cluster can take for more than a name."""

import re

from day2.adapters.reasons import one_line
from day2.errors import Refused

PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:+=,%-]{0,254}")


def plain(name: str, kind: str) -> str:
    """Return a name that no shell and no reading of `pool/image@snapshot` can take for more.

    Raises:
        Refused: for any other.

    """
    if PLAIN.fullmatch(name):
        return name
    raise Refused(
        f"{kind} {one_line(name)!r}: day2 gives RBD plain names only",
        hint="letters, digits and _.:+=,%- ; rename it with rbd rename",
    )


def spec(pool: str, name: str) -> list[str]:
    """Return the words that name an image.

    Raises:
        Refused: when one of the names is not plain.

    """
    return [f"--pool={plain(pool, 'pool')}", f"--image={plain(name, 'image')}"]


def spec_of_snapshot(pool: str, name: str, snapshot: str) -> list[str]:
    """Return the words that name a snapshot; without one it would be the moving head.

    Raises:
        Refused: when one of the names is not plain, or empty.

    """
    return [*spec(pool, name), f"--snap={plain(snapshot, 'snapshot')}"]


def destination(pool: str, name: str) -> list[str]:
    """Return the words that name an image that is to be made.

    Raises:
        Refused: as `spec`.

    """
    return [f"--dest-pool={plain(pool, 'pool')}", f"--dest={plain(name, 'image')}"]
