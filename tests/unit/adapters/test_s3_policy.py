# SPDX-License-Identifier: Apache-2.0
"""The rights of who writes the third copy are those that the documentation tells."""

import json
import re
from pathlib import Path

from day2.adapters.vaults.s3_settings import writer_policy

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "keep-a-third-copy.md"


def test_the_page_has_the_policy() -> None:
    (told,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert json.loads(told) == writer_policy("day2-sets", "user/day2-copier")


def test_nothing_in_it_removes_or_changes_the_bucket() -> None:
    rights = {
        right
        for statement in writer_policy("b", "user/w")["Statement"]
        for right in statement["Action"]
    }
    forbidden = ("Delete", "Bypass", "PutBucket", "PutLifecycle", "Abort", "*")
    assert [right for right in rights for word in forbidden if word in right] == []
