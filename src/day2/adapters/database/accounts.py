# SPDX-License-Identifier: Apache-2.0
"""Accounts as statements on a server that resolves no names, and so ignores some of its accounts.

With `skip-name-resolve` an account of a host's name is a row that the server does not load: it
answers for it that there is no such account, and the common program ends there. Such accounts can
be used by nobody, and are told instead of written.
"""

from day2.adapters.database.programs import Write
from day2.adapters.database.server import Server, identifier
from day2.errors import NotVerified

_NO_NAMES = frozenset(":%_/")
_CREATE, _GRANTS = "day2 create", "day2 grants"


def ignored(server: Server) -> list[str]:
    """List the accounts that the server itself ignores, as `user@host`."""
    return [f"{user}@{host}" for user, host, _role in _accounts(server, loaded=False)]


def write_loaded(server: Server, into: Write) -> None:
    """Write every account that the server loads, its roles and its rights.

    Raises:
        NotVerified: when the server does not say how an account is made.
        Day2Error: as `Program.finish`.

    """
    found = _accounts(server, loaded=True)
    questions = []
    for user, host, role in found:
        name = _named(user, host, role=role)
        if not role:
            questions += [f"SELECT '{_CREATE}';", f"SHOW CREATE USER {name};"]
        questions += [f"SELECT '{_GRANTS}';", f"SHOW GRANTS FOR {name};"]
    made: list[str] = []
    rights: list[str] = []
    into_list = made
    for row in server.ask("\n".join(questions)):
        if row == [_CREATE]:
            into_list = made
        elif row == [_GRANTS]:
            into_list = rights
        else:
            into_list.append(row[0])
    users = [one for one in found if not one[2]]
    if len(made) != len(users):
        raise NotVerified(f"{server.name}: {len(users)} accounts, and {len(made)} are told")
    roles = [f"CREATE ROLE IF NOT EXISTS {identifier(user)}" for user, _host, role in found if role]
    created = [_line(one).replace("CREATE USER ", "CREATE USER IF NOT EXISTS ", 1) for one in made]
    lines = [*created, *roles, *(_line(one) for one in dict.fromkeys(rights))]
    text = "".join(f"{line};\n" for line in lines)
    into(f"{text}\n-- Dump completed\n".encode(errors="surrogateescape"))


def _accounts(server: Server, *, loaded: bool) -> list[tuple[str, str, bool]]:
    """Return user, host, and whether it is a role, of those that the server loads or does not."""
    rows = server.ask("SELECT @@skip_name_resolve;\nSELECT User, Host, is_role FROM mysql.user;")
    resolves = rows[0] == ["0"]
    found = [(user, host, role == "Y") for user, host, role in rows[1:]]
    return [one for one in found if (resolves or not _is_name(one[1])) is loaded]


def _is_name(host: str) -> bool:
    """Tell whether a host is a name that would have to be resolved, as the server decides it."""
    if host in {"", "localhost"} or _NO_NAMES & set(host):
        return False
    return not all(letter.isdigit() or letter == "." for letter in host)


def _named(user: str, host: str, *, role: bool) -> str:
    return identifier(user) if role else f"{identifier(user)}@{identifier(host)}"


def _line(statement: str) -> str:
    """Keep a statement on one line: what loads it counts lines to name the one that failed."""
    return " ".join(statement.splitlines())
