"""Writing and naming of hand-ins: `handin/manifest.json` and one folder or file for each name. Runs inside the notebook."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autograder import wire
from autograder.built_in import NotBuiltIn, Refused, require_built_in
from autograder.inputs import Input
from autograder.own_classes import in_keras_names, own_names, probe
from autograder.records import HandinEntry

MANIFEST = "manifest.json"

# For all hand-ins together, where nobody says how much is accepted: the default of a course; and for the manifest, of that.
_ACCEPTED = 16 * 2**20
_MANIFEST_BYTES = 64 * 1024

# Functions as their hand-in cell saw them, by name; the questions are asked of these objects.
FUNCTIONS: dict[str, Any] = {}
_entries: dict[str, HandinEntry] = {}
_sizes: dict[str, int] = {}
_sections: list[tuple[str, ...]] = []


def hand_in_names(
    namespace: dict[str, Any], names: Sequence[str], functions: Sequence[str], inputs: dict[str, Input], weights: bool = True
) -> list[str]:
    """Hands in all names and returns the lines to print, one or two for each; without `weights`, of models their layers only."""
    section = _section_of((*names, *functions))
    grading = os.environ.get("AUTOGRADER_HANDIN")
    folder = Path(grading) if grading else Path(tempfile.mkdtemp(prefix="handin-"))
    try:
        lines = []
        for name in names:
            entry, said = _hand_in_value(namespace, name, section, folder, inputs.get(name), weights)
            lines += said + _replaced(name, section)
            _entries[name] = entry
        for name in functions:
            entry, said = _hand_in_function(namespace, name, section)
            lines += said + _replaced(name, section)
            _entries[name] = entry
        _write_manifest(folder)
    finally:
        if not grading:
            shutil.rmtree(folder, ignore_errors=True)
    return lines


def _section_of(names: tuple[str, ...]) -> int:
    """Sections are numbered in the order of their first hand-in; running a cell again keeps its number."""
    if names not in _sections:
        _sections.append(names)
    return _sections.index(names) + 1


def _replaced(name: str, section: int) -> list[str]:
    """What to say of a name that another cell has handed in before; a cell that runs again replaces its own."""
    before = _entries.get(name)
    if before is None or before.kind == "missing" or before.section == section:
        return []
    return [f"⚠ {name} was handed in by another cell before: this replaces it."]


def _hand_in_function(namespace: dict[str, Any], name: str, section: int) -> tuple[HandinEntry, list[str]]:
    found = namespace.get(name)
    if callable(found):
        FUNCTIONS[name] = found
        return HandinEntry(name, "function", section), [f"✓ {name}: function, will be called with other arguments"]
    FUNCTIONS.pop(name, None)
    reason = f"'{name}' is a {type(found).__name__}, a function was expected" if name in namespace else _undefined(name)
    return _missing(name, section, reason)


def _hand_in_value(
    namespace: dict[str, Any], name: str, section: int, folder: Path, wanted: Input | None, weights: bool
) -> tuple[HandinEntry, list[str]]:
    if name not in namespace:
        return _missing(name, section, _undefined(name))
    value = wire.unwrapped(namespace[name])
    try:
        kind, file, said = _write_value(value, name, folder, weights)
    except Exception as error:  # whatever a student's object raises while it is looked at is a reason, not a crash
        return _missing(name, section, f"'{name}' could not be handed in: {type(error).__name__}: {error}"[:500])
    entry = HandinEntry(name, kind, section, file)  # type: ignore[arg-type]  # one of EntryKind, as _write_value says
    own = _beyond_built_in(value, name, folder / name, wanted if weights else None) if kind == "model" else []
    over = _over_the_limit(name, folder)
    if over and "AUTOGRADER_HANDIN" in os.environ:
        for path in _files_of(name, folder):
            path.unlink()
        return _missing(name, section, f"{over}. Fewer parameters or smaller types make it smaller")
    own += [f"⚠ {over}, unless your course accepts more."] if over else []
    return entry, [f"✓ {name}: {said}", *_input_warning(value, name, wanted), *own]


def _over_the_limit(name: str, folder: Path) -> str:
    """Why this hand-in, after all those before it, is more than is accepted; nothing where it is not."""
    limit = int(os.environ.get("AUTOGRADER_HANDIN_BYTES") or _ACCEPTED)
    _sizes[name] = sum(path.stat().st_size for path in _files_of(name, folder))
    others = sum(_sizes.values()) - _sizes[name]
    if others + _sizes[name] <= limit - min(_MANIFEST_BYTES, limit // 16):
        return ""
    before = f", and what was handed in before it {others:,}" if others else ""
    return f"'{name}' takes {_sizes.pop(name):,} bytes{before}: no more than {limit:,} are accepted in all"


def _files_of(name: str, folder: Path) -> list[Path]:
    """What lies in the folder for one hand-in."""
    found = [folder / f"{name}.json", folder / f"{name}.npz", *(folder / name).glob("*")]
    return [path for path in found if path.is_file()]


def _undefined(name: str) -> str:
    return f"'{name}' is not defined: run the cells above, or define it there"


def _missing(name: str, section: int, reason: str) -> tuple[HandinEntry, list[str]]:
    return HandinEntry(name, "missing", section, None, reason), [f"✗ {name}: not handed in. {reason}"]


def _write_value(value: Any, name: str, folder: Path, weights: bool) -> tuple[str, str, str]:
    """(kind, file, what to print). Raises TypeError or ValueError for what cannot be handed in."""
    if _is_model(value):
        return _write_model(value, name, folder, weights)
    history = _as_history(value)
    if history is not None:
        _write_json(folder / f"{name}.json", history)
        return "history", f"{name}.json", f"history of {len(next(iter(history.values())))} epochs: {', '.join(history)}"
    if isinstance(value, np.ndarray) or (hasattr(value, "__array__") and not np.isscalar(value)):
        return _write_array(wire.as_array(value), name, folder)
    text = json.dumps(wire.encode(value))
    if len(text) > wire.VALUE_BYTES:
        raise ValueError(f"it takes {len(text):,} bytes as text, {wire.VALUE_BYTES:,} are allowed")
    _write_text(folder / f"{name}.json", text)
    return "value", f"{name}.json", f"{type(value).__name__} {_short(value)}"


def _is_model(value: Any) -> bool:
    import sys

    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def _as_history(value: Any) -> dict[str, list[float]] | None:
    """A Keras History, its dict, or any {metric: [floats]} as plain lists; None for anything else."""
    found = getattr(value, "history", value)
    if not isinstance(found, dict) or not found:
        return None
    try:
        curves = {str(metric): [float(each) for each in values] for metric, values in found.items() if isinstance(values, list | tuple)}
    except (TypeError, ValueError):
        return None
    return curves if len(curves) == len(found) and all(curves.values()) else None


def _write_array(array: np.ndarray[Any, Any], name: str, folder: Path) -> tuple[str, str, str]:
    wire.check_numeric(array)
    said = f"array {array.shape} {array.dtype}"
    if array.nbytes <= wire.ARRAY_BYTES:
        _write_npz(folder / f"{name}.npz", {"array": array})
        return "array", f"{name}.npz", said
    indices = wire.sample_indices(os.environ.get("AUTOGRADER_ASSIGNMENT", ""), name, len(array))
    _write_npz(
        folder / f"{name}.npz",
        {"shape": np.array(array.shape), "dtype": np.array(array.dtype.str), "rows": array[indices], "indices": indices},
    )
    return "array_sample", f"{name}.npz", f"{said}, of which {len(indices)} rows are handed in"


def _write_model(model: Any, name: str, folder: Path, with_weights: bool = True) -> tuple[str, str, str]:
    import keras

    from autograder.description import compile_settings, make_writable

    if not model.built:
        raise ValueError("the model has no input shape yet: begin it with keras.Input(shape=…)")
    target = folder / name
    target.mkdir(exist_ok=True)
    (target / "probe.npz").unlink(missing_ok=True)  # another model's, handed in by this name before
    make_writable(model)
    try:
        config = in_keras_names(json.loads(json.dumps(keras.saving.serialize_keras_object(model))), model)
    except (TypeError, ValueError, NotImplementedError):
        config = None  # a class whose constructor Keras cannot write down
    weights = list(model.weights)
    arrays = {f"w{index:04}": _as_numbers(weight) for index, weight in enumerate(weights)} if with_weights else {}
    _write_npz(target / "weights.npz", arrays)
    _write_json(target / "compile.json", compile_settings(model))
    described = [{"path": weight.path, "shape": list(weight.shape), "trainable": bool(weight.trainable)} for weight in weights]
    made = {"config": config, "class_name": type(model).__name__, "weights": described, "layers_only": not with_weights}
    _write_json(target / "model.json", made)
    total = sum(int(np.prod(weight.shape)) for weight in weights)
    shapes = f"input {getattr(model, 'input_shape', '?')}, output {getattr(model, 'output_shape', '?')}"
    return "model", name, f"{type(model).__name__} model, {shapes}, {total:,} parameters" + ("" if with_weights else ", its layers only")


def _beyond_built_in(model: Any, name: str, target: Path, wanted: Input | None) -> list[str]:
    """What to know of a model that is more than built-in layers; hands in answers to a few examples, to be compared with later ones."""
    config = json.loads((target / "model.json").read_text(encoding="utf-8"))["config"]
    if config is None:
        return [
            f"⚠ {name} cannot be built again for its predictions: give the constructor of {type(model).__name__} plain arguments only "
            "(numbers, text, lists), or write a get_config() that returns them."
        ]
    names = sorted(set(own_names(config)))
    try:
        require_built_in(config)
        return []
    except NotBuiltIn as refusal:
        why = f" uses {', '.join(names)[:200]}, not built in" if names else f": {refusal}"
    except Refused as refusal:
        return [f"⚠ {name} cannot be opened by the graders: {refusal}."]
    answers = probe(model, wanted) if wanted else None
    said = [f"⚠ {name}{why}: its predictions can be graded, its architecture cannot."]
    if wanted and answers is None:
        said.append(f"⚠ {name} does not answer inputs of shape {wanted.shape}, with which it will be graded.")
    if answers is not None and answers.nbytes <= wire.ARRAY_BYTES:
        _write_npz(target / "probe.npz", {"outputs": answers})
    return said


def _as_numbers(weight: Any) -> np.ndarray[Any, Any]:
    """Half precision as float32: NumPy's files do not know bfloat16."""
    array = np.asarray(weight)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _input_warning(value: Any, name: str, wanted: Input | None) -> list[str]:
    if wanted is None:
        return []
    if not _is_model(value):
        return [f"⚠ {name} is a {type(value).__name__}; a Keras model is expected here."]
    shape = getattr(value, "input_shape", None)
    if shape is None:  # a subclassed model takes what it is given
        return []
    got = tuple(shape[1:]) if isinstance(shape, tuple) else shape
    if wanted.fits(got):
        return []
    return [f"⚠ {name} takes inputs of shape {got}, but it will be graded with {wanted.shape}: change its first layer."]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _write_manifest(folder: Path) -> None:
    _write_json(folder / MANIFEST, {"schema": 1, "entries": [asdict(entry) for entry in _entries.values()]})


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value))


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _write_npz(path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # numpy's stub mixes its own keywords with the arrays
    partial.replace(path)
