"""What travels between the stages, as frozen dataclasses; `to_json` and `from_json` are the boundary to files.

A `Record` is all that is known of one graded submission. `verdict()` is the part of it that must not depend on when,
where or how fast it was graded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar

from autograder.files import digest

T = TypeVar("T")

Outcome = Literal[
    "completed", "cell_error", "timed_out", "memory_exceeded", "output_exceeded", "disk_exceeded",
    "kernel_died", "unreadable", "rejected", "infra_error",
]  # fmt: skip
Grading = Literal["ok", "grader_error", "not_graded"]
Visibility = Literal["visible", "after_due", "instructor"]
EntryKind = Literal["model", "array", "array_sample", "value", "history", "function", "missing"]


# --- what a submission is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flag:
    """Something an instructor should know; never changes points, never shown to students."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Submission:
    """One submitted folder as it lies on disk; nothing of it has been parsed."""

    student: str
    assignment: str
    folder: str
    submission_id: str
    submitted_at: str | None


@dataclass(frozen=True)
class PreparedNotebook:
    """A submitted notebook after restoring: what will be executed, as nbformat 4 JSON, and what was odd about it."""

    notebook: dict[str, Any]
    flags: tuple[Flag, ...]


# --- what a notebook hands in -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HandinEntry:
    """One handed-in name. `file` is relative to the hand-in folder; `reason` says why something is missing."""

    name: str
    kind: EntryKind
    section: int
    file: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class WeightDescription:
    """One array of parameters of a layer."""

    name: str
    shape: tuple[int, ...]
    trainable: bool


@dataclass(frozen=True)
class LayerDescription:
    """One layer of a flattened model. Shapes have None for the batch axis; `config` holds Keras' own keys.

    `calls`: how often the layer is applied. It stands in the list each time, and its weights the first time only.
    """

    name: str
    kind: str
    config: dict[str, Any]
    weights: tuple[WeightDescription, ...]
    output_shape: tuple[int | None, ...] | None
    calls: int = 1

    @property
    def parameters(self) -> int:
        """Number of parameters: the product of each weight's shape, summed."""
        return sum(_size(weight.shape) for weight in self.weights)

    @property
    def activation(self) -> str | None:
        """Name of the activation in the layer's configuration, or None for a layer without one."""
        found = self.config.get("activation")
        if isinstance(found, dict):
            found = found.get("config") if isinstance(found.get("config"), str) else found.get("class_name")
        return str(found) if found is not None else None


@dataclass(frozen=True)
class CompileDescription:
    """Compile settings as plain names; `optimizer_config` holds Keras' own keys, the learning rate among them."""

    optimizer: str | None
    optimizer_config: dict[str, Any]
    loss: str | None
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class ModelDescription:
    """What graders see of a model: its layers in order, nested models flattened, never a Keras object.

    An operation between layers, such as `h + x`, is a layer without weights here.
    """

    kind: str
    input_shape: tuple[int | None, ...] | None
    output_shape: tuple[int | None, ...] | None
    layers: tuple[LayerDescription, ...]
    compiled: CompileDescription | None

    @property
    def parameters(self) -> int:
        """Number of parameters of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_parameters(self) -> int:
        """Number of parameters that training changes."""
        return sum(_size(weight.shape) for layer in self.layers for weight in layer.weights if weight.trainable)


def _size(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


# --- what graders declare ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """One call of a student's function. `arguments` are encoded (see `autograder.wire`); `seconds` limits the call."""

    id: str
    function: str
    arguments: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What came back: `value` encoded, or the reason why there is none. `asked`: False when there was nobody to ask any more."""

    question: str
    value: Any = None
    reason: str | None = None
    asked: bool = True


@dataclass(frozen=True)
class Prediction:
    """Images as a handed-in model takes them: `shape` of one example, `range` of its values (None: as they are)."""

    model: str
    shape: tuple[int, ...]
    range: tuple[float, float] | None

    @property
    def key(self) -> str:
        """Names the file that holds these predictions."""
        return digest(self.model, self.shape, self.range)


@dataclass(frozen=True)
class DeclaredTest:
    """One collected test of a grader: which cell it scores, what it needs, and which metrics it awards."""

    name: str
    grade_cell: str
    weight: float
    hint: str | None
    visibility: Visibility
    questions: tuple[Question, ...] = ()
    prediction: Prediction | None = None
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declarations:
    """All that the graders of one assignment declare, gathered without any submission."""

    tests: tuple[DeclaredTest, ...]
    problems: tuple[str, ...] = ()

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question once, in the order of the tests."""
        return tuple({question.id: question for test in self.tests for question in test.questions}.values())

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """Every prediction once, in the order of the tests."""
        return tuple(dict.fromkeys(test.prediction for test in self.tests if test.prediction))


