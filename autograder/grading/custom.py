"""Process C: builds one model from the student's own classes and predicts what it is asked. Student code runs here.

`main()` runs in a fork.
One request comes in with the model's files and the notebook's cells; `started` goes out, then `ready`. Then each request brings
images (no labels, no order, nothing else), and `answer` goes out (raw float32, shape). `refused` (reason) ends it at any point.
"""

from __future__ import annotations

import base64
import functools
import inspect
import marshal
import re
import sys
import types
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autograder.built_in import Refused
from autograder.grading.asking import MAX_OUTPUT, NO_NUMBERS, NO_ROWS, SEVERAL_OUTPUTS, TOO_MANY_NUMBERS
from autograder.grading.definitions import choose_definitions, run_definitions
from autograder.grading.opening import finalize, read_model_file, read_weights
from autograder.inputs import Input
from autograder.isolation.caller import Caller
from autograder.own_classes import dictionaries, of_libraries, own_names, probe

_ROUNDING = 0.01
# What Keras writes into every configuration, whether or not the class takes it.
_BASE = ("name", "trainable", "dtype", "activity_regularizer")


def prepare_server() -> None:
    """Once for all models: what translates IPython's syntax."""
    import IPython.core.inputtransformer2  # noqa: F401


def main() -> None:
    work, caller = Path.cwd(), Caller()
    request = caller.receive(work)
    import keras  # noqa: F401  # where no server has done so: a Keras that cannot be imported is no student's fault

    caller.writer.send("started")
    wanted = Input(tuple(request["input"]["shape"]), tuple(request["input"]["range"]) if request["input"]["range"] else None)
    seen = False
    try:
        model = _rebuild(work / "model", request, wanted)
        caller.writer.send("ready")
        seen = True
        while (asked := caller.receive(work)) is not None:
            images = np.frombuffer((work / "images").read_bytes(), asked["dtype"]).reshape(asked["shape"])
            answer = _predict(model, wanted.prepare(images))
            caller.writer.send("answer", answer.tobytes(), shape=list(answer.shape))
    except Refused as refusal:
        caller.writer.send("refused", reason=str(refusal))
    except Exception as error:  # whatever a student's class raises is its own
        what = "it raises" if seen else "it cannot be built again:"
        caller.writer.send("refused", reason=f"{what} {type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """The line of a message that says something, without Keras' wrapping.

    "… could not be deserialized properly … Exception encountered: <it>", "… Error encountered: <it>", or "Exception encountered when
    calling X.call().", <it> in colour, and the arguments.
    """
    said = re.split("(?:Exception|Error) encountered:", re.sub(r"\x1b\[[0-9;]*m", "", str(error)))[-1]
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("Exception encountered when calling")]
    return lines[0][:300] if lines else "no message"


def _rebuild(folder: Path, request: dict[str, Any], wanted: Input) -> Any:
    """The model with its weights, built by the notebook's own classes. Raises Refused, or whatever those raise."""
    import keras
    from keras.src.utils import python_utils

    found = read_model_file(folder)
    config, weights = found["config"], read_weights(folder, request["limit"])
    if config is None:
        raise Refused(
            f"Keras cannot write down how its class {found.get('class_name')!r:.60} is made: give its constructor plain arguments only "
            "(numbers, text, lists), or write a get_config() that returns them"
        )
    libraries = of_libraries(config)
    namespace, names, problems = _define(config, request["sources"], request["model"], libraries)
    python_utils.func_load = functools.partial(python_utils.func_load, globs=namespace)  # a lambda sees the notebook's imports
    if config.get("class_name") in names:
        config.pop("build_config", None)  # a subclassed model is built by its first call, as it was in the notebook
    own = libraries | {name: namespace[name] for name in names if name in namespace}
    try:
        model = keras.saving.deserialize_keras_object(_without_compiling(config), custom_objects=own, safe_mode=False)
        _predict(model, np.zeros((2, *wanted.shape), np.float32))
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"it cannot be built again from its classes: {_why(error, names, namespace, problems)}") from None
    _set_weights(model, weights)
    _expect_the_same(model, folder, wanted)
    return model


