"""What a student reads in place of an outcome, an exception or the name of a test. To say more, add a line to a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from autograder.feedback.clean import line, paragraph
from autograder.records import FirstError, Outcome, Record


@dataclass(frozen=True)
class Words:
    """What happened, what to do about it, and how bad it is: good, warn, bad, or calm when it is nobody's doing here."""

    happened: str
    advice: str
    tone: str


_KEPT = "What was handed in before that still counts."

OUTCOMES: dict[Outcome, Words] = {
    "completed": Words("Your notebook ran from the first cell to the last.", "", "good"),
    "cell_error": Words(
        "Your notebook stopped at a cell that raised an error.",
        f"{_KEPT} Restart the kernel, run all cells from the top, and mend the first one that fails.",
        "bad",
    ),
    "timed_out": Words(
        "Your notebook took longer than it may, and was stopped.",
        f"{_KEPT} Train fewer epochs or a smaller network, keep to `epoch_limit`, and look for a loop that never ends.",
        "bad",
    ),
    "memory_exceeded": Words(
        "Your notebook needed more memory than it may, and was stopped.",
        f"{_KEPT} Keep fewer copies of the data (float32, not float64), and use smaller batches or layers.",
        "bad",
    ),
    "output_exceeded": Words(
        "Your notebook printed more than it may, and was stopped.",
        f"{_KEPT} Take out print calls inside loops, and train with verbose=0 or verbose=2.",
        "bad",
    ),
    "disk_exceeded": Words(
        "Your notebook wrote more files than it may, and was stopped.",
        f"{_KEPT} Do not save models or arrays yourself: what you hand in is taken from the notebook's variables.",
        "bad",
    ),
    "kernel_died": Words(
        "The process that ran your notebook ended before the last cell.",
        f"{_KEPT} Most often the memory ran out, or a cell called exit(). Restart the kernel and run all cells from the top.",
        "bad",
    ),
    "unreadable": Words(
        "What you submitted cannot be read as the assignment's notebook.",
        "Submit again with what is named here put right.",
        "bad",
    ),
    "rejected": Words(
        "Your submission was not accepted, so nothing was run.",
        "Submit again with what is named here put right.",
        "bad",
    ),
    "infra_error": Words(
        "The machine that grades had a problem. It is not your mistake.",
        "You need not do anything: your submission is kept and will be graded again.",
        "calm",
    ),
}

UNSCORED: dict[str, str] = {
    "unreadable": "the file could not be read",
    "rejected": "the submission was not accepted",
    "infra_error": "the machine that grades had a problem, and will try again",
    "grader_error": "one of the checks is itself broken; that is your instructor's to mend, not yours",
    "not_graded": "your submission has not been graded yet",
}

# Outcomes whose reason tells the student something; the others' is for instructors.
_TELLING = ("timed_out", "memory_exceeded", "output_exceeded", "disk_exceeded", "unreadable", "rejected")

_NETWORK = "There is no network while your notebook is graded. Use the data that the assignment gives you."
_SHAPES = (
    "Two shapes do not fit together. Print the shapes just before this line: often the inputs were not flattened, the labels are "
    "not one-hot, or the last layer has not as many units as there are classes."
)

ERRORS: dict[str, str] = {
    "NameError": "A name is used that has no value at this point. It may be misspelt, or its cell was deleted or stands further down.",
    "UnboundLocalError": "A variable is used inside a function before the function has given it a value.",
    "NotImplementedError": "This cell still has its placeholder. Write your code in place of the lines that raise `NotImplementedError`.",
    "AssertionError": "A check in the notebook does not hold. Its message says what was expected and what came.",
    "ModuleNotFoundError": "A library is imported that is not installed where notebooks are graded. Use only what the assignment names.",
    "ImportError": "A library has no such part. With Keras 3, write `import keras` and take everything from there.",
    "SyntaxError": "Python cannot read this cell: look for a missing bracket, quote or colon, at the line named or just above it.",
    "IndentationError": "Lines of this cell are not indented alike. Use four spaces for each level.",
    "TypeError": "Something was called or combined with values it does not take: too many, too few, or of another type.",
    "ValueError": "A function got a value that it cannot work with. The message names it.",
    "AttributeError": "An object has no such attribute. The name may be misspelt, or the variable may hold something else than you think.",
    "IndexError": "A position was asked for that the list or array does not have. Positions start at 0.",
    "KeyError": "A dictionary has no such key. Print its keys: the metrics in a history are named as in `compile`.",
    "ZeroDivisionError": "Something was divided by zero.",
    "FloatingPointError": "A calculation left the range of floating-point numbers.",
    "FileNotFoundError": "A file is opened that is not there. While grading, only the assignment's own files lie beside the notebook.",
    "PermissionError": "A file or folder is used that the notebook may not use. Write only beside the notebook.",
    "OSError": "A file or device could not be used. While grading, only the folder of the notebook can be written.",
    "ConnectionError": _NETWORK,
    "URLError": _NETWORK,
    "gaierror": _NETWORK,
    "MemoryError": "The memory was not enough. Keep fewer copies of the data, use float32, and make batches or layers smaller.",
    "ResourceExhaustedError": "The memory was not enough. Make batches or layers smaller.",
    "InvalidArgumentError": _SHAPES,
    "KeyboardInterrupt": "The cell took longer than it may and was stopped. Train fewer epochs, or look for a loop that never ends.",
    "CellTimeoutError": "The cell took longer than it may and was stopped. Train fewer epochs, or look for a loop that never ends.",
    "TimeoutError": "Something took longer than it may and was stopped.",
    "DeadKernelError": "The process that ran the notebook ended. Most often the memory ran out, or a cell called exit().",
    "SystemExit": "A cell called exit(). A notebook must run on to its last cell.",
    "RecursionError": "A function calls itself without end.",
    "StdinNotImplementedError": "A cell asks for input, and while grading nobody is there to answer. Write the value in the code.",
    "RuntimeError": "A library could not go on. Its message says why.",
}

