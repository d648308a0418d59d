"""The whole way with the real grader, gradebook and exchange: what a student submits becomes a score and a page to fetch."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.batch.local import plan_slots
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.course.settings import Course
from autograder.gradebook.exchange import page_name
from autograder.gradebook.writing import read_manual_scores
from autograder.hub.graders import Job, LocalGrader, Plans
from autograder.hub.service import Service
from autograder.isolation.sandbox import Sandbox
from autograder.quality.variants import build_submission
from autograder.records import Submission
from tests.batch.classes import reference