@dataclass(frozen=True)
class ScoredTest:
    """What S says of one test: `outcome` is the student's (passed, failed) or the grader's (error); measured metrics by name."""

    name: str
    outcome: Literal["passed", "failed", "error"]
    message: str = ""
    measured: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelMeasures:
    """What S found of one predicted classifier beside its points: accuracies with the number of examples, and its parameters."""

    visible_accuracy: float
    visible_examples: int
    hidden_accuracy: float
    hidden_examples: int
    parameters: int
    trainable_parameters: int


@dataclass(frozen=True)
class Mistake:
    """One misclassified example: its position among the visible ones, its true class, and the one that the model gave."""

    index: int
    true: int
    predicted: int


@dataclass(frozen=True)
class Mistakes:
    """How many of so many visible examples a classifier gets wrong, and at most 25 of these, the surest mistake first."""

    count: int
    examples: int
    surest: tuple[Mistake, ...]


@dataclass(frozen=True)
class Scoring:
    """All that S says of one run, before any points: kept, so that a changed curve needs no S. `flags`: how its models were opened."""

    tests: tuple[ScoredTest, ...]
    problems: tuple[str, ...] = ()
    confusions: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    models: dict[str, ModelMeasures] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    mistakes: dict[str, Mistakes] = field(default_factory=dict)


# --- what an execution leaves -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstError:
    """The first cell that failed: its grade id or position, exception name and message."""

    cell: str
    name: str
    message: str


@dataclass(frozen=True)
class Isolation:
    """Level 0 (none) to 4 of the sandbox that ran the submission, the result of each probe, and how its process was started.

    `start`: "warm" from a fork server, or "cold: " and why not.
    """

    level: int
    probes: dict[str, str] = field(default_factory=dict)
    start: str = ""


@dataclass(frozen=True)
class Usage:
    """What a submission used. CPU and wall time in seconds; wall, `cpu_s` and peak are those of the notebook's processes.

    `student_cpu_s` is the CPU time of the notebook's own cells alone, `hand_in_cpu_s` that of the locked cells that hand in.
    `waited_s`: how long the cells' process was ready to run and had no core, which its time limits do not count.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    student_cpu_s: float = 0.0
    peak_memory_mib: float = 0.0
    gpu: str | None = None
    hand_in_cpu_s: float = 0.0
    model_cpu_s: float = 0.0
    scoring_cpu_s: float = 0.0
    waited_s: float = 0.0

    @property
    def fell_back(self) -> bool:
        """Whether a GPU was asked for and the CPU used; `gpu` then says "none (fell back to the CPU)"."""
        return (self.gpu or "").startswith("none")


@dataclass(frozen=True)
class Seconds:
    """Wall time of each part: waiting, start of the processes, notebook and questions, model, scoring."""

    queue: float = 0.0
    start: float = 0.0
    notebook: float = 0.0
    model: float = 0.0
    scoring: float = 0.0


@dataclass(frozen=True)
class Run:
    """One execution (`runs/<run_key>/run.json`); notebook, hand-ins and answers to `questions` (their ids) lie beside it.

    `data` and `release` are fingerprints of the split and of the release version that it saw, `files` the SHA-256 of what lies beside it.
    """

    run_key: str
    outcome: Outcome
    reason: str
    first_error: FirstError | None
    entries: tuple[HandinEntry, ...]
    flags: tuple[Flag, ...]
    isolation: Isolation
    usage: Usage
    seconds: Seconds
    versions: dict[str, str]
    seed: int
    questions: tuple[str, ...]
    data: str
    release: str
    files: dict[str, str] = field(default_factory=dict)


# --- what grading says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TestResult:
    """One test of one submission. `fraction` is 0 to 1, None when a grader's error left it open; `measured` maps metrics to values."""

    name: str
    passed: bool
    fraction: float | None
    message: str
    hint: str | None
    visibility: Visibility
    measured: dict[str, float | None] = field(default_factory=dict)

    __test__ = False  # not a test class, whatever pytest makes of its name


