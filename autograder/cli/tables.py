"""Tables that are a command's result, on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograder.cli.options import Common

_PIPED = 200  # columns where standard output is no terminal, which has a width of its own


def print_table(common: Common, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()) -> None:
    """Nothing when quiet, or when JSON goes to standard output. `numbers`: columns that stand to the right."""
    if common.quiet or common.json_file == "-":
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED)
    console.print(table)
