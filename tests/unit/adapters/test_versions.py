# SPDX-License-Identifier: Apache-2.0
"""A version document that cannot be read is no service without versions."""

import pytest

from day2.adapters.openstack.pages import highest_microversion
from day2.errors import BadAnswer

READ = {
    b'{"versions": [{"id": "v2.1", "version": "2.96", "min_version": "2.1"}]}': (2, 96),
    b'{"version": {"id": "v2.1", "version": "2.96"}}': (2, 96),
    b'{"versions": [{"id": "v1.0", "max_version": "1.39"}]}': (1, 39),
    b'{"versions": [{"version": ""}, {"version": "2.100"}]}': (2, 100),
    b'{"versions": [{"id": "v2.0", "version": ""}]}': None,
    b'{"versions": [{"id": "v2.0"}]}': None,
}
NONSENSE = (
    b"null",
    b"[]",
    b"{}",
    b'{"versions": null}',
    b'{"versions": []}',
    b'{"versions": {"number": 3}}',
    b'{"versions": ["2.96"]}',
    b'{"versions": [{"version": [1, {}]}]}',
    b'{"versions": [{"version": {"number": 2.96}}]}',
    b'{"versions": [{"version": "new"}]}',
)


@pytest.mark.parametrize("body", READ)
def test_the_highest_version_is_found(body: bytes) -> None:
    assert highest_microversion(body, "compute versions") == READ[body]


@pytest.mark.parametrize("body", NONSENSE)
def test_nonsense_is_not_taken_for_the_lowest_version(body: bytes) -> None:
    with pytest.raises(BadAnswer, match="compute versions: "):
        highest_microversion(body, "compute versions")