# Outcomes after which there is no notebook that a person could grade.
NOTHING_TO_READ = ("unreadable", "rejected", "infra_error")

# Looked at first: (exception, pattern in its message, explanation).
SPECIAL_CASES: tuple[tuple[str, str, str], ...] = (
    ("ValueError", r"(?i)shape|dimension|incompatible|expected axis|min_ndim|broadcast|cardinality", _SHAPES),
    ("TypeError", r"'NoneType'", "A variable holds None. Often a function has no `return`, or a placeholder was left."),
    ("AttributeError", r"'NoneType'", "A variable holds None. Often a function has no `return`, or a placeholder was left."),
    ("ValueError", r"(?i)\bnan\b|infinity", "A number is NaN or infinite. The learning rate may be too high, or a divisor is zero."),
    ("RuntimeError", r"(?i)compile", "The model is used before `compile` was called."),
    ("ValueError", r"(?i)compile", "The model is used before `compile` was called, or `compile` got a name it does not know."),
    ("Exception", r"(?i)URL fetch|urlopen|name resolution|no network", _NETWORK),
)


def outcome_words(record: Record) -> Words:
    """What became of the execution, and what to do."""
    return OUTCOMES[record.outcome]


def told_reason(record: Record) -> str:
    """The reason of the outcome where it is meant for the student, else nothing."""
    return paragraph(record.reason, 500) if record.outcome in _TELLING else ""


def unscored_reason(record: Record) -> str:
    """Why there is no score. What broke in a grader or a machine is never told to students."""
    return UNSCORED.get(record.outcome) or UNSCORED.get(record.grading) or UNSCORED["not_graded"]


def explain_error(error: FirstError) -> str:
    """What an exception usually means in a notebook of this kind."""
    name = error.name.rpartition(".")[2]
    for owner, pattern, explanation in SPECIAL_CASES:
        if owner == name and re.search(pattern, error.message[:2_000]):
            return explanation
    return ERRORS.get(name, "Read the message and the last lines of the cell's output: they name the line that failed.")


def in_words(identifier: str, limit: int = 100) -> str:
    """'first_dense_network' → 'First dense network'."""
    words = line(identifier, limit).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def test_title(name: str) -> str:
    """'test_model.py::test_layers_have_x[784-10]' → 'Layers have x', 'test_size #2' → 'Size, case 2': neither file nor arguments."""
    function, _, case = name.partition("[")[0].rpartition("::")[2].rpartition(".")[2].partition(" #")
    return (in_words(re.sub(r"^test_+", "", function)) or "Check") + (f", case {case}" if case.isdecimal() else "")


def rerun_words(record: Record) -> str:
    """Why a notebook ran more than once, and which run the page shows; empty when it ran once."""
    if len(record.runs) < 2 or record.score is None:
        return ""
    times = {2: "twice", 3: "three times"}.get(len(record.runs), f"{len(record.runs)} times")
    return (
        "One of your results was so close to full points that luck could decide: training starts from random numbers. So your notebook "
        f"ran {times}, each time from other random numbers, and the best run counts. This page shows that run."
    )


def metric_title(name: str) -> str:
    """'val_accuracy' → 'validation accuracy'."""
    return line(re.sub(r"^val_", "validation ", name), 60).replace("_", " ")


def number(value: float | None, digits: int = 4) -> str:
    """A measured value, short: 0.9312, 12,345, 1.2e-07."""
    if value is None:
        return "no number"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def points(value: float) -> str:
    """Points without needless zeros: 10, 7.5, 6.67."""
    return number(round(value, 2), 2)


def duration(seconds: float) -> str:
    """'0.4 s', '42 s', '3 min 20 s', '2 h 5 min'."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(mib: float) -> str:
    """'850 MiB', '1.4 GiB'."""
    return f"{mib:,.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def moment(text: str) -> datetime | None:
    """A time as nbgrader's timestamp.txt or a record has it, None when it is none; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def clock(text: str | None, timezone: str) -> str:
    """'12 February 2027, 23:41' in a time zone, for a time as a record has it; empty when it is none."""
    found = moment(text or "")
    try:
        return found.astimezone(ZoneInfo(timezone)).strftime("%d %B %Y, %H:%M").lstrip("0") if found else ""
    except OverflowError:  # the ends of the calendar
        return ""
