# SPDX-License-Identifier: Apache-2.0
import pytest

from day2.operations.setup import openrc

KOLLA = """\
# Ansible managed

# Clear any old environment that may conflict.
for key in $( set | awk '{FS="="}  /^OS_/ {print $1}' ); do unset $key ; done
export OS_PROJECT_NAME='admin'
export OS_USERNAME='admin'
export OS_PASSWORD='it$is`whoami`"quoted"'
export OS_AUTH_URL='http://10.0.0.250:5000'
export OS_ENDPOINT_TYPE='internalURL'
export OS_REGION_NAME='RegionOne'
"""


def test_kollas_own_file_is_read() -> None:
    assert openrc.variables(KOLLA) == {
        "OS_PROJECT_NAME": "admin",
        "OS_USERNAME": "admin",
        "OS_PASSWORD": 'it$is`whoami`"quoted"',
        "OS_AUTH_URL": "http://10.0.0.250:5000",
        "OS_ENDPOINT_TYPE": "internalURL",
        "OS_REGION_NAME": "RegionOne",
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export OS_USERNAME=admin", "admin"),
        ("OS_USERNAME=admin", "admin"),
        ("export OS_USERNAME=admin # who", "admin"),
        ("export OS_USERNAME=admin; touch /tmp/gone", "admin"),
        ('export OS_USERNAME="two words"', "two words"),
        ("  export OS_USERNAME=''", ""),
        ("export OS_USERNAME=$USER", None),
        ('export OS_USERNAME="$(touch /tmp/gone)"', None),
        ("export OS_USERNAME=`id`", None),
        ("export OS_USERNAME='open", None),
        ("# export OS_USERNAME=admin", None),
        ("echo OS_USERNAME=admin", None),
    ],
)
def test_only_literal_values_are_taken(line: str, value: str | None) -> None:
    assert openrc.variables(line).get("OS_USERNAME") == value


def test_what_a_shell_would_work_out_unsets_an_earlier_literal() -> None:
    assert openrc.variables("OS_USERNAME=old\nOS_USERNAME=$NEW\n") == {}


def test_interface_follows_either_name() -> None:
    assert openrc.interface({"OS_ENDPOINT_TYPE": "internalURL"}) == "internal"
    assert openrc.interface({"OS_INTERFACE": "admin", "OS_ENDPOINT_TYPE": "publicURL"}) == "admin"
