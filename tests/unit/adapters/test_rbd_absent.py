# SPDX-License-Identifier: Apache-2.0
"""Only RBD's own word that there is no such image is one: that of its wrappers is not."""

from pathlib import Path

import pytest

from day2.adapters.rbd import Rbd, RbdSettings
from day2.errors import NotDeployed, Unreachable


def scripted(tmp_path: Path, said: str) -> Rbd:
    program = tmp_path / "rbd"
    program.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 2\n')
    program.chmod(0o755)
    return Rbd(RbdSettings(command=[str(program)]), {"PATH": "/usr/bin:/bin"})


def test_an_image_that_is_not_there_is_told_by_rbd(tmp_path: Path) -> None:
    rbd = scripted(tmp_path, "rbd: error opening image a: (2) No such file or directory")
    with pytest.raises(NotDeployed):
        rbd.image("volumes", "a")


@pytest.mark.parametrize(
    "said",
    [
        "env: 'rbd': No such file or directory",
        "nsenter: failed to execute rbd: No such file or directory",
        "bash: line 1: /usr/bin/rbd: No such file or directory",
        "cannot open /run/secrets/key: No such file or directory",
    ],
)
def test_a_wrapper_without_a_client_does_not_make_images_vanish(tmp_path: Path, said: str) -> None:
    rbd = scripted(tmp_path, said)
    with pytest.raises(Unreachable):
        rbd.image("volumes", "a")
    with pytest.raises(Unreachable):
        rbd.images("volumes")
