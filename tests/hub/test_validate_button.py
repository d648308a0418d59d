"""nbgrader's Validate buttons behind the documented hub: what the doctor finds, at once, and nothing runs."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from autograder.hub.validate_button import answer_for
from tests.conftest import SAMPLES
from tests.ports import reserved_port

SOURCE = SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb"


def notebook(folder: Path, *cells: str) -> Path:
    """With cells of a student's own below those of an assignment."""
    content = json.loads(SOURCE.read_text(encoding="utf-8"))
    for number, source in enumerate(cells):
        made = {"cell_type": "code", "id": f"own-{number}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        content["cells"].append(made)
    path = folder / "tiny.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_what_would_cost_points_is_named_and_nothing_runs(tmp_path: Path) -> None:
    notebook(tmp_path, "open('ran', 'w')", "import keras\nkeras.Sequential().fit(1, 1, nb_epoch=2)  # <b>")
    answer = answer_for(tmp_path, "tiny.ipynb")
    assert answer["success"]
    [failed] = [each for each in answer["value"]["failed"] if "nb_epoch" in each["error"]]
    assert "Write `epochs=`" in failed["error"]
    assert "line 2" in failed["source"]
    assert max(len(line) for each in answer["value"]["failed"] for line in html.unescape(each["error"]).splitlines()) <= 90
    assert not (tmp_path / "ran").exists()


def test_nothing_found_is_not_called_a_passed_test(tmp_path: Path) -> None:
    notebook(tmp_path)
    answer = answer_for(tmp_path, "tiny.ipynb")
    assert not answer["success"]  # else nbgrader's dialog says that all tests pass
    assert "nothing was found that would cost points" in answer["value"]
    assert "was not run" in answer["value"]
    assert max(map(len, answer["value"].splitlines())) <= 90  # its dialog breaks no lines


def test_what_cannot_be_looked_at_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    notebook(tmp_path)
    for path in ("missing.ipynb", "../tiny.ipynb", "\0"):
        answer = answer_for(tmp_path / "inside", path)
        assert not answer["success"]
        assert "cannot be" in answer["value"] or "does not exist" in answer["value"], answer
    assert "outside" in answer_for(tmp_path / "inside", "../tiny.ipynb")["value"]


def test_markup_in_a_notebook_is_text(tmp_path: Path) -> None:
    """nbgrader's dialog takes the text of an error for HTML."""
    notebook(tmp_path, "np_utils_from = 1\nfrom keras.utils import np_utils as i  # <img src=x onerror=alert(1)>", "model.fit(x, <b>)")
    for each in answer_for(tmp_path, "tiny.ipynb")["value"]["failed"]:
        assert "<" not in each["error"]


_SERVED = """
import sys, threading
from jupyter_server.serverapp import ServerApp

app = ServerApp(open_browser=False, port=int(sys.argv[2]), port_retries=0, ip="127.0.0.1", root_dir=sys.argv[1], allow_root=True)
app.initialize(argv=[], find_extensions=True)
threading.Thread(target=lambda: (sys.stdin.read(), app.stop(from_signal=True)), daemon=True).start()
app.io_loop.add_callback(print, app.identity_provider.token, flush=True)
app.start()
"""


def post(address: str, token: str, body: dict[str, Any]) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"token {token}"} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_a_jupyter_server_answers_so_in_nbgraders_place(tmp_path: Path) -> None:
    """With the documented settings of a student's server; without a sign-in it says nothing."""
    settings, home = tmp_path / "settings", tmp_path / "home"
    settings.mkdir()
    home.mkdir()
    notebook(home)
    extensions = {"nbgrader.server_extensions.validate_assignment": False, "autograder.hub.validate_button": True}
    (settings / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"jpserver_extensions": extensions}}))
    environment = {**os.environ, "HOME": str(home), "JUPYTER_CONFIG_PATH": str(settings), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with (
        reserved_port() as port,
        subprocess.Popen([sys.executable, "-c", _SERVED, str(home), str(port)], env=environment, **pipes) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        token = server.stdout.readline().strip()
        address = f"http://127.0.0.1:{port}/assignments/validate"
        status, said = post(address, token, {"path": "tiny.ipynb"})
        assert status == 200
        assert "was not run" in json.loads(said)["value"]
        assert post(address, "", {"path": "tiny.ipynb"})[0] in (302, 403)
        server.stdin.close()
