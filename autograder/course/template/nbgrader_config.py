"""Lets plain `nbgrader` and formgrader work in this course, with our runner and our leak check."""

from pathlib import Path

from autograder.gradebook.plugin import configure

c = get_config()  # noqa: F821  # nbgrader provides it
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "COURSE_ID"
c.CourseDirectory.source_directory = "source_assignments"
configure(c)
