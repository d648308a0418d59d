"""Any file names and any time stamp in a submitted folder: an id, and an outcome with its reason."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autograder.course.profile import RunLimits
from autograder.course.settings import Assignment, Profile
from autograder.errors import SubmissionError
from autograder.intake.collect import find_submissions, take_in
from autograder.records import to_json
from tests.fuzz.mutations import damaged_bytes, fuzz, is_explained

ASSIGNMENT = Assignment("tiny", files=["*.csv"], profiles={"full": Profile(dataset="d")})
LIMITS = RunLimits(cell_s=1, total_s=1, hand_in_bytes=1, submission_bytes=100, files=4)
usual_names = [b"tiny.ipynb", b"TINY.IPYNB", b"a\xff.csv", b"a\n.csv", b"<b>.csv", b"tiny.ipynb.txt", b"timestamp.txt"]
any_name = st.binary(min_size=1, max_size=30).filter(lambda name: not set(name) & set(b"\0/") and name not in (b".", b".."))
file_names = any_name | st.sampled_from(usual_names)


@fuzz(200)
@given(st.dictionaries(file_names, st.binary(max_size=60), max_size=6))
def test_any_folder_has_an_id_and_an_outcome(files: dict[bytes, bytes]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "ada/tiny")
        folder.mkdir(parents=True)
        for name, data in files.items():
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(data)
        (submission,) = find_submissions(Path(root), "tiny", (), 1_000)
        try:
            taken = take_in(submission, ASSIGNMENT, LIMITS)
        except SubmissionError as error:
            is_explained(error)
        else:
            assert taken.notebooks
            assert sum(map(len, taken.files.values())) <= LIMITS.submission_bytes
            assert all(to_json(flag) for flag in taken.flags)


@fuzz(300)
@given(damaged_bytes(b"2027-01-01 10:00:00.000000 UTC") | st.text(max_size=40).map(str.encode))
def test_any_time_stamp_is_a_time_or_nothing(stamp: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "ada/tiny")
        folder.mkdir(parents=True)
        (folder / "timestamp.txt").write_bytes(stamp)
        (submission,) = find_submissions(Path(root), "tiny", (), 1_000)
        assert submission.submitted_at is None or submission.submitted_at[4] == "-"