def _define(
    config: dict[str, Any], sources: list[str], model: str, libraries: Collection[str]
) -> tuple[dict[str, Any], set[str], list[str]]:
    """The namespace of the notebook's definitions, the names that the configuration takes from it, and what went wrong."""
    names = set(own_names(config)) - set(libraries)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # where classes of a notebook say that they come from
    problems = run_definitions(choose_definitions(sources, model, names | set(_names_in_lambdas(config))), module.__dict__)
    for value in list(module.__dict__.values()):
        if isinstance(value, type) and value.__module__ == "__main__":
            _leave_out_what_it_does_not_take(value)
    return module.__dict__, names, problems


def _names_in_lambdas(value: Any) -> Iterator[str]:
    for each in dictionaries(value):
        config = each.get("config")
        if each.get("class_name") == "__lambda__" and isinstance(config, dict):
            yield from _names_in_code(marshal.loads(base64.b64decode(config["code"])))


def _names_in_code(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in_code(constant)


def _without_compiling(value: Any) -> Any:
    """The configuration without optimizers, losses and metrics: predicting needs none, and they may be classes as well."""
    for each in list(dictionaries(value)):
        each.pop("compile_config", None)
    return value


def _leave_out_what_it_does_not_take(own: Any) -> None:
    """Lets `from_config` of a class without `**kwargs` go without Keras' own arguments, as most beginners' classes are written."""
    if "from_config" in vars(own) or not hasattr(own, "from_config"):
        return

    def from_config(cls: Any, /, config: dict[str, Any], **options: Any) -> Any:
        taken = inspect.signature(cls.__init__).parameters
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in taken.values()):
            config = {key: value for key, value in config.items() if key in taken or key not in _BASE}
        inherited: Any = super(own, cls)
        return inherited.from_config(config, **options)

    own.from_config = classmethod(from_config)


def _why(error: Exception, names: set[str], namespace: dict[str, Any], problems: list[str]) -> str:
    """The sentence for the student: what is not defined weighs more than what follows from that."""
    missing = sorted(names - namespace.keys())
    said = f"{type(error).__name__}: {_first_line(error)}"
    if missing:
        said = f"{missing[0]!r:.60} is not defined at the top level of a cell above its hand_in(…)"
    said += f" ({problems[0]})" if problems else ""
    if missing or problems or isinstance(error, NameError):
        said += (
            ". Classes may use imports, other classes and functions, and constants of the notebook, but nothing that was computed there: "
            "pass such values to the constructor"
        )
    return said


def _set_weights(model: Any, weights: list[np.ndarray[Any, Any]]) -> None:
    shapes, given = [tuple(weight.shape) for weight in model.weights], [tuple(weight.shape) for weight in weights]
    if shapes != given:
        raise Refused(
            f"built again, it needs weights of shapes {shapes[:6]}, those handed in have {given[:6]}: make all layers in the "
            "constructor or in build()"
        )
    model.set_weights(weights)
    finalize(model)


def _expect_the_same(model: Any, folder: Path, wanted: Input) -> None:
    """Compares answers to a few examples with those in the notebook, as far as it handed some in. Raises Refused."""
    try:
        with np.load(folder / "probe.npz", allow_pickle=False) as arrays:
            then = arrays["outputs"]
    except Exception:  # none, or none that can be read: a check fewer
        return
    now, again = probe(model, wanted), probe(model, wanted)
    if now is None or again is None or not _is_the_same(now, again) or then.shape != now.shape:
        return  # what is wrong with these is found out when it is asked
    if not _is_the_same(now, then):
        raise Refused(
            "built again, it gives other answers than in the notebook. It must not need anything beside its weights and its constructor's "
            "plain arguments: hand other values over there, or keep them in a weight"
        )


def _is_the_same(some: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> bool:
    """Equal up to rounding."""
    return bool(np.allclose(some, others, rtol=_ROUNDING, atol=_ROUNDING * float(np.abs(others).max(initial=0)), equal_nan=True))


def _predict(model: Any, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Answers (n, …) as little-endian float32. Raises Refused."""
    import keras

    outputs = model(inputs, training=False)
    if isinstance(outputs, dict | list | tuple):
        raise Refused(SEVERAL_OUTPUTS)
    answers = np.asarray(keras.ops.convert_to_numpy(outputs))
    if answers.dtype.kind in "cOSUM":
        raise Refused(NO_NUMBERS)
    if answers.ndim == 0 or len(answers) != len(inputs):
        raise Refused(NO_ROWS)
    if answers.size > MAX_OUTPUT * len(answers):
        raise Refused(TOO_MANY_NUMBERS)
    return np.ascontiguousarray(answers, dtype="<f4")
