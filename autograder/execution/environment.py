"""Environment variables and versions of the processes that run notebooks and open models."""

from __future__ import annotations

import os
import platform
import shutil
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autograder.files import digest_files

_PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "numpy",
    "papermill",
    "nbclient",
    "ipykernel",
    "ipython",
    "matplotlib",
    "scikit-learn",
)


@cache
def versions() -> dict[str, str]:
    """Versions of what decides about a result; read from the installed packages, nothing is imported."""
    from autograder import __version__

    found = {"autograder": __version__, "python": platform.python_version(), "backend": backend()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def code_digest() -> str:
    """Digest of this package's own code: what was gathered or scored by other code is done again, whatever its version number."""
    return digest_files(Path(__file__).parents[1], "**/*.py")


def backend() -> str:
    """The Keras backend in which notebooks run and models are opened."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def clean_environment(home: Path, threads: int) -> dict[str, str]:
    """Variables of a process inside a sandbox: nothing of the caller's but PATH, a home of its own, a fixed number of threads.

    One thread per process by default: several submissions side by side use the cores better than one with many threads,
    and floats stay the same from run to run.
    """
    count = str(threads)
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "TMPDIR": str(home),
        "USER": "student",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "KERAS_BACKEND": backend(),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        # Keras imports matplotlib before IPython could choose this, and plt.show() would show nothing.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def prepare_home(home: Path, shared_cache: Path | None) -> None:
    """Makes a home; a font list made earlier spares matplotlib seconds of searching."""
    (home / "matplotlib").mkdir(parents=True)
    (home / "runtime").mkdir(mode=0o700)
    for file in shared_cache.glob("fontlist-*.json") if shared_cache else ():
        shutil.copy(file, home / "matplotlib" / file.name)


def font_cache(folder: Path) -> Path:
    """A folder with matplotlib's font list for this environment, made once by a process of its own."""
    import subprocess
    import sys

    if not list(folder.glob("fontlist-*.json")):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-I", "-c", "import matplotlib.font_manager"],
            env={**clean_environment(folder, 1), "MPLCONFIGDIR": str(folder)},
            capture_output=True,
        )
    return folder
