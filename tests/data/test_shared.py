"""Data files that lie on a machine once are found by everybody's Keras, without a download."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.data.shared import link_shared


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "srv/datasets"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"all digits")
    (folder / ".partial").write_bytes(b"")
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, which is not there yet."""
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home/.keras/datasets"


def test_files_are_linked_once(shared: Path, own: Path) -> None:
    for _ in range(2):
        link_shared(shared)
        assert [path.name for path in own.iterdir()] == ["mnist.npz"]
        assert (own / "mnist.npz").readlink() == shared / "mnist.npz"


def test_what_a_user_has_stays_and_a_link_to_nowhere_is_mended(shared: Path, own: Path) -> None:
    own.mkdir(parents=True)
    (own / "mnist.npz").write_bytes(b"my own")
    (own / "other.npz").symlink_to(shared / "gone.npz")
    (shared / "other.npz").write_bytes(b"other")
    link_shared(shared)
    assert (own / "mnist.npz").read_bytes() == b"my own"
    assert (own / "other.npz").read_bytes() == b"other"


def test_keras_folder_may_be_elsewhere(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
    link_shared(shared)
    assert (tmp_path / "elsewhere/datasets/mnist.npz").read_bytes() == b"all digits"


def test_a_server_starts_all_the_same(tmp_path: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link_shared(tmp_path / "nowhere")
    assert "could not be linked" in capsys.readouterr().err


KERAS = """
import sys
import keras
print(keras.utils.get_file("mnist.npz", origin="http://127.0.0.1:9/mnist.npz", file_hash=sys.argv[1]))
"""


def test_keras_takes_the_linked_file_and_downloads_nothing(shared: Path, own: Path) -> None:
    link_shared(shared)
    (shared / "mnist.npz").chmod(0o444)
    digest = hashlib.sha256(b"all digits").hexdigest()
    done = subprocess.run([sys.executable, "-c", KERAS, digest], env=dict(os.environ), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == [str(own / "mnist.npz")], done.stderr
    assert "Downloading" not in done.stdout
