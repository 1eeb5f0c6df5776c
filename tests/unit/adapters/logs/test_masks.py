# SPDX-License-Identifier: Apache-2.0
"""What divides words in memory divides them for the masks as well."""

import time

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


@pytest.mark.parametrize(
    "text",
    [
        # Cut off before the quote that ends it: lines are as long as their file lets them be.
        "login: {'password': 'planted and more of it",
        '{"auth": {"password": "planted',
        # With the same quote in it, escaped, and within JSON within JSON.
        r'"password": "ab\"planted", "user": "x"',
        r"'password': 'ab\'planted'",
        r"{\\\"password\\\": \\\"planted\\\"}",
        "password = a'planted",
        # Bytes, as requests has the headers of some clients.
        "b'X-Auth-Token': b'planted'",
        "password=b'planted'",
        # Ruby's and others' signs.
        "password => planted",
        "secret -> planted",
        # YAML's blocks, XML, and the query of a URL.
        "password: |\n  planted\n",
        "<v:password>planted</v:password>",
        "next=%2Fauth%3Fpassword%3Dplanted%26a%3Db",
        "%7B%22password%22%3A%22planted%22%7D",
        "GET /v1/a/b?temp_url_sig=planted&temp_url_expires=1",
        # A bus of several hosts.
        "rabbit://openstack:planted@a:5672,openstack:planted@b:5672//",
        "MYSQL+PYMYSQL://nova:planted@db/nova",
        "Cookie: csrftoken=a; sessionid=planted; theme=dark",
        "GRANT USAGE ON *.* TO x IDENTIFIED BY PASSWORD '*planted'",
        "IDENTIFIED VIA mysql_native_password USING '*planted'",
        "SET PASSWORD FOR 'x'@'%' = PASSWORD('planted')",
        "wsrep_sst_auth = mariabackup:planted",
        "MYSQL_PWD=planted mysql",
        "sshpass -p planted ssh host",
        "redis-cli -h host -a planted info",
        "rabbitmqctl change_password openstack planted",
    ],
)
def test_no_way_of_writing_a_secret_passes(text: str) -> None:
    said = masked(f"before {text}")
    assert "planted" not in said
    assert said.startswith("before ")


def test_what_stands_beside_a_secret_is_still_told() -> None:
    said = masked(
        '{"password": "planted", "user": "nova"} cookie=0x2a, table=60 refused\n'
        "access denied for user (using password: YES); token: An error of 3 words"
    )
    assert said == (
        '{"password": ***, "user": "nova"} cookie=***, table=60 refused\n'
        "access denied for user (using password: YES); token: An error of 3 words"
    )


@pytest.mark.parametrize(
    "words", ["mysql-", "mysql -", "eyJ-", "password: '", "rabbit://a:b", "a="]
)
def test_no_line_is_long_to_mask(words: str) -> None:
    # So much of a container's last lines is masked at once.
    line = (words * (64 << 10))[: 64 << 10]
    began = time.process_time()
    masked(line)
    assert time.process_time() - began < 3
