"""What the tests with a real hub and a real browser share, and those with a real gradebook; nothing of it is started for other tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.conftest import SAMPLES, autograder
from tests.hub import real
from tests.hub.place import Place
from tests.hub.real import Hub

# The script that ana hands in: in an output, and in what a cell prints.
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small course whose notebooks need no TensorFlow, released."""
    root = Path(shutil.copytree(SAMPLES / "corpus", tmp_path_factory.mktemp("hub") / "course"))
    done = autograder(root, "release", "basics")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def here(corpus: Path, tmp_path: Path, no_autograder_variables: None) -> Iterator[Place]:
    made = Place(Path(shutil.copytree(corpus, tmp_path / "course")))
    yield made
    made.service.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    with TemporaryDirectory(prefix="hub-") as folder:  # not pytest's, which no other account may enter
        Path(folder).chmod(0o711)
        with real.running(Path(folder) / "demo") as found:
            yield found


@pytest.fixture(scope="session")
def people(browser: Any, hub: Hub) -> Iterator[dict[str, Any]]:
    """A page for each person, signed in with the hub."""
    opened = {who: real.signed_in(browser, hub, who) for who in ("ana", "bo", "garcia")}
    yield opened
    for page in opened.values():
        page.context.close()


@pytest.fixture(scope="session")
def submitted(people: dict[str, Any], hub: Hub) -> tuple[str, float]:
    """Ana fetches, solves and submits in JupyterLab; her receipt's number, and seconds until it stood on her page."""
    page, assignment = people["ana"], hub.plan.assignment
    real.open_jupyterlab(page, hub, "ana")
    real.open_assignment_list(page)
    real.press(page, "released", "Fetch")
    page.locator("#fetched_assignments_list button", has_text="Submit").wait_for(timeout=real.LONG_MS)
    notebook = hub.notebook(assignment, {})
    shown = f"from IPython.display import HTML, display\ndisplay(HTML('{SCRIPT}'))\nprint('{SCRIPT}')"
    notebook["cells"].append(real.code(shown))
    real.save(page, hub, "ana", f"{assignment}/{assignment}.ipynb", notebook)
    real.press(page, "fetched", "Submit")
    page.locator("#submitted_assignments_list .list_item", has_text=assignment).first.wait_for(timeout=real.LONG_MS)
    return real.newest_receipt(page, hub, assignment)


@pytest.fixture(scope="session")
def watched(submitted: tuple[str, float], people: dict[str, Any], hub: Hub) -> list[str]:
    """What stood on ana's page of the same submission, one phase after the other, until it was graded."""
    return real.until_graded(people["ana"], hub, submitted[0])


@pytest.fixture(scope="session")
def graded(submitted: tuple[str, float], watched: list[str]) -> str:
    """The same receipt once it is graded."""
    return submitted[0]
