# SPDX-License-Identifier: Apache-2.0
"""A schema with everything that broke somebody's backup."""

from lab.database_server import Real

HEADING = (
    "\n--\n-- Table structure for table `imitated`\n--\n\nDELIMITER ;;\n-- Dump completed on 1\n"
)
HUGE = 16 << 20


def plant(real: Real, *, row_bytes: int = 1 << 16) -> None:
    """Fill a server; what is in `nasty` exercises the dump, `nova` looks like a service's."""
    heading = HEADING.replace("\\", "\\\\").replace("\n", "\\n")
    real.sql(
        "CREATE DATABASE nasty CHARACTER SET utf8mb4 COMMENT 'a\\n--\\n-- Dump completed\\n'",
        "USE nasty",
        # Unicode, NULs, every byte, imitated headings, and long rows.
        "CREATE TABLE `näsTy``t ✓` (id INT PRIMARY KEY AUTO_INCREMENT, words LONGTEXT "
        f"COMMENT '{heading}', bytes LONGBLOB, bits BIT(9), latin VARCHAR(99) CHARACTER SET latin1,"
        " two VARCHAR(99) CHARACTER SET ucs2, at POINT)",
        f"INSERT INTO `näsTy``t ✓` (words, bytes) VALUES ('{heading}', "  # noqa: S608
        "UNHEX('00010A0D1A225C27FF')), ('\\\\', ''), "
        "('🐍 \\\\n(1,2)', NULL), ('\\'); DROP TABLE x; --', 0x00)",
        "INSERT INTO `näsTy``t ✓` (words, bits, latin, two, at) VALUES "
        "(NULL, b'100000001', 'é\\n(', '✓', ST_GeomFromText('POINT(1 2)'))",
        f"INSERT INTO `näsTy``t ✓` (words, bytes) VALUES (REPEAT('x\\n(', 30000), "  # noqa: S608
        f"REPEAT(CHAR(0), {row_bytes}))",
        # Values that the server makes itself.
        "CREATE TABLE made (id INT PRIMARY KEY, a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a * 3) "
        "PERSISTENT, d DATETIME DEFAULT CURRENT_TIMESTAMP, n VARCHAR(9) DEFAULT CONCAT('x', 'y'), "
        "CHECK (a <> 7))",
        "INSERT INTO made (id, a) VALUES (1, 1), (2, 2)",
        # A moment, told in whatever zone.
        "CREATE TABLE moments (at TIMESTAMP NOT NULL DEFAULT '2026-03-29 01:30:00', dt DATETIME)",
        "SET time_zone = '+05:30'",
        "INSERT INTO moments VALUES ('2026-11-26 06:00:00', '2026-11-26 06:00:00')",
        # Both ways of a foreign key, and rows without a key of their own.
        "CREATE TABLE zparent (id INT PRIMARY KEY)",
        "CREATE TABLE achild (parent INT, FOREIGN KEY (parent) REFERENCES zparent (id))",
        "INSERT INTO zparent VALUES (1), (2)",
        "INSERT INTO achild VALUES (2), (1), (1), (NULL)",
        "CREATE TABLE zero (id INT PRIMARY KEY AUTO_INCREMENT)",
        "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
        "INSERT INTO zero VALUES (0), (-1)",
        "CREATE TABLE `empty` (id INT)",
        "CREATE SEQUENCE numbers START WITH 100",
        "SELECT NEXTVAL(numbers)",
        # Views: well, on what is gone, by who is gone; and one that needs another.
        "CREATE VIEW well AS SELECT id, a FROM made",
        "CREATE VIEW awell AS SELECT * FROM well",
        "CREATE TABLE gone (id INT)",
        "CREATE VIEW broken AS SELECT * FROM gone",
        "DROP TABLE gone",
        "CREATE DEFINER = nobody@nowhere VIEW orphan AS SELECT id FROM made",
        # Programs in the database, with a heading in a body.
        "CREATE PROCEDURE p (IN x INT) COMMENT 'it''s' BEGIN\n--\n-- Table structure for table "
        "`imitated`\n--\nSELECT x;\nEND",
        "CREATE FUNCTION f (x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
        "CREATE DEFINER = nobody@nowhere EVENT e ON SCHEDULE EVERY 1 HOUR DO DELETE FROM made",
        "CREATE TRIGGER tr BEFORE INSERT ON made FOR EACH ROW BEGIN\n--\n-- Dumping data for table "
        "`imitated`\n--\nSET NEW.a = IFNULL(NEW.a, 1);\nEND",
        # Names that look like options, and one without tables.
        "CREATE DATABASE `--all-databases`",
        "CREATE TABLE `--all-databases`.`--help` (`;` INT)",
        "INSERT INTO `--all-databases`.`--help` VALUES (1)",
        "CREATE DATABASE nova CHARACTER SET utf8mb3",
        "CREATE TABLE nova.alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO nova.alembic_version VALUES ('1acf2c98e646')",
        "CREATE TABLE nova.instances (id INT PRIMARY KEY, uuid VARCHAR(36), name VARCHAR(255))",
        "INSERT INTO nova.instances VALUES (1, UUID(), 'web'), (2, UUID(), 'db')",
        "CREATE DATABASE placement",
        "CREATE TABLE placement.allocations (id INT PRIMARY KEY, consumer INT)",
        "INSERT INTO placement.allocations VALUES (1, 1), (2, 2)",
        "CREATE USER nova@'%' IDENTIFIED BY 'of-nova'",
        "GRANT ALL ON nova.* TO nova@'%'",
        "CREATE ROLE readers",
        "GRANT SELECT ON nova.* TO readers",
        "GRANT readers TO nova@'%'",
    )
