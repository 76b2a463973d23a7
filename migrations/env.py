"""Alembic's entry: run the migrations on the connection imgsim hands over, or on a URL's database.

The version table lives in schema `imgsim`, so the schema is made first and no downgrade drops it.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, text

from imgsim.store import embedding_tables, engine, result_schema, result_tables, schema

_MADE_AT_RUN_TIME = (embedding_tables.PREFIX, result_tables.PREFIX)


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Compare schema imgsim only, and leave out the tables that are made at run time."""
    if type_ == "schema":
        return name == schema.SCHEMA
    return not (type_ == "table" and name is not None and name.startswith(_MADE_AT_RUN_TIME))


def migrate(connection: Connection) -> None:
    """Run what the command asks for, in one transaction."""
    # CREATE SCHEMA IF NOT EXISTS wants the right to create one even where it does nothing.
    there = connection.execute(text(f"SELECT to_regnamespace('{schema.SCHEMA}')")).scalar_one()
    if there is None:
        connection.execute(text(f"CREATE SCHEMA {schema.SCHEMA}"))
    context.configure(
        connection=connection,
        target_metadata=result_schema.result.metadata,
        include_schemas=True,
        include_name=include_name,
        version_table_schema=schema.SCHEMA,
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    migrate(given)
else:
    with engine.create(os.environ["IMGSIM_DATABASE_URL"], ("public",)).begin() as own:
        migrate(own)
