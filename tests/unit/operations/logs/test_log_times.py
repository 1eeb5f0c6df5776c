# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from day2.adapters.remote.log_times import Times

NOW = datetime(2026, 5, 2, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _a_host_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("line", "hour"),
    [
        (b"2026-05-01 10:00:00.000 7 ERROR nova", 1),
        (b"2026-05-01T10:00:00Z 7", 10),
        (b"2026-05-01T10:00:00+02:00 7", 8),
        (b"[2026-05-01 10:00:00 +0000] [7] [ERROR] Exception in worker process", 10),
        (b"[2026-05-01 10:00:00 -0300] [7] [ERROR] Exception in worker process", 13),
        (b"2026-05-01 10:00:00.123456 UTC [7] FATAL: no", 10),
        (b"2026-05-01 10:00:00 -12345 rows", 1),
        (b"2026-05-01 10:00:00 12:30 was meant", 1),
        (b"2026-05-01 10:00:00 UTCX", 1),
    ],
)
def test_a_zone_counts_however_it_is_written(line: bytes, hour: int) -> None:
    found = Times(NOW).of(line)
    assert found is not None
    assert datetime.fromtimestamp(found, UTC).replace(microsecond=0) == datetime(
        2026, 5, 1, hour, tzinfo=UTC
    )
