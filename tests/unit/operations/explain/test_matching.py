# SPDX-License-Identifier: Apache-2.0
"""Extra specs are compared as Nova's filters compare them."""

import pytest

from day2.operations.explain.matching import matches


@pytest.mark.parametrize(
    ("has", "wanted", "fits"),
    [
        ("true", "true", True),
        ("true", "false", False),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("sse4,avx", "<in> avx", True),
        ("sse4", "<in> avx", False),
        ("sse4 avx", "<all-in> avx sse4", True),
        ("8", ">= 4", True),
        ("8", "= 9", False),
        ("8", "!= 8", False),
        ("many", ">= 4", False),
        ("8", ">=", False),
        ("b", "s> a", True),
        ("", "", True),
        ("x", "", False),
    ],
)
def test_a_value_fits_a_requirement(has: str, wanted: str, fits: bool) -> None:
    assert matches(has, wanted) is fits
