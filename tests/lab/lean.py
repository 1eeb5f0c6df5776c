# SPDX-License-Identifier: Apache-2.0
"""Of a test for each service, the ones that every run has; `make test-full` has all."""

from collections.abc import Iterable

import pytest

# Whom all need, who lists the most, who is one of many.
LEAN = frozenset({"keystone", "nova-api", "neutron-server"})


def each(services: Iterable[str]) -> list[object]:
    """Return the parameters of a test of each service."""
    return [
        pytest.param(name, marks=[] if name in LEAN else pytest.mark.full)
        for name in sorted(services)
    ]
