"""Environment variables and versions of the processes that run notebooks and open models."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import Version

from autograder.errors import UsageError
from autograder.execution.devices import driver_environment
from autograder.files import digest, digest_files
from autograder.isolation.servers import ServerKind

_PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "papermill",
    "nbclient",
    "ipykernel",
    "ipython",
    "matplotlib",
    "scikit-learn",
)
_BUILDS = {"tensorflow": ("tensorflow", "tensorflow-cpu")}  # one package: a hub without a GPU and a worker with one have the same

# Not matplotlib_inline.backend_inline: it looks for its shell when it is imported, and plt.show() would show nothing.
_PRELOAD = (
    "autograder.execution.worker",  # first: it says what others need not import
    "keras",
    "keras.layers",
    "h5py",
    "matplotlib.pyplot",
    "papermill.engines",
    "papermill.iorw",
    "papermill.clientwrap",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",  # the kernel imports it whether or not anybody debugs
    "IPython.core.completer",
    "autograder.student",
    "autograder.checks",
    "autograder.handin",
    "autograder.description",
    "autograder.data.answering",
    "autograder.execution.engine",
    "autograder.execution.flood",
    "autograder.execution.kernel",
    "autograder.execution.lending",
)
# Keras' fit imports TensorFlow for its datasets, whatever the backend.
_BACKENDS = {"tensorflow": ("tensorflow",), "jax": ("jax", "tensorflow"), "torch": ("torch", "tensorflow")}


def versions(backend: str) -> dict[str, str]:
    """Versions of what decides about a result; read from the installed packages, nothing is imported."""
    return {"backend": backend, **_versions(environment_stamp())}


@cache
def _versions(stamp: str) -> dict[str, str]:
    from autograder import __version__

    found = {"autograder": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        for build in _BUILDS.get(package, (package,)):
            with suppress(PackageNotFoundError):
                found.setdefault(package, version(build))
    return found


# Older ones run code out of a model's configuration in spite of safe mode: CVE-2025-1550, CVE-2025-8747, CVE-2025-9905,
# CVE-2025-9906, CVE-2026-0897, CVE-2026-1462.
_SAFE_KERAS = Version("3.13.2")


def require_safe_keras() -> None:
    """Raises UsageError when the installed Keras is known to be led past its safe mode, or is missing; nothing is imported."""
    try:
        found = version("keras")
    except PackageNotFoundError:
        raise UsageError(f"Keras is not installed; {_SAFE_KERAS} or newer is needed to open handed-in models.", "Run: make venv") from None
    if Version(found) < _SAFE_KERAS:
        raise UsageError(
            f"Keras {found} is installed, whose safe mode a hostile model can get around; {_SAFE_KERAS} or newer is needed.",
            f"Run: pip install 'keras>={_SAFE_KERAS}'",
        )


@cache
def code_digest() -> str:
    """Digest of this package's own code: what was gathered or scored by other code is done again, whatever its version number."""
    return digest_files(Path(__file__).parents[1], "**/*.py")


def server_environment(backend: str) -> dict[str, str]:
    """Variables of a fork server and its jobs: nothing of the caller's.

    One thread for each library, since a server must have no other when it forks; what a job may use beyond that, its slot says.
    """
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "USER": "student",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # Fewer, larger pages: a fork of a server copies a third of the page tables (13 → 4 ms with Keras imported).
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Keras imports matplotlib before IPython could choose this, and plt.show() would show nothing.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def server_kind(
    backend: str, preload: tuple[str, ...], readable: tuple[Path, ...], fonts: Path | None = None, gpu: bool = False
) -> ServerKind:
    """The fork server for jobs that need these modules and may read these paths.

    Another version of a package makes another kind: a server that imported the old one is used no more.
    """
    variables = server_environment(backend) | {"AUTOGRADER_ENVIRONMENT": environment_stamp()}
    variables |= driver_environment() if gpu else {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return ServerKind(preload, readable, tuple(variables.items()), font_files(fonts), gpu)


def notebook_server(backend: str, student_data: Path, fonts: Path | None, gpu: bool = False) -> ServerKind:
    """The fork server for process A."""
    return server_kind(backend, (*_PRELOAD, *_BACKENDS[backend]), (student_data,), fonts, gpu)


def environment_stamp() -> str:
    """Changes whenever a package is installed, removed or upgraded."""
    places = [Path(each) for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
    return digest([place.stat().st_mtime_ns for place in places if place.exists()])


def font_files(fonts: Path | None) -> tuple[Path, ...]:
    """matplotlib's list of fonts, as `font_cache` made it: it spares every process that has not imported it seconds of searching."""
    return tuple(sorted(fonts.glob("fontlist-*.json"))) if fonts else ()


def font_cache(folder: Path) -> Path:
    """A folder with matplotlib's font list for this environment, made once by a process of its own."""
    if not font_files(folder):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-I", "-c", "import matplotlib.font_manager"],
            env={**server_environment("tensorflow"), "HOME": str(folder), "MPLCONFIGDIR": str(folder)},
            capture_output=True,
        )
    return folder
