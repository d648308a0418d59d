"""Everything that can be wrong with a course before a student sees it, found without running a notebook."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

from autograder.course.calibration import calibration_file, read_allowed, read_calibration
from autograder.course.contest import contest_problems
from autograder.course.handins import declared_handins
from autograder.course.notebook import extra_credit_of, grade_cells, nbgrader_of, read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.sections import section_problems
from autograder.course.settings import Assignment
from autograder.course.versions import version_problems
from autograder.errors import AutograderError, Problem
from autograder.inputs import Input
from autograder.records import Declarations

_PARAMETERS = ("seed", "sample_limit", "epoch_limit", "dataset")
_HIDDEN = "BEGIN HIDDEN TESTS"


def check_assignment(paths: CoursePaths, assignment: Assignment, declarations: Declarations | AutograderError) -> list[Problem]:
    """All problems of one assignment: of its notebook, of its graders, and of the two together."""
    place = str(paths.source_notebook(assignment.id).relative_to(paths.root))
    problems = _grader_problems(paths, assignment, declarations)
    try:
        notebook = read_notebook(paths.source_notebook(assignment.id))
    except AutograderError as error:
        return [Problem(place, error.message, error.cure or "Every assignment needs its source notebook there."), *problems]
    problems += [
        *_id_problems(place, notebook),
        *_hidden_test_problems(place, notebook),
        *_points_problems(place, notebook, assignment),
        *_extra_credit_problems(place, notebook),
        *_parameter_problems(place, notebook),
        *_seed_problems(place, notebook),
        *_calibration_problems(paths, assignment),
        *section_problems(place, notebook),
        *version_problems(paths, assignment),
    ]
    if isinstance(declarations, Declarations):
        problems += _cover_problems(paths, assignment, place, notebook, declarations)
        problems += _handin_problems(paths, assignment, notebook, declarations)
        problems += _curve_problems(assignment, declarations)
        problems += contest_problems(assignment, declared_handins(notebook), declarations)
    return problems


def _grader_problems(paths: CoursePaths, assignment: Assignment, declarations: Declarations | AutograderError) -> list[Problem]:
    place = str(paths.graders(assignment.id).relative_to(paths.root))
    if isinstance(declarations, AutograderError):
        return [Problem(place, declarations.message, declarations.cure)]
    return [Problem(place, problem) for problem in declarations.problems]


def _id_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    cells = [nbgrader_of(cell) for cell in notebook["cells"] if nbgrader_of(cell)]
    counts = Counter(str(cell.get("grade_id", "")) for cell in cells)
    problems = [
        Problem(place, f"grade id '{grade_id}' stands there {count} times", "Give each cell an id of its own.")
        for grade_id, count in counts.items()
        if count > 1
    ]
    if "" in counts:
        problems.append(Problem(place, "a cell of nbgrader's has no id", "Name it in the Create Assignment panel."))
    return problems


def _hidden_test_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    return [
        Problem(
            place, f"cell '{_name(cell, index)}' has hidden tests in the notebook", "Move them to graders/, and write graded_later(…) here."
        )
        for index, cell in enumerate(notebook["cells"])
        if _HIDDEN in cell["source"]
    ]


def _points_problems(place: str, notebook: dict[str, Any], assignment: Assignment) -> list[Problem]:
    total = sum(cell.points for cell in grade_cells(notebook) if not cell.extra)
    if abs(total - assignment.points) < 1e-9:
        return []
    cure = f"Change the points of a cell, or write Assignment(…, points={total:g})."
    return [Problem(place, f"the points of the grade cells add up to {total:g}, {assignment.points:g} were expected", cure)]


def _extra_credit_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    """Only a cell that a grader scores can give extra credit, and nbgrader must count it with 0 points."""
    problems = []
    for index, cell in enumerate(notebook["cells"]):
        points, found, what = extra_credit_of(cell), nbgrader_of(cell), f"cell '{_name(cell, index)}' has extra credit"
        if points is None:
            continue
        if points <= 0:
            problems.append(Problem(place, f"{what} that is no number above 0", 'Write {"autograder": {"extra_credit": 4}}.'))
        if not found.get("grade") or found.get("solution"):
            problems.append(
                Problem(place, f"{what} but no grader scores it", "Declare it for a locked cell of nbgrader's type 'Autograder tests'.")
            )
        if found.get("points"):
            cure = "Give it 0 points there: extra credit comes on top of the assignment's points."
            problems.append(Problem(place, f"{what} and {found['points']:g} points of nbgrader's", cure))
    return problems


def _parameter_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    cells = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    if len(cells) != 1:
        return [Problem(place, f"{len(cells)} cells are tagged 'parameters', one is needed", f"It assigns {', '.join(_PARAMETERS)}.")]
    problems = [] if nbgrader_of(cells[0]).get("locked") else [Problem(place, "the parameters cell is not locked", "Make it read-only.")]
    try:
        body = ast.parse(cells[0]["source"]).body
    except SyntaxError as error:
        return [*problems, Problem(place, f"the parameters cell is no Python: {error.msg}")]
    assigned = {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    absent = [name for name in _PARAMETERS if name not in assigned]
    return problems + [
        Problem(place, f"the parameters cell does not assign '{name}'", f"Write `{name} = …` on a line of its own.") for name in absent
    ]


def _seed_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    if any(nbgrader_of(cell).get("locked") and "set_random_seed(seed)" in cell["source"] for cell in notebook["cells"]):
        return []
    return [Problem(place, "no locked cell sets the seed", "Write keras.utils.set_random_seed(seed) into one.")]


def _calibration_problems(paths: CoursePaths, assignment: Assignment) -> list[Problem]:
    solutions = paths.solutions(assignment.id)
    try:
        read_allowed(solutions)
        for profile in assignment.profiles:
            read_calibration(solutions, profile)
    except AutograderError as error:
        return [Problem(str(calibration_file(solutions).relative_to(paths.root)), error.message, error.cure)]
    return []


def _cover_problems(
    paths: CoursePaths, assignment: Assignment, place: str, notebook: dict[str, Any], declarations: Declarations
) -> list[Problem]:
    graders = str(paths.graders(assignment.id).relative_to(paths.root))
    cells = {cell.grade_id: cell for cell in grade_cells(notebook)}
    covered = {test.grade_cell for test in declarations.tests}
    problems = [
        Problem(
            place,
            f"no grader covers grade cell '{cell.grade_id}' ({cell.points:g} points)",
            f"Mark a test with grade_cell({cell.grade_id!r}).",
        )
        for cell in cells.values()
        if not cell.manual and cell.grade_id not in covered
    ]
    for test in declarations.tests:
        if test.grade_cell not in cells:
            known = ", ".join(name for name, cell in cells.items() if not cell.manual) or "none"
            problems.append(
                Problem(graders, f"{test.name} names grade cell '{test.grade_cell}', which the notebook does not have", f"It has: {known}.")
            )
        elif cells[test.grade_cell].manual:
            problems.append(
                Problem(graders, f"{test.name} names '{test.grade_cell}', which a person grades", "Name an automatically graded cell.")
            )
    return problems


def _handin_problems(paths: CoursePaths, assignment: Assignment, notebook: dict[str, Any], declarations: Declarations) -> list[Problem]:
    graders = str(paths.graders(assignment.id).relative_to(paths.root))
    handed = declared_handins(notebook)
    problems = [
        Problem(
            str(paths.source_notebook(assignment.id).relative_to(paths.root)),
            f"several locked cells hand in '{name}', of which only the last one would count",
            "Give what one of them hands in another name.",
        )
        for name in sorted(handed.repeated)
    ]
    for test in declarations.tests:
        for function in sorted({question.function for question in test.questions} - handed.functions):
            problems.append(
                Problem(
                    graders, f"{test.name} asks '{function}', which no locked cell hands in", f"Write hand_in(functions=[{function!r}])."
                )
            )
        wanted = test.prediction
        if wanted and wanted.model not in handed.names:
            problems.append(
                Problem(
                    graders, f"{test.name} predicts '{wanted.model}', which no locked cell hands in", f"Write hand_in({wanted.model!r})."
                )
            )
        elif wanted and wanted.model in handed.layers_only:
            message = f"{test.name} predicts '{wanted.model}', which is handed in without its weights"
            problems.append(Problem(graders, message, "Hand it in without weights=False."))
        elif wanted and wanted.model in handed.inputs and handed.inputs[wanted.model] != Input(wanted.shape, wanted.range):
            said = handed.inputs[wanted.model]
            here, there = _say(wanted.shape, wanted.range), _say(said.shape, said.range)
            message = f"{test.name} predicts '{wanted.model}' with {here}, its hand-in cell says {there}"
            problems.append(Problem(graders, message, "The grader's counts; make the hand-in cell say the same."))
    return problems


def _curve_problems(assignment: Assignment, declarations: Declarations) -> list[Problem]:
    metrics = {metric for test in declarations.tests for metric in test.metrics}
    problems = []
    for name, profile in assignment.profiles.items():
        for metric in sorted(metrics - set(profile.curves)):
            problems.append(
                Problem(profile.place, f"profile {name!r} has no curve for '{metric}', which the graders award", "Add one to curves.")
            )
        for metric in sorted(set(profile.curves) - metrics):
            problems.append(
                Problem(profile.place, f"profile {name!r} has a curve for '{metric}', which no grader awards", "Remove it, or award it.")
            )
    return problems


def _name(cell: dict[str, Any], index: int) -> str:
    return str(nbgrader_of(cell).get("grade_id") or f"number {index + 1}")


def _say(shape: tuple[int, ...], span: tuple[float, float] | None) -> str:
    return f"inputs {shape}" + (f" from {span[0]:g} to {span[1]:g}" if span else "")
