"""nbgrader's *Validate* buttons in a user's Jupyter server: the doctor's findings at once, and nothing is executed.

nbgrader's own trains everything again, lets the whole server wait meanwhile, and then says that all tests pass, though the hidden ones
are not there. This is a Jupyter server extension; the hub's configuration in docs/hub.md puts it in the place of nbgrader's.
"""

from __future__ import annotations

import asyncio
import html
import json
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from autograder.doctor.files import examine_file
from autograder.doctor.finding import Finding, summed
from autograder.errors import AutograderError

_WIDTH = 90  # letters that nbgrader's dialog has room for: it breaks no lines
_NOTHING_FAILED = "(The line above is nbgrader's. Nothing failed.)"
_NOT_RUN = """Your notebook was not run. Run it yourself from top to bottom: the checks in it look at what you have computed, and train
nothing. What is "graded later" is tested after you submit."""


def answer_for(root: Path, path: str) -> dict[str, Any]:
    """What nbgrader's dialog shows of the notebook at `path` below the server's folder. Never raises for what is there, or not.

    The dialog knows "the following cell failed", and "passes all the tests", which nobody can know here; anything else it shows as text
    below the words "There was an error".
    """
    try:
        notebook = (root.resolve() / path).resolve()
        if not notebook.is_relative_to(root.resolve()):
            return {"success": False, "value": f"'{path}' cannot be looked at: it lies outside of this server's folder."}
        findings = examine_file(notebook).findings
        saved = datetime.fromtimestamp(notebook.stat().st_mtime)
    except AutograderError as error:
        return {"success": False, "value": str(error)}
    except (OSError, ValueError) as error:
        return {"success": False, "value": f"'{path!a}' cannot be looked at: {error}."}
    costly = [each for each in findings if each.costly]
    if costly:
        return {"success": True, "value": {"failed": [{"source": str(each.place), "error": html.escape(_words(each))} for each in costly]}}
    said = f"{notebook.name}, as it was saved at {saved:%H:%M:%S}: {summed(findings)}"
    lines = [_NOTHING_FAILED, said, *(f"• {each.place}: {_words(each)}" for each in findings), "", _NOT_RUN.replace("\n", " ")]
    return {"success": False, "value": _wrapped("\n".join(lines))}


def _words(finding: Finding) -> str:
    return _wrapped(f"{finding.reason}\n→ {finding.cure}" if finding.cure else finding.reason)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.fill(line, _WIDTH) for line in text.split("\n"))


class Validate(JupyterHandler):
    """Both buttons ask here: the one above a notebook, which saves it first, and the one in the list of assignments."""

    @web.authenticated
    async def post(self) -> None:
        body = self.get_json_body() if self.request.body else None
        path = self.get_argument("path", "") or str((body or {}).get("path", ""))
        root = Path(self.settings["server_root_dir"]).expanduser()
        self.finish(json.dumps(await asyncio.get_running_loop().run_in_executor(None, answer_for, root, path)))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    address = url_path_join(server.web_app.settings["base_url"], "assignments/validate")
    server.web_app.add_handlers(".*$", [(address, Validate)])
