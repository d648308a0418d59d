"""Modules that a notebook imports and that are not installed here. Nothing is imported to find out."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from functools import cache

from autograder.doctor.code import CodeCell
from autograder.doctor.finding import Finding, Severity

# What is imported → what it is called today, or what does the same here.
RENAMED = {
    "cPickle": "pickle", "Queue": "queue", "StringIO": "io", "ConfigParser": "configparser", "Tkinter": "tkinter",
    "urllib2": "urllib.request", "urlparse": "urllib.parse", "scikeras": "keras.wrappers", "tf_keras": "keras", "Keras": "keras",
    "scikit_learn": "sklearn", "cv2": "matplotlib.pyplot",
}  # fmt: skip
_FORGIVING = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")


@cache
def is_installed(module: str) -> bool:
    """Whether the top-level module can be found in this environment."""
    if module in sys.builtin_module_names:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def find_missing(cells: Sequence[CodeCell], siblings: Sequence[str] = (), allowed: Sequence[str] | None = None) -> list[Finding]:
    """Imports that would fail. `siblings`: files and folders beside the notebook; `allowed`: those that may be handed in, if known."""
    findings: dict[str, Finding] = {}
    for cell in cells:
        if cell.tree is None or cell.locked:
            continue
        forgiven = set(_forgiven(cell.tree))
        for node, module in _imports(cell.tree):
            beside = next((name for name in (f"{module}.py", module) if name in siblings), None)
            if module in findings or node in forgiven or (beside is None and is_installed(module)):
                continue
            severity, reason, cure = _of_sibling(beside, allowed) if beside else _of_missing(module)
            if reason:
                findings[module] = Finding("missing_import", severity, cell.at(node), reason, cure)
    return list(findings.values())


def _imports(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Every import with its top-level module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, each.name.partition(".")[0]) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node, node.module.partition(".")[0]


def _forgiven(tree: ast.Module) -> Iterator[ast.AST]:
    """Imports in a `try` that expects them to fail."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_forgives(handler) for handler in node.handlers):
            yield from (inner for each in node.body for inner in ast.walk(each))


def _forgives(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(isinstance(each, ast.Name) and each.id in _FORGIVING for each in ast.walk(handler.type))


def _of_missing(module: str) -> tuple[Severity, str, str]:
    close = difflib.get_close_matches(module, _installed_names(), n=1, cutoff=0.75)
    known = RENAMED.get(module) or next((name for name in _installed_names() if name.lower() == module.lower()), None)
    cure = f"Write `{known}` instead." if known else f"Did you mean `{close[0]}`?" if close else "Use only what the assignment names."
    return "costs points", f"The module `{module}` is not installed in this environment.", cure


def _of_sibling(beside: str, allowed: Sequence[str] | None) -> tuple[Severity, str, str]:
    import fnmatch

    cure = "Copy what you need from it into a cell of the notebook."
    if allowed is None:
        return "worth knowing", f"`{beside}` lies beside your notebook; it is there while grading only if the assignment names it.", cure
    if any(fnmatch.fnmatch(beside, pattern) for pattern in allowed):
        return "worth knowing", "", ""
    return (
        "costs points",
        f"`{beside}` lies beside your notebook, and the assignment does not take it: while grading it is not there.",
        cure,
    )


@cache
def _installed_names() -> tuple[str, ...]:
    found = {each.name for each in pkgutil.iter_modules()} | set(sys.stdlib_module_names)
    return tuple(sorted(name for name in found if not name.startswith("_")))
