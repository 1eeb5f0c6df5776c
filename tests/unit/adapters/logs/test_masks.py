# SPDX-License-Identifier: Apache-2.0
"""What divides words in memory divides them for the masks as well."""

import pytest

from day2.adapters.remote.log_masks import masked


@pytest.mark.parametrize("between", ["\0", "\x1f", "\x7f", "\n", " ", "\t"])
def test_no_secret_hides_the_name_of_the_next(between: str) -> None:
    words = [
        "A=OS_PASSWORD=planted1",
        "B=memcache_secret_key = planted2",
        "curl -u admin:planted3 x",
    ]
    said = masked(between.join(words))
    assert "planted" not in said
    assert said.count("***") == len(words)
    assert "memcache_secret_key" in said


def test_lines_stay_lines() -> None:
    assert masked("a\r\nb\tc\n") == "a\r\nb\tc\n"
