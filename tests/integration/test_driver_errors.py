"""What PostgreSQL complains of, as imgsim tells it. The server itself raises each state."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from imgsim.errors import DatabaseError, DatabaseUnreachable
from imgsim.store.engine import Session


def _raise(session: Session, state: str) -> None:
    with session.connect() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE 'told so' USING ERRCODE = '{state}'; END $$"))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("53100", "cannot go on"),  # disk full
        ("53200", "cannot go on"),  # out of memory
        ("25006", "cannot go on"),  # read-only
        ("58030", "cannot go on"),  # I/O error
        ("57014", "cut the work off"),  # statement timeout
        ("40P01", "cut the work off"),  # deadlock
        ("42P01", "not as imgsim made them"),  # no such table
        ("42501", "needs CREATE on the database"),  # no such right
    ],
)
def test_a_server_that_answers_is_not_called_unreachable(
    session: Session, state: str, message: str
) -> None:
    with pytest.raises(DatabaseError, match=message) as raised:
        _raise(session, state)
    assert not isinstance(raised.value, DatabaseUnreachable)
    assert "told so" in str(raised.value)
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("state", ["08006", "57P01", "53300"])
def test_a_server_that_goes_away_is_unreachable(session: Session, state: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="cannot be reached"):
        _raise(session, state)


def test_a_fault_of_the_program_is_not_dressed_up(session: Session) -> None:
    with pytest.raises(Exception, match="told so") as raised:
        _raise(session, "22012")
    assert not isinstance(raised.value, DatabaseError)
