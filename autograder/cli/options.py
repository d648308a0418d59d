"""Options that commands share, and what they open."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from autograder.course.paths import CoursePaths
    from autograder.course.settings import Course

F = TypeVar("F", bound=Callable[..., Any])
TRUST = "AUTOGRADER_TRUST_SUBMISSIONS"


class _Name(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """Somebody's name as it was typed, with single spaces. A blank one is refused: what people did is signed with it."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from autograder.intake.class_list import clean

        found = clean(value)
        if not found:
            self.fail(f"{value!r} is nobody's name. Write one, or leave the option out.", param, ctx)
        return found


NAME = _Name()


@dataclass(frozen=True)
class Common:
    """The common options of one call, with the course that they name."""

    course: Course
    paths: CoursePaths
    profile: str | None
    store: Path | None
    data: Path | None
    json_file: str | None
    quiet: bool

    def say(self, text: str) -> None:
        """A line for people, on standard error so that `--json -` stays clean; nothing when quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def write_json(self, value: Any) -> None:
        """Writes plain values where `--json` says, atomically; '-' is standard output."""
        from autograder.files import write_atomic

        if self.json_file is None:
            return
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        if self.json_file == "-":
            click.echo(text, nl=False)
        else:
            write_atomic(Path(self.json_file), text)


def common_options(function: F) -> F:
    """Adds --course, --profile, --store, --data, --json and --quiet, and calls the function with a `Common`."""
    import functools

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(_open(kwargs), *args, **kwargs)

    for option in reversed(
        [
            click.option("--course", "course_dir", metavar="DIR", default=".", help="Folder of the course (default: here)."),
            click.option("--profile", metavar="NAME", help="Profile of the run, e.g. smoke or full (default: the course's)."),
            click.option("--store", metavar="DIR", help="Folder for runs and records."),
            click.option("--data", metavar="DIR", help="Folder with data files, such as MNIST's."),
            click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is standard output."),
            click.option("--quiet", is_flag=True, help="No progress, no table."),
        ]
    ):
        call = option(call)
    return call  # type: ignore[return-value]  # click adds options, the call stays the function's


def _open(kwargs: dict[str, Any]) -> Common:
    from autograder.course.loading import load_course

    _prepare_process()
    root = Path(kwargs.pop("course_dir"))
    course, paths = load_course(root)
    store, data = kwargs.pop("store"), kwargs.pop("data")
    return Common(
        course=course,
        paths=paths,
        profile=kwargs.pop("profile"),
        store=Path(store) if store else None,
        data=Path(data) if data else None,
        json_file=kwargs.pop("json_file"),
        quiet=kwargs.pop("quiet"),
    )


def _prepare_process() -> None:
    """nbgrader reads USER and starts `alembic` from PATH; services and containers often have neither."""
    import sys

    os.environ.setdefault("USER", "instructor")
    own = str(Path(sys.executable).parent)
    if own not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + os.environ.get("PATH", "")


def consent(trust: bool) -> bool:
    """Whether the instructor consented to run submissions without isolation, by option or variable."""
    return trust or os.environ.get(TRUST) == "1"
