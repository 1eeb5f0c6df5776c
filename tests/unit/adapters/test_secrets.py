# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec
import pytest

from day2.adapters.secrets import SecretRef, Secrets
from day2.errors import BadSettings


class Box:
    def get(self, key: str) -> str:
        return f"value of {key}"


def test_a_reference_names_exactly_one_place() -> None:
    for fields in ({}, {"file": "a", "env": "B"}, {"vault": "path-without-key"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(fields, SecretRef)


def test_a_secret_is_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3 cret\r\nsecond line\n")
    assert Secrets(environment={}).resolve(SecretRef(file=str(file))) == "s3 cret"


def test_each_place_is_asked_for_its_own() -> None:
    secrets = Secrets(environment={"PASS": "x"}, kolla=Box(), vault=Box())
    assert secrets.resolve(SecretRef(env="PASS")) == "x"
    assert secrets.resolve(SecretRef(kolla="database_password")) == "value of database_password"
    assert secrets.resolve(SecretRef(vault="kolla#db")) == "value of kolla#db"


@pytest.mark.parametrize(
    "reference",
    [
        SecretRef(file="/nowhere/secret"),
        SecretRef(file="/dev/null"),
        SecretRef(env="NOT_SET"),
        SecretRef(kolla="database_password"),
        SecretRef(vault="a#b"),
    ],
)
def test_a_reference_to_nothing_is_a_wrong_setting(reference: SecretRef) -> None:
    with pytest.raises(BadSettings):
        Secrets(environment={}).resolve(reference)
