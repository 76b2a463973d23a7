"""A gallery whose index has to be searched wide, and what is stored of its tuning."""

from __future__ import annotations

from typing import Any, LiteralString

import numpy as np
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from benchmarks.gallery import backbone, publish
from imgsim.domain import Vectors
from imgsim.store import indexes
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

ROWS, DIM = 4000, 256


def hard(count: int, seed: int) -> Vectors:
    """Unit vectors without clusters, float32 (count, DIM): the index finds .9 at 40, 1 at 400."""
    return l2_normalize(np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32))


QUERY = hard(1, seed=2)[0]


def fill(session: Session) -> BackboneRow:
    """Put 4,000 of them into a new gallery, frame_ids from 1, as of vgg16, and index them."""
    net = backbone(session, "vgg16", DIM)
    publish(session, net, hard(ROWS, seed=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexes, "EF_CONSTRUCTION", 64)  # at 200, the narrowest search finds it all
        indexes.build(session, net, lambda _notice: None)
    return net


def always_indexed(conninfo: str) -> str:
    """Have PostgreSQL follow the index as on a large table; for connections to come."""
    return _set_of_database(conninfo, "SET enable_seqscan = off")


def planned_as_it_is(conninfo: str) -> str:
    """Have it take its choice again."""
    return _set_of_database(conninfo, "RESET enable_seqscan")


def _set_of_database(conninfo: str, setting: LiteralString) -> str:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} ").format(name) + sql.SQL(setting))
    return conninfo


def stored(session: Session) -> tuple[Any, ...]:
    """What is stored of the tuning."""
    query = text("SELECT ef_search, tuned_recall, tuned_k FROM hnsw_index")
    with session.connect() as connection:
        return tuple(connection.execute(query).one())


def pretend_tuned(session: Session, ef_search: int | None) -> None:
    """Store an ef_search as if it had been chosen."""
    change = text("UPDATE hnsw_index SET ef_search = :e, tuned_recall = 0.9, tuned_k = 10")
    with session.connect() as connection:
        connection.execute(change, {"e": ef_search})
