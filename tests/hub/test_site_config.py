"""The hub's configuration in docs/hub.md: what it writes for users' servers is what these go by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from traitlets.config import Config

SITE = Path(__file__).parents[2] / "docs/hub/jupyterhub_config.py"


def test_a_students_server_links_the_shared_data_as_it_starts(tmp_path: Path) -> None:
    shared = tmp_path / "keras/datasets"
    shared.mkdir(parents=True)
    (shared / "mnist.npz").write_bytes(b"all digits")
    (tmp_path / "token").write_text("t" * 40)
    text = SITE.read_text(encoding="utf-8")
    for name, place in (("DATA_CACHE", shared), ("SETTINGS", tmp_path / "settings"), ("TOKEN_FILE", tmp_path / "token")):
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
        text = text.replace(line, f"{name} = Path({str(place)!r})")
    config = Config()
    exec(compile(text, str(SITE), "exec"), {"get_config": lambda: config})
    assert "KERAS_HOME" not in config.Spawner.environment
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "JUPYTER_CONFIG_PATH": str(tmp_path / "settings/nbgrader-keras-digits")}
    environment.pop("KERAS_HOME", None)
    command = [sys.executable, "-m", "jupyter_server", "--show-config-json"]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"nbgrader.server_extensions.formgrader": false' in done.stdout
    assert '"nbgrader.server_extensions.validate_assignment": false' in done.stdout
    assert '"autograder.hub.validate_button": true' in done.stdout
    assert (home / ".keras/datasets/mnist.npz").read_bytes() == b"all digits"
