"""The doctor inside a notebook: finds the file that is open, and shows what it finds as a table below the cell."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from autograder import showing
from autograder.doctor.files import Examined, examine_file
from autograder.doctor.finding import Finding, summed
from autograder.errors import AutograderError, UsageError
from autograder.showing import Row, Table

Named = str | os.PathLike[str] | None

_NOT_COMPARED = (
    "The released notebook is not at hand, so deleted, copied, moved or changed cells were not looked for; name it with `release='FILE'`."
)


def show_findings(notebook: Named = None, release: Named = None) -> None:
    """A table for the file that is named, else for the one that is open; what is in it, or missing, never raises."""
    try:
        file = Path(notebook).expanduser() if notebook is not None else open_notebook()
        table = table_of(file, examine_file(file, Path(release).expanduser() if release is not None else None))
    except (AutograderError, TypeError) as error:
        text, cure = (error.message, error.cure) if isinstance(error, AutograderError) else ("That is no file's name.", "")
        table = Table((Row("✗", "", text, cure),))
    showing.show(table)


def open_notebook() -> Path:
    """The file of the notebook that this kernel belongs to. Raises UsageError when nothing tells."""
    shell = showing.shell()
    names = [os.environ.get("JPY_SESSION_NAME", ""), (shell.user_ns.get("__vsc_ipynb_file__", "") if shell else "")]
    for name in filter(None, map(str, names)):
        for path in (Path(name), Path(Path(name).name)):  # a server may tell its own path, and the kernel runs in the notebook's folder
            if path.suffix == ".ipynb" and path.is_file():
                return path
    beside = sorted(Path().glob("*.ipynb"))
    if len(beside) == 1:
        return beside[0]
    found = f"There are {len(beside)} notebooks here." if beside else "There is no notebook here."
    raise UsageError(f"Which notebook is open cannot be found out. {found}", "Name it: `doctor('first_dense_network.ipynb')`.")


def table_of(notebook: Path, examined: Examined) -> Table:
    """One row for each finding. The file is what was saved, which may not be what is on the screen."""
    saved = datetime.fromtimestamp(notebook.stat().st_mtime)
    title = f"{notebook.name}, as it was saved at {saved:%H:%M:%S}: {summed(examined.findings)}"
    return Table(tuple(map(_row, examined.findings)), title, "" if examined.compared else _NOT_COMPARED)


def _row(finding: Finding) -> Row:
    return Row("✗" if finding.costly else "•", str(finding.place), finding.reason, finding.cure)
