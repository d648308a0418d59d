"""A copy of nbgrader's gradebook for people who come later: every row as text, and of a SQLite file the file itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from autograder.gradebook.location import parse_url
from autograder.gradebook.session import gradebook_is_missing, open_gradebook


def dump_rows(url: str) -> str:
    """All tables, sorted, a line of JSON for each row: `{"table": …, "row": {column: value}}`. Empty without a gradebook.

    Raises UsageError or MachineError for what the database says.
    """
    if gradebook_is_missing(url):
        return ""
    lines = []
    with open_gradebook(url) as gradebook:
        from sqlalchemy import MetaData, select

        tables = MetaData()
        tables.reflect(bind=gradebook.engine)
        with gradebook.engine.connect() as connection:
            for name, table in sorted(tables.tables.items()):
                rows = [{"table": name, "row": dict(row)} for row in connection.execute(select(table)).mappings()]
                lines += sorted(json.dumps(row, ensure_ascii=False, sort_keys=True, default=str) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def copy_file(url: str, into: Path) -> bool:
    """A whole copy of a SQLite gradebook, whatever is written meanwhile; False where the gradebook is no such file."""
    parts = parse_url(url)
    if gradebook_is_missing(url) or parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:":
        return False
    with closing(sqlite3.connect(str(parts.database))) as source, closing(sqlite3.connect(into)) as target:
        source.backup(target)
    return True
