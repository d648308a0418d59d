"""The student version of the shipped assignment in a real JupyterLab, in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course.loading import load_course
from autograder.data.sealed import sealed_split
from tests.conftest import autograder
from tests.ports import reserved_port

ROOT = Path(__file__).parents[2]
COPIED = ("grading_config.py", "nbgrader_config.py", "source_assignments", "graders")
LONG_MS = 180_000  # JupyterLab starts, and TensorFlow is imported, beside the other half of the tests
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
TOKEN = "for-the-test-alone"
STARTUP = """
from pathlib import Path
from autograder.data.answering import answer_keras
answer_keras(Path({folder!r}), "keras.datasets.mnist", 200)
"""

needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser here: apt install chromium")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped course, released, in a folder of its own."""
    root = tmp_path_factory.mktemp("shipped")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    done = autograder(root, "release", "first_dense_network")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def lab(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab in the release folder; Keras' loader answers there with digits, since there is no network."""
    home = tmp_path_factory.mktemp("home")
    split = sealed_split(*load_course(shipped), "digits", b"x" * 32, None)
    startup = home / "ipython/profile_default/startup/data.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(STARTUP.format(folder=str(split.student)))
    environment = {**os.environ, "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "JUPYTER_CONFIG_DIR": str(home / "jupyter")}
    with reserved_port() as port:
        options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0", "--allow-root"]
        command = [sys.executable, "-m", "jupyterlab", *options, f"--IdentityProvider.token={TOKEN}"]
        with (home / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=shipped / "release", env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            while not _answers(f"{address}/api/status?token={TOKEN}"):
                with contextlib.suppress(subprocess.TimeoutExpired):  # its start has the core, not the asking
                    assert server.wait(0.1) is None, (home / "log").read_text()
            yield address
        finally:
            server.terminate()
            server.wait(300)


def _answers(address: str) -> bool:
    try:
        return bool(urllib.request.urlopen(address).status == 200)
    except OSError:
        return False


@needs_browser
def test_it_opens_in_jupyterlab_and_runs_up_to_the_first_unsolved_cell(lab: str, shipped: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    notebook = json.loads((shipped / "release/first_dense_network/first_dense_network.ipynb").read_text())
    title = "".join(notebook["cells"][0]["source"]).splitlines()[0].lstrip("# ")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(LONG_MS)
        page.goto(f"{lab}/lab/tree/first_dense_network/first_dense_network.ipynb?token={TOKEN}")
        page.get_by_role("heading", name=title).first.wait_for()
        page.locator(IDLE).wait_for()  # without a kernel, Run All Cells runs nothing and says nothing
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        error = page.locator(".jp-OutputArea-output", has_text="NotImplementedError").first
        error.wait_for()
        said = error.text_content() or ""
        page.locator(IDLE).wait_for()  # the failing cell's number comes after its error
        error.scroll_into_view_if_needed()
        page.screenshot(path=str(tmp_path / "student_version.png"))
        page.keyboard.press("Control+S")
        page.locator(".jp-mod-dirty").first.wait_for(state="detached")
        browser.close()
    assert "Write your code in place of these two lines, then run the cell again." in said
    saved = json.loads((shipped / "release/first_dense_network/first_dense_network.ipynb").read_text())
    code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    run = [cell for cell in code if cell["execution_count"]]
    failed = [cell for cell in run if any(output["output_type"] == "error" for output in cell["outputs"])]
    unsolved = next(cell for cell in code if "YOUR CODE HERE" in "".join(cell["source"]))
    assert failed == [run[-1]]  # everything above runs, and nothing behind is reached
    assert unsolved in run[-2:]  # the cell itself, or the check below that calls what it should define
