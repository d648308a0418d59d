"""Process B: opens handed-in models, describes them and predicts the declared images. No student code, no labels. `main()` runs in a fork.

One request comes in with the hand-in's files; frames go out: `opening` (model) before each, then `described` (payload: ModelDescription
as JSON) or `refused` (model, reason, custom: it has classes or functions that are not built in); `predicting` (key) before each of its
predictions, then `predicted` (payload: a piece of an npz with hidden and visible, last: whether it is complete) or `unpredicted`
(reason); and `done`.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from autograder.built_in import NotBuiltIn, Refused
from autograder.description import describe, describe_compile
from autograder.files import read_bounded
from autograder.grading.asking import MAX_OUTPUT, NO_ROWS
from autograder.grading.opening import read_config, read_model_file, read_weights, rebuild, rebuild_layers
from autograder.inputs import Input
from autograder.isolation.caller import Caller
from autograder.isolation.channel import FrameWriter
from autograder.records import CompileDescription, ModelDescription, from_json, prepare, to_json

_BATCH = 2_000
_SMALL = 64
_MEMORY = 256 * 2**20  # for what all layers make of one batch: Keras keeps it until the last one is done
_PIECE = 4 * 2**20
_COMPILE_BYTES = 100_000
_VISIBLE = "visible"


def prepare_server() -> None:
    """Once for all models."""
    prepare(ModelDescription, CompileDescription)


def main() -> None:
    work, caller = Path.cwd(), Caller()
    writer, request = caller.writer, caller.receive(work)
    images = {part: np.load(path, mmap_mode="r") for part, path in request["images"].items()}
    for name in request["models"]:
        writer.send("opening", model=name)
        try:
            model, description = _open(name, work / "handin" / name, request["limit"])
            described = _passed_on(description)
        except NotBuiltIn as refusal:
            writer.send("refused", model=name, reason=_no_architecture(name, refusal), custom=True)
        except Refused as refusal:
            writer.send("refused", model=name, reason=f"The model '{name}' cannot be opened: {refusal}.")
        except Exception as error:  # whatever a model that a student configured leads to is that model's
            writer.send("refused", model=name, reason=f"The model '{name}' cannot be opened: {_short(error)}")
        else:
            writer.send("described", described, model=name)
            for wanted in request["predictions"]:
                if wanted["model"] == name and model is not None:
                    _answer(model, description, wanted, images, writer)
                elif wanted["model"] == name:
                    reason = f"The model '{name}' cannot predict: it was handed in without its weights."
                    writer.send("unpredicted", key=wanted["key"], reason=reason)
    writer.send("done")


def _answer(model: Any, description: ModelDescription, wanted: dict[str, Any], images: dict[str, Any], writer: FrameWriter) -> None:
    """One prediction of a model that is open: what goes wrong with it costs neither the description nor another prediction."""
    key, name = wanted["key"], wanted["model"]
    writer.send("predicting", key=key)
    shape, span = tuple(wanted["shape"]), wanted["range"]
    taken = Input(shape, tuple(span) if span else None)
    try:
        few, many = (_batch_size(description, shape, small) for small in (True, False))
        predicted = _predict_parts(model, taken, images, [few] if wanted["small"] else [many, few])
    except Refused as refusal:
        writer.send("unpredicted", key=key, reason=f"The model '{name}' cannot predict: {refusal}.")
    except _Failed as failure:
        writer.send("unpredicted", key=key, reason=f"The model '{name}' cannot predict: {failure}")
    else:
        _send(predicted, key, writer)


class _Failed(Exception):
    """What a model raised. Of hidden images it says no more than that: backends quote the numbers that they stumble over."""

    def __init__(self, part: str, error: Exception) -> None:
        super().__init__(_short(error) if part == _VISIBLE else "it answers the visible images, and fails at others")


def _predict_parts(model: Any, taken: Input, images: dict[str, Any], batches: list[int]) -> dict[str, np.ndarray[Any, Any]]:
    """Predictions by part, with the first size of batches for which nothing goes wrong. Raises Refused, or _Failed for the last one."""
    predicted = {}
    for part in sorted(images, key=lambda each: each != _VISIBLE):  # so that what fails in any case fails where it can be said how
        try:
            predicted[part] = _predict(model, taken, images[part], batches[0])
        except Refused:
            raise
        except Exception as error:  # often for memory, which every backend says in its own way
            if len(batches) > 1:
                return _predict_parts(model, taken, images, batches[1:])
            raise _Failed(part, error) from None
    return predicted


def _send(predicted: dict[str, np.ndarray[Any, Any]], key: str, writer: FrameWriter) -> None:
    """In pieces, so that whoever reads them never holds more than one."""
    buffer = io.BytesIO()
    np.savez(buffer, **predicted)  # type: ignore[arg-type]  # numpy's stub mixes its own keywords with the arrays
    data = buffer.getbuffer()
    for start in range(0, len(data), _PIECE):
        writer.send("predicted", bytes(data[start : start + _PIECE]), key=key, last=start + _PIECE >= len(data))


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"


def _no_architecture(name: str, refusal: NotBuiltIn) -> str:
    claim, cure = (", and a class can claim anything of itself", "Keras' own") if refusal.own else ("", "other")
    return (
        f"The architecture of '{name}' cannot be graded: {refusal}{claim}. "
        f"Build it from {cure} layers (Sequential or functional); for cells about its predictions it may stay as it is."
    )


def _open(name: str, folder: Path, limit: int) -> tuple[Any, ModelDescription]:
    """The model, None without its weights, and its description. Raises Refused, or whatever Keras makes of what a student configured."""
    if read_model_file(folder).get("layers_only") is True:
        return None, describe(rebuild_layers(read_config(folder), limit), _compiled(folder))
    model = rebuild(read_config(folder), read_weights(folder, limit))
    return model, describe(model, _compiled(folder))


def _passed_on(description: ModelDescription) -> bytes:
    """The description as JSON that S can read. Raises Refused for what a student made up that JSON cannot carry, or not so deep."""
    try:
        text = to_json(description)
        from_json(ModelDescription, text)
    except (ValueError, RecursionError):
        raise Refused("its names or settings hold broken text, or lists inside lists without end") from None
    return text.encode()


def _compiled(folder: Path) -> CompileDescription | None:
    """Compile settings as handed in; None when there are none, or none that can be understood and passed on."""
    try:
        settings = json.loads(read_bounded(folder / "compile.json", _COMPILE_BYTES))
        if not settings:
            return None
        compiled = describe_compile(settings)
        from_json(CompileDescription, to_json(compiled))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return compiled


def _batch_size(description: ModelDescription, shape: tuple[int, ...], small: bool) -> int:
    """How many images at a time: as many as the layers' outputs leave room for, and far fewer where that has failed before."""
    open_side = max(shape, default=1)  # of an input that takes any size
    numbers = sum(math.prod(side or open_side for side in layer.output_shape[1:]) for layer in description.layers if layer.output_shape)
    fitting = max(1, min(_BATCH, _MEMORY // (4 * max(1, numbers))))
    return max(1, min(_SMALL, fitting // 8)) if small else fitting


def _predict(model: Any, wanted: Input, images: Any, batch: int) -> np.ndarray[Any, Any]:
    """Outputs (n, …) float32, eagerly in batches: for one pass that is several times faster than `predict`."""
    import keras

    expected = tuple(model.input_shape[1:]) if isinstance(model.input_shape, tuple) else model.input_shape
    _check_output(model.output_shape)
    if not wanted.fits(expected):
        raise Refused(f"it takes inputs of shape {expected}, {wanted.shape} were expected")
    predicted: np.ndarray[Any, Any] | None = None
    for start in range(0, len(images), batch):
        part = keras.ops.convert_to_numpy(model(wanted.prepare(images[start : start + batch], expected), training=False))
        rows = min(batch, len(images) - start)
        if part.shape[:1] != (rows,):
            raise Refused(NO_ROWS)
        if predicted is None:
            predicted = np.empty((len(images), *part.shape[1:]), np.float32)
        predicted[start : start + batch] = part
    return np.empty((0, 0), np.float32) if predicted is None else predicted


def _check_output(shape: Any) -> None:
    """One output of a known, reasonable size for each image; anything else could fill memory and disk."""
    if not isinstance(shape, tuple) or not all(side is None or isinstance(side, int) for side in shape):
        raise Refused("it has several outputs; one is needed")
    size = math.prod(side or MAX_OUTPUT + 1 for side in shape[1:])
    if size > MAX_OUTPUT:
        raise Refused(
            f"it gives outputs of shape {shape}, at most {MAX_OUTPUT:,} numbers for each image are read (is a last layer missing?)"
        )
