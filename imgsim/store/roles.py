"""People who read the gallery and change nothing: their roles on the server."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import Composed
from sqlalchemy import Connection

from imgsim.errors import DatabaseError, InvalidArgument
from imgsim.store import role_standing, role_statements
from imgsim.store.bi_columns import by_tcp
from imgsim.store.engine import Session, raw, transaction
from imgsim.store.role_standing import ANALYST, GROUPS, READER, Login, Standing
from imgsim.store.role_statements import quoted

_RESERVED = ("public", "none")
_MAX_NAME = 63  # bytes; PostgreSQL cuts longer names off and says so in a notice only


@dataclass(frozen=True, kw_only=True, slots=True)
class BiUser:
    """A person's role, and what a program needs to log in with it."""

    name: str
    is_analyst: bool  # may read the tables and call the functions as well
    password: str | None  # None: as it was
    server: str  # host:port
    database: str
    conninfo: str  # for psql, without the password
    revoked: Sequence[str]  # from everybody on this database, by this call


def make_bi_user(
    session: Session, name: str, *, analyst: bool = False, new_password: bool = False
) -> BiUser:
    """Make a role that reads schema bi, or renew the rights of one that was made before.

    Args:
        session: on a migrated database.
        name: the role's; any text that PostgreSQL takes.
        analyst: also read schema imgsim and call its functions; an analyst stays one without it.
        new_password: give a role that was made before a new password.

    Raises:
        InvalidArgument: the name is no good, or belongs to a role that imgsim did not make.
        DatabaseError: the database's user may not do it; the message has the SQL for one who may.
    """
    with session.connect() as connection:
        standing, found = role_standing.standing(connection), _login(connection, name)
        if found is None and new_password:
            raise InvalidArgument(f"There is no role '{name}' yet; leave out --new-password.")
        password = secrets.token_urlsafe(18) if found is None or new_password else None
        is_analyst = analyst or (found is not None and found.group == ANALYST)
        statements = [
            *role_statements.opening(standing),
            *role_statements.renewal(standing),
            *role_statements.login(
                name,
                found,
                standing,
                group=ANALYST if is_analyst else READER,
                verifier=password and _verifier(connection, name, password),
            ),
        ]
        try:
            _run(connection, statements)
        except (psycopg.errors.InsufficientPrivilege, _NotDone) as error:
            raise _for_administrator(standing, statements, error, password) from error
        return BiUser(
            name=name,
            is_analyst=is_analyst,
            password=password,
            **_address(connection, name),
            revoked=_revoked(standing),
        )


def drop_bi_user(session: Session, name: str) -> None:
    """Remove a role that `make_bi_user` made, and end its sessions.

    Raises:
        InvalidArgument: there is none, or imgsim did not make it.
        DatabaseError: the database's user may not; or the role owns something, and is kept without
            the right to log in.
    """
    with session.connect() as connection:
        if _login(connection, name) is None:
            raise InvalidArgument(f"There is no role '{name}' on this server.")
        barring, dropping = role_statements.barring(name), role_statements.dropping(name)
        try:
            for statement in (*barring, dropping):
                raw(connection).execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            standing = role_standing.standing(connection)
            raise _for_administrator(standing, [*barring, dropping], error) from error
        except psycopg.errors.DependentObjectsStillExist as error:
            raise DatabaseError(
                f"'{name}' can log in no more, but cannot be removed: {error}\n"
                "What it owns or was granted besides must go first (DROP OWNED BY, in each "
                "database)."
            ) from error


def renew(connection: Connection) -> bool:
    """Let readers and analysts at tables and views that a migration or a restore made anew.

    Only where the database is open to them, and all is the session's user's own. PostgreSQL lets
    everybody execute a new function: that is taken back in any case.

    Returns:
        Whether they were let in.
    """
    standing = role_standing.standing(connection)
    if not standing.owned:
        return False
    ready = standing.is_open and set(GROUPS) <= set(standing.groups)
    for statement in role_statements.renewal(standing) if ready else [role_statements.closing()]:
        raw(connection).execute(statement)
    return ready


def renew_rights(session: Session) -> bool:
    """As `renew`, in a transaction of its own."""
    with session.transaction() as connection:
        return renew(connection)


class _NotDone(Exception):
    """PostgreSQL only warned that a right was not its user's to give or to take."""


def _run(connection: Connection, statements: Sequence[Composed]) -> None:
    with transaction(connection):
        for statement in statements:
            raw(connection).execute(statement)
        if not role_standing.standing(connection).complete:
            raise _NotDone("not all of the rights are this user's to give or to take")


def _login(connection: Connection, name: str) -> Login | None:
    """The role of that name, if there is one.

    Raises:
        InvalidArgument: it cannot be a role's name, or imgsim did not make that role.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _MAX_NAME or "\0" in name or name.startswith("pg_") or name in _RESERVED:
        raise InvalidArgument(
            f"{name!r} cannot be a role's name: it takes 1 to {_MAX_NAME} bytes of text, does not "
            "begin with pg_ and is none of PostgreSQL's own words."
        )
    found = role_standing.login(connection, name)
    if found and not found.ours:
        raise InvalidArgument(
            f"The server has a role '{name}' that imgsim did not make, and leaves alone. Choose "
            f"another name; or let an administrator run: GRANT {READER} TO {quoted(name)}"
        )
    return found


def _verifier(connection: Connection, name: str, password: str) -> str:
    """What PostgreSQL stores of a password; so the password itself reaches no log."""
    made = raw(connection).pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    return made.decode()


def _address(connection: Connection, name: str) -> dict[str, str]:
    """The server, database and conninfo of BiUser."""
    info = raw(connection).info
    by_socket = not info.host or info.host.startswith(("/", "@"))
    host = "localhost" if by_socket else info.host
    given = info.get_parameters()
    tls = {key: given[key] for key in ("sslmode", "sslrootcert") if key in given}
    return {
        "server": by_tcp(host, info.port),
        "database": info.dbname,
        "conninfo": make_conninfo(
            "", host=host, port=info.port, dbname=info.dbname, user=name, **tls
        ),
    }


def _revoked(standing: Standing) -> list[str]:
    said = []
    if standing.temporary:
        said.append(f"TEMPORARY on database {quoted(standing.database)}")
    if standing.executable:
        said.append("EXECUTE on the functions in schema imgsim")
    return said


def _for_administrator(
    standing: Standing,
    statements: Sequence[Composed],
    error: Exception,
    password: str | None = None,
) -> DatabaseError:
    """The error of a user who may not do this, with what another must run."""
    login = f"\n\nThe password will be {password}, and is not shown again." if password else ""
    return DatabaseError(
        f"The user of the database URL may not do this: {str(error).strip()}. Let an administrator "
        f"of the server run the following in database {quoted(standing.database)}; nothing was "
        f"changed.\n\n{role_statements.script(statements)}{login}"
    )
