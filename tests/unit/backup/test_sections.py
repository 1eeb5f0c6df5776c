# SPDX-License-Identifier: Apache-2.0
"""The dump's reader: sections, rows, hashes, whatever the values say and however it arrives."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from day2.adapters.database import sections
from day2.adapters.database.sections import Dump, Reader
from day2.errors import NotVerified

PREAMBLE = rb"""/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.18-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: a
-- ------------------------------------------------------
-- Server version	10.11.18-MariaDB-log

/*!40101 SET NAMES utf8mb4 */;

--
-- Position to start replication or point-in-time recovery from
--

-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000002', MASTER_LOG_POS=1811;

"""
NASTY = rb"(3,'\n--\n-- Table structure for table `x`\n--\n','DELIMITER ;;\n','(')"
BODY = rb"""--
-- Current Database: `a`
--

CREATE DATABASE `a`;

USE `a`;

--
-- Table structure for table `t``ick`
--

DROP TABLE IF EXISTS `t``ick`;
CREATE TABLE `t``ick` (
  `id` int(11) NOT NULL
);

--
-- Dumping data for table `t``ick`
--

/*!40000 ALTER TABLE `t``ick` DISABLE KEYS */;
INSERT INTO `t``ick` VALUES
(1,'a'),
(2,'-- Dump completed'),
%b;
INSERT INTO `t``ick` VALUES
(4,'d');
/*!40000 ALTER TABLE `t``ick` ENABLE KEYS */;
/*!50003 SET sql_mode = '' */ ;
DELIMITER ;;
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN
--
-- Table structure for table `imitated`
--
(1),
(2)
END ;;
DELIMITER ;

--
-- Dumping routines for database 'a'
--
DELIMITER ;;
CREATE PROCEDURE p() BEGIN
--
-- Dumping data for table `imitated`
--
END ;;
DELIMITER ;

--
-- Final view structure for view `v`
--

/*!50001 VIEW `v` AS select `a`.`t`.`id` AS `id` from `t` */;
"""
GTID = b"""
-- The deferred gtid setting for slave corresponding to the master-data CHANGE-MASTER follows

-- SET GLOBAL gtid_slave_pos='0-7-14';
"""
END = b"""/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

-- Dump completed on 2026-11-26  5:57:09
"""
WHOLE = PREAMBLE + BODY.replace(b"%b", NASTY) + GTID + END


def read(text: bytes, size: int) -> Dump:
    reader = Reader()
    for at in range(0, len(text), size):
        reader.feed(text[at : at + size])
    return reader.done()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000, 1 << 20])
def test_sections_are_the_same_however_they_arrive(size: int) -> None:
    found = read(WHOLE, size)
    assert [(s.kind, s.schema, s.name, s.rows) for s in found.sections] == [
        ("preamble", "", "", 0),
        ("schema", "a", "a", 0),
        ("table", "a", "t`ick", 0),
        ("data", "a", "t`ick", 4),
        ("routines", "a", "a", 0),
        ("view", "a", "v", 0),
    ]
    assert found == read(WHOLE, 1 << 20)
    assert (found.log_file, found.log_position, found.gtid) == ("binlog.000002", 1811, "0-7-14")
    assert found.server_version == "10.11.18-MariaDB-log"
    assert found.bytes == len(WHOLE)


@given(cuts=st.lists(st.integers(1, len(WHOLE)), max_size=30))
def test_any_cut_gives_the_same(cuts: list[int]) -> None:
    reader = Reader()
    places = [0, *sorted(cuts), len(WHOLE)]
    for start, stop in pairwise(places):
        reader.feed(WHOLE[start:stop])
    assert reader.done() == read(WHOLE, 1 << 20)


def test_sections_lie_where_they_say_and_cover_everything() -> None:
    found = read(WHOLE, 100).sections
    assert [s.start for s in found[1:]] == [s.end for s in found[:-1]]
    assert (found[0].start, found[-1].end) == (0, len(WHOLE))
    data = next(s for s in found if s.kind == "data")
    assert hashlib.sha256(WHOLE[data.start : data.end]).hexdigest() == data.sha256
    assert WHOLE[data.start :].startswith(b"--\n-- Dumping data for table")


def test_position_and_date_are_no_part_of_a_section() -> None:
    other = PREAMBLE + BODY.replace(b"%b", NASTY) + END.replace(b"5:57", b"6:58")
    first, second = read(WHOLE, 999).sections, read(other, 999).sections
    assert [s.sha256 for s in first[1:]] == [s.sha256 for s in second[1:]]


def test_a_section_is_the_same_at_the_end_and_before_another() -> None:
    more = b"\n--\n-- Current Database: `b`\n--\n\nUSE `b`;\n"
    first = read(WHOLE.replace(GTID, b""), 99).sections
    second = read(WHOLE.replace(GTID, more), 99).sections
    assert [s.sha256 for s in first] == [s.sha256 for s in second[: len(first)]]


def test_a_view_reads_the_same_whether_its_server_knows_the_definer() -> None:
    other = WHOLE.replace(b"`a`.`t`.`id`", b"`t`.`id`")
    assert read(WHOLE, 99).sections[-1].sha256 == read(other, 99).sections[-1].sha256


def test_one_changed_letter_changes_its_section_only() -> None:
    first, second = read(WHOLE, 77).sections, read(WHOLE.replace(b"(1,'a')", b"(1,'b')"), 77)
    differing = [s.kind for s, t in zip(first, second.sections, strict=True) if s != t]
    assert differing == ["data"]


def test_a_cut_dump_is_never_whole() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(NotVerified, match="not whole"):
            read(WHOLE[:length], 300)


def test_words_of_the_end_inside_a_value_do_not_complete_a_dump() -> None:
    cut = WHOLE[: WHOLE.index(b"-- Dump completed") + len("-- Dump completed'),\n")]
    with pytest.raises(NotVerified):
        read(cut, 50)


def test_a_section_that_stands_twice_is_told() -> None:
    twice = WHOLE.replace(GTID, b"\n--\n-- Table structure for table `t``ick`\n--\n" + GTID)
    with pytest.raises(NotVerified, match="twice"):
        read(twice, 50)


def test_rows_of_an_older_program_are_not_guessed() -> None:
    old = WHOLE.replace(b"VALUES\n", b"VALUES ").replace(b",\n(", b",(")
    assert next(s for s in read(old, 64).sections if s.kind == "data").rows is None


def test_a_row_without_an_end_costs_no_memory_of_its_own() -> None:
    reader = Reader()
    reader.feed(PREAMBLE + b"--\n-- Dumping data for table `t`\n--\n\nINSERT INTO `t` VALUES\n(1,'")
    for _part in range(64):
        reader.feed(b"x" * (1 << 20))
        assert reader.waiting < 1 << 10
    reader.feed(b"');\n" + END)
    assert [s.rows for s in reader.done().sections] == [0, 1]


def test_what_is_no_dump_is_not_kept_in_memory() -> None:
    reader = Reader()
    with pytest.raises(NotVerified, match="no dump"):
        for _part in range(sections.TEXT_MAX // (1 << 20) + 1):
            reader.feed(b"y" * (1 << 20))
