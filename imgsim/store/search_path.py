"""Where PostgreSQL looks for names without a schema, for programs other than imgsim."""

from __future__ import annotations

from sqlalchemy import text

from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.role_statements import quoted

_DEFAULTS = """
SELECT current_database() AS database,
    (SELECT reset_val FROM pg_settings WHERE name = 'search_path') AS path,
    (
        SELECT quote_ident(n.nspname) FROM pg_extension e
        JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
    ) AS vector_schema
"""


def hint(session: Session) -> str | None:
    """The statement after which psql finds tables and functions without `imgsim.` before them.

    It concerns the database URL's user alone. None when they are found as it is.
    """
    with session.connect() as connection:
        row = connection.execute(text(_DEFAULTS)).one()
    schemas = [name.strip() for name in row.path.split(",") if name.strip()]
    if schema.SCHEMA in schemas:
        return None
    path = ", ".join(dict.fromkeys([schema.SCHEMA, *schemas, row.vector_schema]))
    return f"ALTER ROLE CURRENT_USER IN DATABASE {quoted(row.database)} SET search_path = {path};"
