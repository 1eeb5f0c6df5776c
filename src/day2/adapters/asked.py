# SPDX-License-Identifier: Apache-2.0
"""A server that is asked now and then: its address and account; no connection is kept."""

from day2.adapters.addresses import ANSWER_SECONDS, CONNECT_SECONDS, address_of, page
from day2.adapters.web import Web


class Asked:
    """One server; may be asked from several threads, each question has its own connection.

    `address` is its URL without path and account, for messages.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        password: str = "",
        ca_file: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._url = page(url)
        self._login = {"user": user, "password": password, "ca_file": ca_file}
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self.address = address_of(self._url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url}, user={self._login['user']}, password=***)"

    def _web(self) -> Web:
        return Web(
            self._url,
            **self._login,
            connect_seconds=self._connect_seconds,
            answer_seconds=self._answer_seconds,
        )
