"""The page that lies in every archive: what it is, how to check it, and how to compute a grade again."""

from __future__ import annotations

from autograder.course.settings import Course

_TEXT = """# {title} ({id}): archive of a graded course

**It holds personal data**: names, e-mail addresses, submissions, grades, and what instructors wrote about them{configuration}.
{seed}

## Is it whole?

    sha256sum -c SHA256SUMS                    # in the folder in which it was unpacked
    autograder archive --verify ARCHIVE.tar.gz

## What is in it

| | |
|---|---|
| `course/` | configuration, source notebooks, graders, known answers, the present release, what was submitted |
| `course/.autograder/releases/` | every release version, by number |
| `{store}/records/`, `runs/`, `arrivals/` | what is known of each graded submission; what each execution left; when it was received |
| `{store}/decisions.jsonl`, `roster.jsonl`, `hub/` | decisions, class, the hub's receipts, where there are any |
| `{store}/scores/` | final scores with every line of their sum |
| `gradebook.jsonl` | every row of nbgrader's gradebook: what people graded by hand |
| `requirements.txt`, `framework/` | the versions that were installed, and the framework itself |
| `archive.json` | versions, and SHA-256 of all data files, by split |

Left out, because they follow from the rest: prepared data, autograded notebooks, feedback pages, reports.

## How to compute a grade again

1. Python {python} with `pip install -r requirements.txt`; or, if those versions cannot be had any more, the nearest that can.
2. The framework of then: `export PYTHONPATH=$PWD/framework`, and `alias autograder="python -m autograder.cli"`.
3. In `course/`:

       autograder scores --explain{option}        # the sums, line by line; executes nothing
       autograder regrade ASSIGNMENT{option}      # graders and thresholds again, on what was handed in; runs no student code
       autograder grade ASSIGNMENT --force{option} # everything again, the training too

Both leave the records of final scores as they are; to have those made anew, `autograder decide reopen` in this copy first.
`regrade` and `grade` need the data: `--data DIR` names a folder with its files. The same seed gives the same split, and `archive.json`
has the SHA-256 of every part of it to compare with. `regrade` trains nothing: with the versions of then it says that nothing changed.
Training again gives the same accuracies only as far as versions and machine are the same.
{database}
"""


def readme(course: Course, seed: bool, beside: bool, database: bool) -> str:
    """The page for this course. `seed`, `database`: the seed, and SQLite's file, are in it; `beside`: the store has a folder of its own."""
    import platform

    secret = (
        "**It holds the course's secret seed, in plain text** (`course/.autograder/seed`): who has it can tell which examples are hidden."
    )
    absent = "The course's secret seed is not in it. Put your copy to `course/.autograder/seed`: without it nothing can be graded again."
    rows = "The gradebook was on a server: load `gradebook.jsonl` into an empty one, or read manual grades there."
    return _TEXT.format(
        title=course.title,
        id=course.id,
        configuration=", and whatever stands in nbgrader_config.py, a database's password perhaps",
        seed=f"{secret} Keep it where only examiners can read it." if seed else absent,
        store="store" if beside else "course/.autograder",
        option=(" --store ../store" if beside else "") + (" --gradebook sqlite:///gradebook.db" if database else ""),
        python=platform.python_version(),
        database="" if database else f"\n{rows}\n",
    )
