# SPDX-License-Identifier: Apache-2.0
"""What libraries and servers say about a failure, made fit for a message."""

SAID_MAX = 200


def one_line(text: str) -> str:
    """Fold white space, drop what is not printable, and cut: what a server says is hostile."""
    printable = "".join(c if c.isprintable() else " " for c in text[:2000])
    return " ".join(printable.split())[:SAID_MAX]


def plain_reason(text: str) -> str:
    """Say a connection's failure without numbers and class names."""
    for sign, plain in (
        ("refused", "connection refused"),
        ("Name or service not known", "the host name does not resolve"),
        ("Temporary failure in name resolution", "the host name does not resolve"),
        ("No address associated", "the host name does not resolve"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "the network is unreachable"),
        ("timed out", "nobody answers the connection"),
        ("reset by peer", "the connection was reset"),
    ):
        if sign in text:
            return plain
    return one_line(text)
