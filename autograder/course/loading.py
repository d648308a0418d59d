"""Reads `grading_config.py` by path and returns its `course`, or raises with every problem found in it."""

from __future__ import annotations

import functools
import operator
import sys
import traceback
from dataclasses import Field, fields
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from autograder.course.declaring import Setting
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.errors import ConfigurationError, Problem, UsageError


def load_course(root: Path) -> tuple[Course, CoursePaths]:
    """The validated course in the folder `root`.

    Raises UsageError when there is no configuration, ConfigurationError with all of its problems otherwise.
    """
    paths = CoursePaths(root.absolute())
    if not paths.config.is_file():
        raise UsageError(
            f"No course in '{paths.root}': grading_config.py is not there.", "Go to the course's folder, or name it with --course DIR."
        )
    course = getattr(_run(paths.config), "course", None)
    if not isinstance(course, Course):
        raise ConfigurationError([Problem(paths.config.name, "it does not define `course = Course(...)`", "Give the course that name.")])
    problems = _problems(course)
    if problems:
        raise ConfigurationError(problems)
    return course, paths


def _run(config: Path) -> ModuleType:
    """Executes the configuration as a module of its own; nothing stays in sys.modules and no bytecode is written."""
    module = ModuleType("grading_config")
    module.__file__ = str(config)
    sys.path.insert(0, str(config.parent))
    try:
        exec(compile(config.read_text(encoding="utf-8"), str(config), "exec"), module.__dict__)
    except Exception as error:  # whatever an instructor's file raises is that file's problem, shown without our frames
        line = next((frame.lineno for frame in reversed(traceback.extract_tb(error.__traceback__)) if frame.filename == str(config)), None)
        line = error.lineno if isinstance(error, SyntaxError) else line
        raise ConfigurationError([Problem(f"{config.name}:{line}", f"{type(error).__name__}: {error}")]) from None
    finally:
        sys.path.remove(str(config.parent))
    return module


def _problems(value: Any) -> list[Problem]:
    """Problems of a setting and of all settings inside it: of its call, of its types, and only then of its values."""
    if isinstance(value, list | tuple):
        return [problem for each in value for problem in _problems(each)]
    if isinstance(value, dict):
        return _problems(list(value.values()))
    if not isinstance(value, Setting):
        return []
    own = [*value.call_problems] or _type_problems(value)
    inner = [problem for each in _fields(value) for problem in _problems(getattr(value, each.name))]
    return own + inner + ([] if own or inner else value.problems())


def _fields(value: Setting) -> tuple[Field[Any], ...]:
    """Fields of a setting; each of them is a dataclass, their base is not."""
    dataclass: Any = value
    return fields(dataclass)


def _type_problems(value: Setting) -> list[Problem]:
    from pydantic import TypeAdapter, ValidationError

    problems = []
    hints = get_type_hints(type(value))
    for each in _fields(value):
        try:
            TypeAdapter(_by_class(hints[each.name])).validate_python(getattr(value, each.name), strict=True)
        except ValidationError as error:
            problems += [Problem(value.place, f"'{_location(each.name, one)}': {one['msg']}", _got(one)) for one in _first_each(error)]
    return problems


def _by_class(hint: Any) -> Any:
    """The type with settings checked by class alone: their own contents are visited on their own."""
    from pydantic import InstanceOf

    by_class: Any = InstanceOf
    if isinstance(hint, type) and issubclass(hint, Setting):
        return by_class[hint]
    inner = [_by_class(each) for each in get_args(hint)]
    if get_origin(hint) in (list, dict):
        container: Any = get_origin(hint)
        return container[tuple(inner)]
    if get_origin(hint) is UnionType:
        return functools.reduce(operator.or_, inner)
    return hint


def _first_each(error: Any) -> list[Any]:
    return list({each["loc"][:1]: each for each in error.errors()}.values())


def _location(name: str, error: Any) -> str:
    return ".".join([name, *(str(part) for part in error["loc"] if isinstance(part, int | str) and "[" not in str(part))][:3])


def _got(error: Any) -> str:
    return f"It is {str(error['input'])[:80]!r} (a {type(error['input']).__name__})."
