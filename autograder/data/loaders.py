"""Loaders of the data sets that courses use most: MNIST from where its users have it, and scikit-learn's digits.

A loader is a function of a folder that gives all examples, always in the same order, checked by digest. Heavy imports stay
inside: configurations import this module, and the command must not pay for it.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# SHA-256 over the arrays themselves (training then test, images then labels, uint8), so that every file format of the same
# data has the same digest.
_MNIST_SHA256 = "c2069063c1105f2bf96266aef1ff68c6e13bdda7a54e37bf19c16f1db24efc83"
_DIGITS_SHA256 = "e404f5d627ad72593de10c11b3be7ac87ee11d38e45cc649ec73beb6fca0521a"
_IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def load_mnist(folder: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """All 70,000 images (n, 28, 28) and labels (n,), uint8: the 60,000 of the training files first.

    Looks in `folder` for the four IDX files (plain or .gz) or mnist.npz, then in Keras' cache, then lets Keras download.
    Raises UsageError when none of them gives the data, or what lies there is something else.
    """
    import numpy as np

    parts = _from_folder(folder) if folder else None
    parts = parts or _from_keras()
    images, labels = np.concatenate([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
    _check_digest("MNIST", images, labels, _MNIST_SHA256)
    return images, labels


def load_digits(folder: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The 1,797 digits that ship with scikit-learn, 8×8, scaled to images (n, 28, 28) and labels (n,), uint8."""
    import numpy as np
    from sklearn.datasets import load_digits as bundled

    found = bundled()
    images = np.stack([_enlarge(image) for image in found.images])
    labels = found.target.astype(np.uint8)
    _check_digest("digits", images, labels, _DIGITS_SHA256)
    return images, labels


def _enlarge(image: NDArray[Any]) -> NDArray[Any]:
    """8×8 with values 0…16 to 28×28 with 0…255: each pixel becomes 3×3, with MNIST's empty border around them."""
    import numpy as np

    block = np.kron(np.rint(image * (255 / 16)), np.ones((3, 3)))
    return np.pad(block, 2).astype(np.uint8)


def _from_folder(folder: Path) -> tuple[NDArray[Any], ...] | None:
    found = [path for name in _IDX_NAMES for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    if len(found) == len(_IDX_NAMES):
        return tuple(_read_idx(path) for path in found)
    if (folder / "mnist.npz").is_file():
        return _read_npz(folder / "mnist.npz")
    if not folder.is_dir():
        raise UsageError(f"The data folder '{folder}' does not exist.", "Name the right one with --data DIR or AUTOGRADER_DATA.")
    return None


def _read_idx(path: Path) -> NDArray[Any]:
    """One IDX file: magic number with the rank, big-endian sides, then the bytes (yann.lecun.com/exdb/mnist)."""
    import numpy as np

    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rank = data[3]
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, IndexError, ValueError, struct.error) as error:
        raise UsageError(f"'{path}' is no IDX file: {error}", "Put the original MNIST file there.") from None


def _read_npz(path: Path) -> tuple[NDArray[Any], ...]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"'{path}' does not hold MNIST: {error}", "It needs the arrays x_train, y_train, x_test and y_test, as Keras' file has."
        ) from None


def _from_keras() -> tuple[NDArray[Any], ...]:
    """Keras' cached file when it is there (without importing Keras), else Keras' own download."""
    import os

    cached = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets" / "mnist.npz"
    if cached.is_file():
        return _read_npz(cached)
    try:
        import keras

        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a plain Exception when the download fails
        raise UsageError(
            f"MNIST is neither in a data folder nor in Keras' cache ('{cached}'), and the download failed: {str(error)[:200]}",
            "Name a folder with mnist.npz or the four IDX files: --data DIR, or AUTOGRADER_DATA=DIR.",
        ) from None
    return x_train, y_train, x_test, y_test


def _check_digest(name: str, images: NDArray[Any], labels: NDArray[Any], expected: str) -> None:
    import numpy as np

    whole = hashlib.sha256(np.ascontiguousarray(images, np.uint8).tobytes())
    whole.update(np.ascontiguousarray(labels, np.uint8).tobytes())
    if whole.hexdigest() != expected:
        raise UsageError(
            f"The {name} data have digest {whole.hexdigest()[:16]}…, {expected[:16]}… was expected: these are other or damaged data.",
            "Remove the files and use the original ones.",
        )
