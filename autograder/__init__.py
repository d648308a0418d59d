"""Autograded deep-learning assignments. What instructors import in `grading_config.py` and in graders."""

from autograder.course.settings import Assignment, Course, Curve, Dataset, Hub, Late, Limits, Profile, Resources, Term
from autograder.data.loaders import load_digits, load_mnist
from autograder.inputs import Input

__version__ = "0.1.0"
__all__ = [
    "Assignment",
    "Course",
    "Curve",
    "Dataset",
    "Hub",
    "Input",
    "Late",
    "Limits",
    "Profile",
    "Resources",
    "Term",
    "load_digits",
    "load_mnist",
]
