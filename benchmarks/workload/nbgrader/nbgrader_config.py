"""nbgrader as it comes, without the autograder's plug-in."""

c = get_config()  # noqa: F821  # nbgrader provides it
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 3600  # its default, 30 s for a cell, is too short for a training
