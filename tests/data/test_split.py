from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.data import loaders
from autograder.data.sealed import sealed_split
from autograder.data.seed import read_seed
from autograder.data.split import split_indices
from autograder.errors import UsageError


def test_parts_share_no_example_and_repeats_stand_beside_their_originals() -> None:
    train, visible, hidden = split_indices(70, (50, 10, 10), 20, np.random.default_rng(1))
    assert (len(train), len(visible), len(hidden)) == (70, 10, 10)
    parts = [set(train), set(visible), set(hidden)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 70
    repeated = [index for index in np.unique(train) if (train == index).sum() == 2]
    assert len(repeated) == 20
    assert all(np.diff(np.flatnonzero(train == index))[0] == 1 for index in repeated)


@pytest.fixture
def course(tiny: Path, no_autograder_variables: None) -> tuple[Any, CoursePaths]:
    return load_course(tiny)


def test_the_split_is_made_once_and_depends_on_the_seed(course: tuple[Any, CoursePaths]) -> None:
    first = sealed_split(*course, "digits", b"1" * 32, None)
    other = sealed_split(*course, "digits", b"2" * 32, None)
    again = sealed_split(*course, "digits", b"1" * 32, None)
    assert first == again
    assert first.fingerprint != other.fingerprint
    assert np.load(first.student / "x_train.npy").shape == (1197, 28, 28)
    assert not np.array_equal(np.load(first.hidden / "y.npy"), np.load(other.hidden / "y.npy"))
    assert "y.npy" not in {path.name for path in first.student.iterdir()}


def test_a_loader_that_fails_is_named(course: tuple[Any, CoursePaths]) -> None:
    _, paths = course
    paths.config.write_text(paths.config.read_text().replace("load=load_digits", "load=lambda folder: 1 / 0"))
    with pytest.raises(UsageError, match="loader of dataset 'digits' failed: ZeroDivisionError"):
        sealed_split(load_course(paths.root)[0], paths, "digits", b"1" * 32, None)


def test_too_few_examples_are_a_clear_error(course: tuple[Any, CoursePaths]) -> None:
    _, paths = course
    paths.config.write_text(paths.config.read_text().replace("(1_197, 300, 300)", "(1_500, 300, 300)"))
    with pytest.raises(UsageError, match="need 2,100"):
        sealed_split(load_course(paths.root)[0], paths, "digits", b"1" * 32, None)


def test_the_seed_is_made_once_and_then_guarded(course: tuple[Any, CoursePaths], tmp_path: Path) -> None:
    _, paths = course
    said: list[str] = []
    seed = read_seed(paths, paths.state, said.append)
    assert len(said) == 1
    assert "keep a copy" in said[0]
    assert read_seed(paths, paths.state, said.append) == seed
    assert (paths.state / "seed").stat().st_mode & 0o777 == 0o600
    text = (paths.state / "seed").read_text()
    for content, expected in [("0" * 64, "has fingerprint"), ("abc", "malformed"), (None, "is missing")]:
        if content is None:
            (paths.state / "seed").unlink()
        else:
            (paths.state / "seed").write_text(content)
        with pytest.raises(UsageError, match=expected):
            read_seed(paths, paths.state, said.append)
    (paths.state / "seed").write_text(text)
    assert read_seed(paths, paths.state, said.append) == seed


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    data = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def test_idx_files_and_npz_give_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "_check_digest", lambda *_: None)
    generator = np.random.default_rng(0)
    arrays = [
        generator.integers(0, 256, (n, 28, 28)) if images else generator.integers(0, 10, n) for n in (6, 3) for images in (True, False)
    ]
    idx, npz = tmp_path / "idx", tmp_path / "npz"
    idx.mkdir()
    npz.mkdir()
    for name, array, ending in zip(loaders._IDX_NAMES, arrays, ("", ".gz", ".gz", ""), strict=True):
        write_idx(idx / f"{name}{ending}", array)
    np.savez(npz / "mnist.npz", x_train=arrays[0], y_train=arrays[1], x_test=arrays[2], y_test=arrays[3])
    from_idx, from_npz = loaders.load_mnist(idx), loaders.load_mnist(npz)
    assert from_idx[0].shape == (9, 28, 28)
    for left, right in zip(from_idx, from_npz, strict=True):
        assert np.array_equal(left, right)


def test_other_data_than_mnist_are_refused_by_digest(tmp_path: Path) -> None:
    arrays = {
        name: np.zeros(shape, np.uint8)
        for name, shape in [("x_train", (2, 28, 28)), ("y_train", 2), ("x_test", (1, 28, 28)), ("y_test", 1)]
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(UsageError, match="other or damaged data"):
        loaders.load_mnist(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no idx", gzip.compress(b"\0\0\x08\x03\0\0\0\x09")])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    for name in loaders._IDX_NAMES:
        (tmp_path / f"{name}.gz").write_bytes(content)
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\.gz' is no IDX file"):
        loaders.load_mnist(tmp_path)


ANSWERING = """
import sys
from keras.datasets import mnist
from keras.datasets.mnist import load_data
from pathlib import Path
from autograder.data.answering import answer_keras
answer_keras(Path(sys.argv[1]), "keras.datasets.mnist", 100)
import keras, tensorflow
for load in (mnist.load_data, load_data, keras.datasets.mnist.load_data, tensorflow.keras.datasets.mnist.load_data):
    (x_train, y_train), (x_test, y_test) = load(path="mnist.npz")
    assert (x_train.shape, y_train.shape, x_test.shape) == ((100, 28, 28), (100,), (300, 28, 28))
try:
    keras.datasets.cifar10.load_data()
except RuntimeError as error:
    print(error)
"""


def test_keras_answers_under_every_spelling_and_refuses_other_data(course: tuple[Any, CoursePaths]) -> None:
    split = sealed_split(*course, "digits", b"1" * 32, None)
    done = subprocess.run([sys.executable, "-c", ANSWERING, str(split.student)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "this assignment's data is keras.datasets.mnist.load_data(); there is no network while grading" in done.stdout


def test_absent_data_say_where_they_may_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def no_network(*_: object) -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", no_network)
    with pytest.raises(UsageError, match="URL fetch failure") as caught:
        loaders.load_mnist(None)
    assert "--data DIR" in caught.value.cure
    with pytest.raises(UsageError, match="does not exist"):
        loaders.load_mnist(tmp_path / "nowhere")
