"""The pytest plugin of the graders: marks, fixtures, and what became of each test. Lives in process S alone."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder import wire
from autograder.files import digest
from autograder.grading.fixtures import (
    Answers,
    GraderProblem,
    HandinProblem,
    Part,
    Predictions,
    ProfileView,
    Submission,
    read_predictions,
)
from autograder.grading.mistakes import find_mistakes
from autograder.inputs import Input
from autograder.records import Answer, DeclaredTest, HandinEntry, Mistakes, ModelMeasures, Prediction, Question, ScoredTest

MARKS = {
    "grade_cell": "grade_cell(grade_id, weight=1): the cell that the test scores",
    "hint": "hint(text): shown with a failure",
    "visibility": "visibility('visible' | 'after_due' | 'instructor'): who sees the test",
    "ask": "ask(function, [arguments, …], seconds=5): calls of a student's function",
    "predict": "predict(model, Input(…)): predictions of a handed-in model",
}
_MAX_CLASSES = 50
_VISIBILITIES = ("visible", "after_due", "instructor")


class Declared:
    """Collects what the tests declare, without running them."""

    def __init__(self) -> None:
        self.tests: list[DeclaredTest] = []
        self.problems: list[str] = []
        self.by_node: dict[str, DeclaredTest] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        for line in MARKS.values():
            config.addinivalue_line("markers", line)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            last = str(report.longrepr).strip().splitlines()[-1:] or ["no message"]
            self.problems.append(f"{report.nodeid}: {last[0]}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        counts: dict[str, int] = {}
        for item in session.items:
            name = getattr(item, "originalname", None) or item.name
            counts[name] = counts.get(name, 0) + 1
            shown = name if item.name == name else f"{name} #{counts[name]}"
            try:
                test = declare(item, shown)
            except ValueError as error:
                self.problems.append(f"{item.nodeid}: {error}")
                continue
            if any(test.name == other.name for other in self.tests):
                self.problems.append(f"{item.nodeid}: another test of these graders is called {test.name!r} too")
                continue
            self.tests.append(test)
            self.by_node[item.nodeid] = test


def declare(item: pytest.Item, name: str) -> DeclaredTest:
    """What one test declares. Raises ValueError with what is wrong with its marks."""
    cell = item.get_closest_marker("grade_cell")
    if cell is None or len(cell.args) != 1:
        raise ValueError("it has no @pytest.mark.grade_cell('grade_id')")
    weight = float(cell.kwargs.get("weight", 1))
    if not weight > 0:
        raise ValueError(f"its weight is {weight:g}, more than 0 is needed")
    hint, visibility = item.get_closest_marker("hint"), item.get_closest_marker("visibility")
    seen: Any = visibility.args[0] if visibility else "visible"
    if seen not in _VISIBILITIES:
        raise ValueError(f"visibility {seen!r} is not one of {', '.join(_VISIBILITIES)}")
    return DeclaredTest(
        name=name,
        grade_cell=str(cell.args[0]),
        weight=weight,
        hint=str(hint.args[0]) if hint else None,
        visibility=seen,
        questions=tuple(question for mark in reversed(list(item.iter_markers("ask"))) for question in _questions(mark)),
        prediction=_prediction(item.get_closest_marker("predict")),
        metrics=_metrics(item),
    )


def _questions(mark: pytest.Mark) -> list[Question]:
    if len(mark.args) != 2 or not isinstance(mark.args[1], list | tuple):
        raise ValueError("its ask mark needs a function's name and a list of arguments")
    seconds = float(mark.kwargs.get("seconds", 5))
    questions = []
    for arguments in mark.args[1]:
        try:
            encoded = tuple(wire.encode(list(arguments) if isinstance(arguments, tuple) else [arguments], plain=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"an argument of its ask mark: {error}") from None
        questions.append(Question(digest(mark.args[0], encoded, seconds), str(mark.args[0]), encoded, seconds))
    return questions


def _prediction(mark: pytest.Mark | None) -> Prediction | None:
    if mark is None:
        return None
    if len(mark.args) != 2 or not isinstance(mark.args[1], Input):
        raise ValueError("its predict mark needs a model's name and an Input(shape=…, range=…)")
    wanted = mark.args[1]
    span = (float(wanted.range[0]), float(wanted.range[1])) if wanted.range else None
    return Prediction(str(mark.args[0]), tuple(int(side) for side in wanted.shape), span)


def _metrics(item: pytest.Item) -> tuple[str, ...]:
    """Names of the metrics that the test awards, as far as they stand in its source as text."""
    try:
        source = inspect.getsource(item.function)  # type: ignore[attr-defined]  # every collected item here is a function
    except (OSError, TypeError, AttributeError):
        return ()
    return tuple(dict.fromkeys(re.findall(r"\baward\(\s*[\"'](\w+)[\"']", source)))


class Scored:
    """Fixtures and results of one submission. `request` is the JSON that process S was given."""

    def __init__(self, request: dict[str, Any], declared: Declared) -> None:
        self._request, self._declared = request, declared
        self.results: dict[str, ScoredTest] = {}
        self.confusions: dict[str, tuple[tuple[int, ...], ...]] = {}
        self.models: dict[str, ModelMeasures] = {}
        self.mistakes: dict[str, Mistakes] = {}
        self._measured: dict[str, float | None] = {}
        self._opened = Path(request["opened"])
        self._submission = Submission(
            request["assignment"],
            Path(request["handin"]),
            [HandinEntry(**entry) for entry in request["entries"]],
            self._opened,
            request["sources"],
            request["version"],
        )

    @pytest.fixture
    def submission(self) -> Submission:
        return self._submission

    @pytest.fixture
    def hidden(self) -> Part:
        return self._part("hidden")

    @pytest.fixture
    def visible(self) -> Part:
        return self._part("visible")

    @pytest.fixture
    def profile(self) -> ProfileView:
        return ProfileView(**self._request["profile"])

    @pytest.fixture
    def answers(self, request: pytest.FixtureRequest) -> Answers:
        test = self._declared.by_node[request.node.nodeid]
        if not test.questions:
            raise GraderProblem("the fixture 'answers' needs an @pytest.mark.ask")
        never = [question.function for question in test.questions if question.id not in self._request["asked"]]
        if never:
            raise GraderProblem(f"{never[0]} was not asked this when the notebook was executed: execute it again")
        given = {answer["question"]: Answer(**answer) for answer in self._request["answers"]}
        return Answers(list(test.questions), given)

    @pytest.fixture
    def predictions(self, request: pytest.FixtureRequest) -> Predictions:
        prediction = self._declared.by_node[request.node.nodeid].prediction
        if prediction is None:
            raise GraderProblem("the fixture 'predictions' needs an @pytest.mark.predict")
        found = read_predictions(self._opened, prediction.key, prediction.model, self._submission)
        self._note_confusion(prediction.model, found.hidden)
        self._note_model(prediction.model, found)
        mistakes = find_mistakes(found.visible, self._part("visible").y)
        if mistakes is not None:
            self.mistakes[prediction.model] = mistakes
        return found

    @pytest.fixture
    def award(self, request: pytest.FixtureRequest) -> Any:
        def give(metric: str, value: float) -> None:
            if metric not in self._request["metrics"]:
                raise GraderProblem(f"the profile has no curve for {metric!r}; it has {', '.join(self._request['metrics']) or 'none'}")
            number = float(value)
            self._measured[metric] = number if math.isfinite(number) else None

        return give

    def _part(self, name: str) -> Part:
        return Part(*(np.load(path, mmap_mode="r") for path in self._request["data"][name]))

    def _note_confusion(self, model: str, outputs: Any) -> None:
        """Counts of true class (row) against predicted class; plain NumPy, because importing more costs a second per submission."""
        labels = np.asarray(self._part("hidden").y)
        if labels.ndim == 1 and labels.dtype.kind in "iu" and outputs.ndim == 2 and np.isfinite(outputs).all():
            classes = max(int(labels.max()) + 1, outputs.shape[1])
            if classes > _MAX_CLASSES:  # nobody reads a larger table
                return
            counts = np.bincount(labels.astype(np.int64) * classes + outputs.argmax(axis=1), minlength=classes**2)
            self.confusions[model] = tuple(tuple(int(count) for count in row) for row in counts.reshape(classes, classes))

    def _note_model(self, name: str, found: Predictions) -> None:
        """For classifiers: what the signals for instructors need, whatever the graders ask."""
        if name in self.models:
            return
        try:
            model = self._submission.model(name)
        except HandinProblem:  # it predicts, but is not described
            return
        visible, hidden = (_share_right(getattr(found, part), self._part(part).y) for part in ("visible", "hidden"))
        if visible is not None and hidden is not None:
            counts = (len(found.visible), len(found.hidden))
            self.models[name] = ModelMeasures(visible, counts[0], hidden, counts[1], model.parameters, model.trainable_parameters)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Only the tests that were asked for; all of them have their names by now."""
        wanted = set(self._request["tests"])
        known = self._declared.by_node
        session.items[:] = [item for item in session.items if item.nodeid not in known or known[item.nodeid].name in wanted]

    def pytest_runtest_setup(self) -> None:
        self._measured = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        test = self._declared.by_node.get(item.nodeid)
        if test is not None:
            self._note(test.name, call)
        return report

    def _note(self, name: str, call: pytest.CallInfo[None]) -> None:
        known = self.results.get(name)
        if call.excinfo is None:
            if call.when == "call" and known is None:
                self.results[name] = ScoredTest(name, "passed", measured=dict(self._measured))
            return
        error = call.excinfo.value
        if isinstance(error, AssertionError) and call.when != "teardown":
            self.results[name] = ScoredTest(name, "failed", failure_message(error), dict(self._measured))
        elif isinstance(error, pytest.skip.Exception):
            self.results[name] = ScoredTest(name, "error", f"the grader skipped this test: {error}")
        else:
            self.results[name] = ScoredTest(name, "error", f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "replace").decode())


def _share_right(outputs: Any, labels: Any) -> float | None:
    """Accuracy of outputs (n, classes) for labels (n,); None for what is no classification."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or outputs.ndim != 2 or len(outputs) != len(labels):
        return None
    return float(np.mean(outputs.argmax(axis=1) == labels))


def failure_message(error: AssertionError) -> str:
    """What the student reads: the message that was given, without pytest's view of the values."""
    message = str(error).strip()[:2000].encode("utf-8", "replace").decode()  # half a surrogate pair, say, cannot be written
    return message or "This check did not hold."
