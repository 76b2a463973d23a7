"""Who may read a gallery, as the server has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row
from sqlalchemy import Connection

from imgsim.store.engine import raw

READER = "imgsim_reader"
ANALYST = "imgsim_analyst"
GROUPS = {
    READER: "May read the views in schema bi of imgsim galleries",
    ANALYST: "May read imgsim galleries whole, and call their functions",
}
MARK = "BI user of imgsim"
"""The comment on a person's role, by which those are known that imgsim made."""

_KNOWN = {"reader": READER, "analyst": ANALYST, "groups": list(GROUPS), "mark": MARK}

_STANDING = """
WITH space AS (
    SELECT oid, nspowner AS owner, nspname FROM pg_namespace WHERE nspname IN ('bi', 'imgsim')
), relation AS (
    SELECT c.oid, c.relowner AS owner,
        to_regrole(CASE s.nspname WHEN 'bi' THEN %(reader)s ELSE %(analyst)s END) AS whose
    FROM pg_class c JOIN space s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v')
), function AS (
    SELECT p.oid, p.proowner AS owner
    FROM pg_proc p JOIN space s ON s.oid = p.pronamespace AND s.nspname = 'imgsim'
), vector AS (
    SELECT n.oid, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'vector'
)
SELECT current_database() AS database,
    (SELECT pg_get_userbyid(owner) FROM space WHERE nspname = 'imgsim') AS owner,
    (
        SELECT bool_and(pg_has_role(owner, 'USAGE')) FROM (
            SELECT owner FROM space UNION SELECT owner FROM relation
            UNION SELECT owner FROM function
        ) o
    ) AS owned,
    ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%(groups)s)) AS groups,
    EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = to_regrole(%(reader)s) AND member = to_regrole(%(analyst)s)
    ) AS analysts_read,
    EXISTS (
        SELECT FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database()
        AND a.privilege_type = 'CONNECT' AND a.grantee = to_regrole(%(reader)s)
    ) AS is_open,
    has_database_privilege('public', current_database(), 'TEMPORARY') AS temporary,
    EXISTS (
        SELECT FROM function WHERE has_function_privilege('public', oid, 'EXECUTE')
    ) AS executable,
    EXISTS (
        SELECT FROM space
        WHERE has_schema_privilege(to_regrole(%(analyst)s), oid, 'USAGE') IS NOT TRUE
        UNION ALL
        SELECT FROM relation WHERE has_table_privilege(whose, oid, 'SELECT') IS NOT TRUE
        UNION ALL
        SELECT FROM function
        WHERE has_function_privilege(to_regrole(%(analyst)s), oid, 'EXECUTE') IS NOT TRUE
    ) AS hidden,
    (SELECT nspname FROM vector) AS vector_schema,
    (
        SELECT NOT has_schema_privilege('public', oid, 'USAGE')
            AND has_schema_privilege(to_regrole(%(analyst)s), oid, 'USAGE') IS NOT TRUE
        FROM vector
    ) AS vector_hidden
"""

_LOGIN = """
SELECT coalesce(shobj_description(r.oid, 'pg_authid') = %(mark)s, false) AS ours,
    (
        SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid AND g.rolname = ANY(%(groups)s)
        ORDER BY g.rolname = %(analyst)s DESC LIMIT 1
    ) AS "group",
    EXISTS (
        SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE s.setrole = r.oid AND d.datname = current_database()
    ) AS has_settings
FROM pg_roles r WHERE r.rolname = %(name)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a migrated database stands towards readers and analysts."""

    database: str
    owner: str  # of the tables and views
    owned: bool  # the session's user owns them all, or may act for who does
    groups: Sequence[str]  # of GROUPS, those that exist
    analysts_read: bool  # analysts are readers too
    is_open: bool  # readers have CONNECT on the database, granted by name
    temporary: bool  # everybody may make temporary tables
    executable: bool  # everybody may execute imgsim's functions
    hidden: bool  # readers or analysts do not reach all that they should
    vector_schema: str  # where pgvector is
    vector_hidden: bool  # analysts may not use that schema

    @property
    def complete(self) -> bool:
        """Whether both groups can do what they should, and others cannot."""
        lacking = (self.temporary, self.executable, self.hidden, self.vector_hidden)
        return self.is_open and self.analysts_read and not any(lacking)


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A person's role that exists."""

    ours: bool  # imgsim made it
    group: str | None  # the one of GROUPS it is a member of
    has_settings: bool  # those for this database


def standing(connection: Connection) -> Standing:
    """How the migrated database of `connection` stands."""
    with raw(connection).cursor(row_factory=class_row(Standing)) as cursor:
        (row,) = cursor.execute(_STANDING, _KNOWN).fetchall()
    return row


def login(connection: Connection, name: str) -> Login | None:
    """The role of that name; None when there is none."""
    with raw(connection).cursor(row_factory=class_row(Login)) as cursor:
        return cursor.execute(_LOGIN, {**_KNOWN, "name": name}).fetchone()
