"""Process B: opens handed-in models, describes them and predicts the declared images. No student code, no labels. `main()` runs in a fork.

One request comes in with the hand-in's files; frames go out: `described` (payload: ModelDescription as JSON), `predicted`
(payload: npz with hidden and visible), `opening` (model) before each, `refused` (model, reason, custom: it has classes or functions
that are not built in), and `done`.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from autograder.description import describe, describe_compile
from autograder.grading.asking import MAX_OUTPUT
from autograder.grading.opening import NotBuiltIn, Refused, read_config, read_weights, rebuild
from autograder.inputs import Input
from autograder.isolation.caller import Caller
from autograder.isolation.channel import FrameWriter
from autograder.records import CompileDescription, ModelDescription, prepare, to_json

_BATCH = 2_000


def prepare_server() -> None:
    """Once for all models."""
    prepare(ModelDescription)


def main() -> None:
    work, caller = Path.cwd(), Caller()
    writer, request = caller.writer, caller.receive(work)
    images = {part: np.load(path, mmap_mode="r") for part, path in request["images"].items()}
    for name in request["models"]:
        writer.send("opening", model=name)
        try:
            _open(name, work / "handin" / name, request, images, writer)
        except NotBuiltIn as refusal:
            writer.send("refused", model=name, reason=_no_architecture(name, refusal), custom=True)
        except Refused as refusal:
            writer.send("refused", model=name, reason=f"The model '{name}' cannot be opened: {refusal}.")
        except BrokenPipeError:  # the command has gone
            raise
        except Exception as error:  # whatever a model that a student configured leads to is that model's
            said = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
            writer.send("refused", model=name, reason=f"The model '{name}' cannot predict: {said}")
    writer.send("done")


def _no_architecture(name: str, refusal: NotBuiltIn) -> str:
    return (
        f"The architecture of '{name}' cannot be graded: {refusal}, and a class can claim anything of itself. "
        "Build it from Keras' own layers (Sequential or functional); for cells about its predictions it may stay as it is."
    )


def _open(name: str, folder: Path, request: dict[str, Any], images: dict[str, Any], writer: FrameWriter) -> None:
    model = rebuild(read_config(folder), read_weights(folder, request["limit"]))
    writer.send("described", to_json(describe(model, _compiled(folder))).encode(), model=name)
    for wanted in request["predictions"]:
        if wanted["model"] == name:
            shape, span = tuple(wanted["shape"]), wanted["range"]
            predicted = {part: _predict(model, Input(shape, tuple(span) if span else None), arrays) for part, arrays in images.items()}
            buffer = io.BytesIO()
            np.savez(buffer, **predicted)  # type: ignore[arg-type]  # numpy's stub mixes its own keywords with the arrays
            writer.send("predicted", buffer.getvalue(), key=wanted["key"])


def _compiled(folder: Path) -> CompileDescription | None:
    """Compile settings as handed in; None when there are none, or none that can be understood."""
    try:
        settings = json.loads((folder / "compile.json").read_bytes())
        return describe_compile(settings) if settings else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _predict(model: Any, wanted: Input, images: Any) -> np.ndarray[Any, Any]:
    """Outputs (n, …) float32, eagerly in batches: for one pass that is several times faster than `predict`."""
    import keras

    expected = tuple(model.input_shape[1:]) if isinstance(model.input_shape, tuple) else model.input_shape
    _check_output(model.output_shape)
    if not wanted.fits(expected):
        raise Refused(f"it takes inputs of shape {expected}, {wanted.shape} were expected")
    parts = (wanted.prepare(images[start : start + _BATCH], expected) for start in range(0, len(images), _BATCH))
    return np.concatenate([keras.ops.convert_to_numpy(model(part, training=False)) for part in parts]).astype(np.float32)


def _check_output(shape: Any) -> None:
    """One output of a known, reasonable size for each image; anything else could fill memory and disk."""
    if not isinstance(shape, tuple) or not all(side is None or isinstance(side, int) for side in shape):
        raise Refused("it has several outputs; one is needed")
    size = math.prod(side or MAX_OUTPUT + 1 for side in shape[1:])
    if size > MAX_OUTPUT:
        raise Refused(
            f"it gives outputs of shape {shape}, at most {MAX_OUTPUT:,} numbers for each image are read (is a last layer missing?)"
        )
