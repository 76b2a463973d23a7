"""The SQL that lets readers and analysts in. Pure: what is there goes in, statements come out.

Two group roles hold the rights, and a person's role is a member of one: `imgsim_reader` reads the
views of schema bi, `imgsim_analyst` reads the tables and calls the functions as well. Roles belong
to the whole server, so no migration makes any. A database is open to them once the readers' group
has been granted CONNECT on it by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql
from psycopg.sql import Composed, Identifier, Literal

from imgsim.store import result_tables, schema
from imgsim.store.role_standing import ANALYST, GROUPS, MARK, READER, Login, Standing

_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": "10min"}
_TABLES = schema.SCHEMA
_VIEWS = result_tables.READERS_SCHEMA


def opening(standing: Standing) -> list[Composed]:
    """Make the groups and let them into the database; closes to everybody what is theirs."""
    database, owner = Identifier(standing.database), Identifier(standing.owner)
    statements: list[Composed] = []
    for group, meaning in GROUPS.items():
        if group not in standing.groups:
            statements += [
                _format("CREATE ROLE {} NOLOGIN", Identifier(group)),
                _format("COMMENT ON ROLE {} IS {}", Identifier(group), Literal(meaning)),
            ]
    if not standing.analysts_read:
        statements.append(_format("GRANT {} TO {}", Identifier(READER), Identifier(ANALYST)))
    if not standing.is_open:
        statements.append(
            _format("GRANT CONNECT ON DATABASE {} TO {}", database, Identifier(READER))
        )
    if standing.temporary:  # which an ingest needs, so that the owner keeps it
        statements += [
            _format("GRANT TEMPORARY ON DATABASE {} TO {}", database, owner),
            _format("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", database),
        ]
    if standing.vector_hidden:
        statements.append(
            _format(
                "GRANT USAGE ON SCHEMA {} TO {}",
                *(Identifier(standing.vector_schema), Identifier(ANALYST)),
            )
        )
    return statements


def closing() -> Composed:
    """Take from everybody what PostgreSQL gives to all with every function that is made."""
    return _format("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {} FROM PUBLIC", Identifier(_TABLES))


def renewal(standing: Standing) -> list[Composed]:
    """Let the groups at all there is, and at what the owner makes from now on. Safe to repeat."""
    statements = [closing()]
    for name, group in ((_VIEWS, READER), (_TABLES, ANALYST)):
        statements.append(
            _format("GRANT USAGE ON SCHEMA {} TO {}", Identifier(name), Identifier(group))
        )
    for right, kind, name, group in (
        ("SELECT", "TABLES", _VIEWS, READER),
        ("SELECT", "TABLES", _TABLES, ANALYST),
        ("EXECUTE", "FUNCTIONS", _TABLES, ANALYST),
    ):
        where, whom, owner = Identifier(name), Identifier(group), Identifier(standing.owner)
        later = f"GRANT {right} ON {kind} TO {{}}"
        statements += [
            _format(f"GRANT {right} ON ALL {kind} IN SCHEMA {{}} TO {{}}", where, whom),
            _format(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA {{}} {later}",
                *(owner, where, whom),
            ),
        ]
    return statements


def login(
    name: str, found: Login | None, standing: Standing, *, group: str, verifier: str | None
) -> list[Composed]:
    """Make a person's role a member of `group`, or change what is there as far as it differs.

    Args:
        name: the role's, as it is; it is quoted here.
        found: what exists by that name.
        standing: of the database, whose settings for the role are its own.
        group: one of GROUPS.
        verifier: the new password's SCRAM verifier, which PostgreSQL stores in its stead; None
            keeps the password.
    """
    role, database = Identifier(name), Identifier(standing.database)
    statements: list[Composed] = []
    if found is None:
        statements.append(_format("CREATE ROLE {} LOGIN", role))
        statements.append(_format("COMMENT ON ROLE {} IS {}", role, Literal(MARK)))
    if verifier is not None:
        statements.append(_format("ALTER ROLE {} PASSWORD {}", role, Literal(verifier)))
    if found is None or found.group != group:
        statements.append(_format("GRANT {} TO {}", Identifier(group), role))
    elif found.has_settings:
        return statements
    schemas = [_VIEWS]
    if group == ANALYST:
        schemas = list(dict.fromkeys([_TABLES, _VIEWS, "public", standing.vector_schema]))
    path = sql.SQL(", ").join(map(Identifier, schemas))
    setting = "ALTER ROLE {} IN DATABASE {} SET {} = {}"
    statements.append(_format(setting, role, database, sql.SQL("search_path"), path))
    for key, value in _SETTINGS.items():
        statements.append(_format(setting, role, database, Identifier(key), Literal(value)))
    return statements


def barring(name: str) -> list[Composed]:
    """Keep a person out, and end the sessions that the user of this one may end."""
    return [
        _format("ALTER ROLE {} NOLOGIN", Identifier(name)),
        _format(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = {} AND pg_has_role(usesysid, 'USAGE')",
            Literal(name),
        ),
    ]


def dropping(name: str) -> Composed:
    """Remove a person's role."""
    return _format("DROP ROLE {}", Identifier(name))


def script(statements: Sequence[Composed]) -> str:
    """The statements as text, to be run by psql."""
    lines = [f"{statement.as_string()};" for statement in statements]
    return "\n".join(["BEGIN;", *lines, "COMMIT;"])


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return Identifier(name).as_string()


def _format(template: str, *parts: sql.Composable) -> Composed:
    return sql.SQL(template).format(*parts)