@dataclass(frozen=True)
class GradeCell:
    """Points of one grade cell; `score` None is unscored, which is not 0. `manual`: graded by a person; `extra`: on top of the others."""

    grade_id: str
    score: float | None
    max_score: float
    manual: bool
    tests: tuple[TestResult, ...] = ()
    extra: bool = False


@dataclass(frozen=True)
class Evidence:
    """What feedback draws beside a record: training curves by hand-in name; confusion matrices (rows: true digit) and mistakes by model."""

    histories: dict[str, dict[str, tuple[float | None, ...]]] = field(default_factory=dict)
    confusions: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    mistakes: dict[str, Mistakes] = field(default_factory=dict)


@dataclass(frozen=True)
class RunReference:
    """A run of this submission; the score comes from the counted one."""

    run_key: str
    seed: int
    counted: bool


@dataclass(frozen=True)
class Record:
    """All that is known of one graded submission. `score` and `max_score` are of the automatic part, without extra credit.

    `release`: number of the release version that it was restored from; None where there was nothing to restore.
    """

    assignment: str
    student: str
    submission_id: str
    attempt: int
    notebook: str
    submitted_at: str | None
    received_at: str
    profile: str
    runs: tuple[RunReference, ...]
    grade_key: str
    context: str
    outcome: Outcome
    reason: str
    grading: Grading
    grading_reason: str
    score: float | None
    max_score: float
    grade_cells: tuple[GradeCell, ...]
    flags: tuple[Flag, ...]
    first_error: FirstError | None
    isolation: Isolation
    usage: Usage
    seconds: Seconds
    versions: dict[str, str]
    schema: Literal[1] = 1
    release: int | None = None

    @property
    def extra_credit(self) -> float:
        """Points that graders gave on top of `score`."""
        return round(sum(cell.score or 0 for cell in self.grade_cells if cell.extra), 2)

    def verdict(self) -> dict[str, Any]:
        """The part that two gradings of the same submission must share."""
        keep = ("outcome", "grading", "score", "grade_cells", "flags")
        return {key: value for key, value in to_dict(self).items() if key in keep}


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter  # here, because notebooks and the scorer import this module without needing it

    return TypeAdapter(kind)


def prepare(*kinds: Any) -> None:
    """Makes the converters of these types now; they are made once in each process."""
    for kind in kinds:
        _adapter(kind)


def to_dict(value: Any) -> Any:
    """A dataclass of this module as plain JSON values. NaN and infinity become null."""
    return json.loads(_adapter(_type_of(value)).dump_json(value))


def _type_of(value: Any) -> Any:
    """A tuple is taken for one of equal members, as the files hold them."""
    if isinstance(value, tuple) and value:
        member: Any = type(value[0])
        return tuple[member, ...]
    return type(value)


def to_json(value: Any) -> str:
    """A dataclass of this module as readable JSON text. NaN and infinity become null."""
    text: bytes = _adapter(_type_of(value)).dump_json(value, indent=1)
    return text.decode() + "\n"


def from_json(kind: type[T], text: str | bytes) -> T:
    """The reverse of `to_json`. Raises ValueError, with every wrong field, when the text is not of that kind."""
    exact: Any = kind
    loaded: T = _adapter(exact).validate_json(text)
    return loaded


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """JSON schema of a dataclass of this module, as shipped for `Record`."""
    exact: Any = kind
    schema: dict[str, Any] = _adapter(exact).json_schema()
    return schema
