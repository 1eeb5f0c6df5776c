# SPDX-License-Identifier: Apache-2.0
"""Secrets as services, tools and people write them, and whether one of them got through."""

import base64
import json
import tarfile
from pathlib import Path

# Each has something that no pattern can miss by luck: its own word.
PASSWORD, ODD = "kV7qPlantedPassword", 'p/W:@planted%2 secret"x'
TOKEN = "gAAAAABplantedTokenZmFrZS1mZXJuZXQtdG9rZW4tZm9yLXRlc3Rz"
FERNET = base64.urlsafe_b64encode(b"planted-fernet-key-of-32-bytes!!").decode()
CEPH = "AQBplantedCephKeyAAAAAAAAAAAAAAAAAAAAA=="
KEY_BODY = "MIIEpAIBAAKCAQEAplantedprivatekeybodyofseventycharactersinalineofPEMxxx"
PRIVATE = "\n".join(
    ["-----BEGIN RSA PRIVATE KEY-----", *[KEY_BODY] * 4, "-----END RSA PRIVATE KEY-----"]
)
WORDS = {
    "argument": "ArgPlanted91xyz",
    "short": "ShortPlanted92x",
    "equals": "EqPlanted93abc",
    "environment": "EnvPlanted94def",
    "line": "LinePlanted95ghi",
    "keepalived": "KeepPlanted96jkl",
    "haproxy": "HaPlanted97mno",
    "url": "UrlPlanted98pqr",
    "header": "HeadPlanted99stu",
    "json": "JsonPlanted90vwx",
    "escaped": "EscPlanted89yza",
    "sql": "SqlPlanted88bcd",
    "basic": base64.b64encode(b"admin:BasicPlanted87").decode(),
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJwbGFudGVkIjoxfQ.c2lnbmF0dXJlUGxhbnRlZA",
    "aws": "AwsPlanted86efg0123456789",
    "curl": "CurlPlanted85hij",
    "hash": "$6$saltsalt$HashPlanted84klmnopqrstuvwxyz",
}
SECRETS = [PASSWORD, ODD, TOKEN, FERNET, CEPH, KEY_BODY, *WORDS.values()]


def lines() -> list[str]:
    """What services, tools and people write of secrets, one form each."""
    word = WORDS
    return [
        f"Connecting with {PASSWORD} as openstack",
        f"raw value {ODD} seen",
        f"Validating token {TOKEN}",
        f"loaded key {FERNET} from repository",
        f"key = {CEPH}",
        f"mysqldump --user root --password {word['argument']} --all-databases",
        f"mysql -u root -p{word['short']} -e 'show status'",
        f"openstack --os-password={word['equals']} token issue",
        f"OS_PASSWORD={word['environment']}",
        f"memcache_secret_key = {word['line']}1",
        f"    auth_pass {word['keepalived']}",
        f"    stats auth openstack:{word['haproxy']}",
        f"transport_url = rabbit://openstack:{word['url']}@10.0.0.1:5672//",
        f"X-Auth-Token: {word['header']}",
        f'{{"auth": {{"password": "{word["json"]}"}}}}',
        '{"body": "{\\"adminPass\\": \\"' + word["escaped"] + '\\"}"}',
        f"CREATE USER 'nova'@'%' IDENTIFIED BY '{word['sql']}'",
        f"Authorization: Basic {word['basic']}",
        f"bearer {word['jwt']} refused",
        f"aws_secret_access_key = {word['aws']}",
        f"curl -s -u admin:{word['curl']} http://10.0.0.1:9200",
        f"root:{word['hash']}:19000:0",
    ]


def leaked(data: bytes) -> list[str]:
    forms = {secret: (secret, json.dumps(secret)[1:-1]) for secret in SECRETS}
    return [name for name, ways in forms.items() if any(way.encode() in data for way in ways)]


def everything(file: Path) -> bytes:
    with tarfile.open(file) as archive:
        parts = [archive.extractfile(entry) for entry in archive]
        return b"\n".join(part.read() for part in parts if part is not None)
