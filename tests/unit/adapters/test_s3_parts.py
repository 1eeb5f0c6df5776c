# SPDX-License-Identifier: Apache-2.0
"""What comes in parts is ended with the tags that the store gave, whatever they are made of."""

import contextlib
import http.server
import re
import threading
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from day2.adapters.vaults.s3_bucket import Bucket, Lock
from day2.adapters.vaults.s3_settings import MIB, S3Settings

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


class Encrypting(http.server.BaseHTTPRequestHandler):
    """The few words of S3 that a put in parts needs; tags are opaque, as those of SSE-KMS are."""

    sent: dict[int, str]

    def _say(self, body: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def _asked(self) -> dict[str, list[str]]:
        query = urllib.parse.urlsplit(self.path).query
        return urllib.parse.parse_qs(query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        asked = self._asked()
        if "uploads" in asked:
            self._say("<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        elif "retention" in asked:
            self._say(
                "<Retention><Mode>COMPLIANCE</Mode>"
                f"<RetainUntilDate>{UNTIL:%FT%TZ}</RetainUntilDate></Retention>"
            )
        else:
            self._say("<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>")

    def do_PUT(self) -> None:
        number = int(self._asked()["partNumber"][0])
        self._body()
        self.sent[number] = f'"opaque-{number}"'
        self._say("", ETag=self.sent[number])

    def do_POST(self) -> None:
        body = self._body().decode().replace("&quot;", '"')
        if "uploads" in self._asked():
            self._say(
                "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
        elif re.findall(r"<ETag>(.*?)</ETag>", body) == list(self.sent.values()):
            self._say(
                "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
                x_amz_version_id="v1",
            )
        else:
            self._say("<Error><Code>InvalidPart</Code></Error>", 400)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        del format, args


@contextlib.contextmanager
def store() -> Iterator[tuple[str, dict[int, str]]]:
    sent: dict[int, str] = {}
    handler = type("Handler", (Encrypting,), {"sent": sent})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()


def test_a_put_in_parts_ends_with_the_tags_of_a_store_that_encrypts(tmp_path: Path) -> None:
    file = tmp_path / "artefact"
    file.write_bytes(b"a" * (11 * MIB))
    with store() as (endpoint, sent):
        bucket = Bucket(
            S3Settings(endpoint=endpoint, bucket="b", access_key="k", part_mib=5), "secret"
        )
        made = bucket.put("name", file, "0" * 64, Lock(mode="COMPLIANCE", until=UNTIL))
    assert (made.id, len(sent)) == ("v1", 3)
