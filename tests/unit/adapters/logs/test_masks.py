# SPDX-License-Identifier: Apache-2.0
"""What divides words in memory divides them for the masks as well."""

import time
from pathlib import Path

import pytest

from day2.adapters.logs.cleaning import TEXT_MAX, Cleaner
from day2.adapters.remote.day2_evidence import TAIL_BYTES, Gathering
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
        # Short names.
        "user=nova pass=planted host=db",
        "pwd=planted",
        "AUTH_PASS = planted",
        "dbpass='planted'",
        '{"user": "x", "pass": "planted"}',
        "DRIVER={x};UID=sa;PWD=planted;",
        "a?user=x&pwd%3Dplanted",
        # An account that was cut off before its host.
        "mysql+pymysql://nova:planted",
        "connect to https://admin:planted\nmore",
        "rabbit://openstack:planted@a:5672,openstack:planted",
        "rabbit://openstack:planted",
        "redis://:planted",
        "mysql://nova:1234planted/x",
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
    "text",
    [
        "GET http://ctl1:8774/v2.1",
        "no answer from http://ctl1:8774",
        "no answer from http://ctl1:8774.",
        "http://[fd00::5]:8774",
        "mysql+pymysql://db:3306/nova",
        "rabbit://ctl1:5672",
        "rabbit://ctl1:5672,ctl2:5672//",
        "docker://sha256:0123abcd",
        "tcp://10.0.0.1:6641",
        "PWD=/var/lib/nova OLDPWD=/",
        "bypass=true compass=3",
        "3 passed; pass: the ball",
    ],
)
def test_what_is_no_secret_is_told(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "words",
    [
        "mysql-",
        "pass",
        "-pass",
        "https://a:",
        "mysql -",
        "eyJ-",
        "password: '",
        "rabbit://a:b",
        "a=",
    ],
)
def test_no_line_is_long_to_mask(words: str) -> None:
    # So much of a container's last lines is masked at once.
    line = (words * (64 << 10))[: 64 << 10]
    began = time.process_time()
    masked(line)
    assert time.process_time() - began < 3


def test_what_was_cut_off_within_a_password_has_no_piece_of_it() -> None:
    clean = Cleaner(["Planted-0123456789"])
    words = "x" * 480 + " Planted-0123456789"
    assert "Planted" not in clean.line(words + "!")
    assert "Planted" not in clean.clean(f"yyyyy{words[:495]}\nwell")
    assert "Planted" not in clean.clean("x" * (TEXT_MAX - 12) + words[-18:])
    # What is whole, and only begins as a password does, stays.
    assert clean.clean("Planted-01\nwell") == "Planted-01\nwell"


def test_the_last_lines_of_a_file_begin_with_a_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "nova.log"
    first = "admin_pass = planted0 " + "planted " * 1000
    rest = "".join(f"line {n} {'x' * 2400}\n" for n in range(25))
    file.write_text(f"{first}\n{rest}")
    assert len(rest) < TAIL_BYTES < len(first) + len(rest)
    lines = Gathering({}).tail(str(file), 40)
    assert lines[0].startswith("line 0 x")
    assert len(lines) == 25
    file.write_text(rest[-TAIL_BYTES + 6 :] + "last\n")
    assert len(Gathering({}).tail(str(file), 40)) == 26
