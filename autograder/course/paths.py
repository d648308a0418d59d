"""Every file and folder of a course, named in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CoursePaths:
    """The folders of a course. nbgrader's own lie where nbgrader has them; ours are under `.autograder/`."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "grading_config.py"

    @property
    def source(self) -> Path:
        return self.root / "source_assignments"

    def source_notebook(self, assignment: str) -> Path:
        return self.source / assignment / f"{assignment}.ipynb"

    def graders(self, assignment: str) -> Path:
        return self.root / "graders" / assignment

    def solutions(self, assignment: str) -> Path:
        return self.root / "solutions" / assignment

    @property
    def release(self) -> Path:
        return self.root / "release"

    def release_notebook(self, assignment: str) -> Path:
        return self.release / assignment / f"{assignment}.ipynb"

    def releases(self, assignment: str) -> Path:
        """Every release version that was published, by number."""
        return self.state / "releases" / assignment

    @property
    def submitted(self) -> Path:
        return self.root / "submitted"

    def autograded(self, student: str, assignment: str) -> Path:
        return self.root / "autograded" / student / assignment

    def feedback(self, student: str, assignment: str) -> Path:
        return self.root / "feedback" / student / assignment / f"{assignment}.html"

    def report(self, assignment: str) -> Path:
        return self.root / "reports" / f"{assignment}.html"

    @property
    def state(self) -> Path:
        return self.root / ".autograder"

    @property
    def gradebook_url(self) -> str:
        return f"sqlite:///{(self.root / 'gradebook.db').absolute()}"
