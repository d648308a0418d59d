"""Checks of a model's layers, parameters and compile settings, and of a training history. Imported by `autograder.checks`."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from typing import Any

from autograder._check_failed import CheckFailed, fail, lacks, many, show, show_shape
from autograder._check_folding import doubled, folded
from autograder.histories import curves_of
from autograder.records import LayerDescription, ModelDescription

Indexed = tuple[int, LayerDescription]
_MOST_SHOWN = 60


def _described(model: Any) -> ModelDescription:
    if isinstance(model, ModelDescription):
        return model
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        fail("The model", f"is {show(model)}", "a Keras model", "does the function end with `return`?" if model is None else "")
    from autograder.description import describe_live

    try:
        return describe_live(model)
    except Exception as error:  # a model of the student's own class may raise anything while it is looked at
        raise CheckFailed(f"The model cannot be looked at: {error}") from None


def _named(indexed: Indexed) -> str:
    return f"Layer {indexed[0]} '{indexed[1].name}'"


def _numbered(model: ModelDescription, keep: str) -> list[Indexed]:
    """Layers with their position from 1 on, of those that have `parameters`, `units` or an `activation`."""
    layers = enumerate(model.layers, start=1)
    if keep == "parameters":
        return [each for each in layers if each[1].parameters]
    if keep == "units":
        return [each for each in layers if _units(each[1]) is not None]
    return [each for each in layers if each[1].activation is not None]


def _units(layer: LayerDescription) -> Any:
    return layer.config.get("units", layer.config.get("filters"))


def expect_layers(model: Any, kinds: Sequence[str], besides: Sequence[str] = ()) -> None:
    """The classes of all layers in order: input layers left out, nested models flattened, activations as layers of their own folded.

    A layer counts as often as it is applied, and may be applied more than once only if it has no weights. An operation such as `h + x`
    counts as a layer of its name: Add. Layers of the kinds in `besides` may stand anywhere.
    """
    layers = [layer for layer in folded(_described(model), keep=(*kinds, *besides)).layers if layer.kind not in besides]
    got, shared = [layer.kind for layer in layers], [layer for layer in layers if layer.calls > 1 and layer.weights]
    if got != list(kinds):
        reasons = [_layers_reason(got, list(kinds)), *(f"'{layer.name}' is applied {layer.calls:,} times" for layer in shared)]
        fail("The model", f"has the layers {_shown(got)}", _shown(kinds), "; ".join(reasons))
    if shared:
        again = f"is applied {shared[0].calls:,} times with the same weights"
        fail(f"Layer '{shared[0].name}'", again, "once", "make a layer of its own for each place")


def _shown(kinds: Sequence[str]) -> str:
    more = len(kinds) - _MOST_SHOWN
    return (", ".join(kinds[:_MOST_SHOWN]) or "none") + (f" and {more:,} more" if more > 0 else "")


def _layers_reason(got: list[str], kinds: list[str]) -> str:
    if sorted(got) == sorted(kinds):
        return "the layers are all there, in another order"
    missing = [kind for kind in dict.fromkeys(kinds) if got.count(kind) < kinds.count(kind)]
    extra = [kind for kind in dict.fromkeys(got) if got.count(kind) > kinds.count(kind)]
    return "; ".join([f"{kind} is missing" for kind in missing] + [f"there is a {kind} too many" for kind in extra])


def expect_parameters(model: Any, per_layer: Sequence[int] | None = None, total: int | None = None, at_most: int | None = None) -> None:
    """Numbers of parameters; `per_layer` lists only layers that have any; `at_most` is a budget for all of them."""
    described = _described(model)
    layers = _numbered(described, "parameters")
    if per_layer is not None:
        _expect_count(layers, len(per_layer), "with parameters")
        for indexed, expected in zip(layers, per_layer, strict=True):
            got = indexed[1].parameters
            if got != expected:
                fail(_named(indexed), f"has {many(got, 'parameter')}", f"{expected:,}", _parameters_reason(indexed[1], expected))
    if total is not None and described.parameters != total:
        fail("The model", f"has {many(described.parameters, 'parameter')}", f"{total:,}")
    if at_most is not None and described.parameters > at_most:
        fail("The model", f"has {many(described.parameters, 'parameter')}", f"at most {at_most:,}", _budget_reason(layers))


def _expect_count(layers: list[Indexed], expected: int, what: str) -> None:
    if len(layers) != expected:
        names = ", ".join(f"'{layer.name}'" for _, layer in layers)
        fail("The model", f"has {many(len(layers), 'layer')} {what}" + (f" ({names})" if names else ""), str(expected))


def _parameters_reason(layer: LayerDescription, expected: int) -> str:
    """Compares the arithmetic of the layer with the one that gives the expected number; Dense and convolutions."""
    units, kernel = _units(layer), layer.weights[0].shape
    if not isinstance(units, int) or len(kernel) < 2 or units <= 0:
        return ""
    fan_in, bias = math.prod(kernel[:-1]) or 1, len(layer.weights) > 1
    if not bias and expected - layer.parameters == units:
        return "is its bias missing?"
    if bias and layer.parameters - expected == units:
        return "is a bias too many?"
    noun = "units" if "units" in layer.config else "filters"
    if noun == "filters" and (side := _fitting_side(kernel, units, expected - units * bias)):
        return f"with {many(units, 'filter')}, a kernel of {side} × {side} would fit"
    fitting, rest = divmod(expected, fan_in + bias)
    if rest == 0 and fitting != units:
        return _off_by(units, fitting, noun)
    needed, rest = divmod(expected - units * bias, units)
    if rest == 0 and needed > 0 and noun == "units":
        flat = " (are the images not flattened?)" if needed == fan_in**2 else ""
        return f"it takes {fan_in:,} inputs, {needed:,} would fit{flat}"
    return f"is the size of its kernel {show_shape(kernel[:-2])} the right one?" if noun == "filters" else ""


def _fitting_side(kernel: tuple[int, ...], filters: int, weights: int) -> int:
    """The side of the square kernel with which so many filters have so many weights; 0 if there is none, or no kernel of two sides."""
    if len(kernel) != 4 or weights <= 0 or weights % (filters * kernel[2]):
        return 0
    pixels = weights // (filters * kernel[2])
    return side if (side := math.isqrt(pixels)) ** 2 == pixels else 0


def _budget_reason(layers: list[Indexed]) -> str:
    largest = max(layers, key=lambda each: each[1].parameters)
    return f"{_named(largest)} alone has {largest[1].parameters:,}".replace("Layer", "layer", 1)


def _off_by(got: int, expected: int, noun: str) -> str:
    if abs(got - expected) == 1:
        return f"it has {got} {noun}, one too {'many' if got > expected else 'few'}"
    return f"it has {got} {noun}, {expected} would fit"


def expect_units(model: Any, units: Sequence[int]) -> None:
    """Units (of convolutions: filters) of the layers that have any, in order."""
    layers = _numbered(_described(model), "units")
    _expect_count(layers, len(units), "with units")
    for position, (indexed, expected) in enumerate(zip(layers, units, strict=True), start=1):
        got = _units(indexed[1])
        if got != expected:
            reason = "the last layer needs one unit for each class" if position == len(units) else ""
            fail(_named(indexed), f"has {many(got, 'unit') if isinstance(got, int) else show(got)}", str(expected), reason)


def expect_activations(model: Any, activations: Sequence[str]) -> None:
    """Activations of the layers that have one, in order; a Dense layer without any has 'linear', unless an Activation layer follows it."""
    described = _described(model)
    layers = _numbered(described, "activation")
    if [layer.activation for _, layer in layers] != list(activations):
        layers = _numbered(folded(described), "activation")
    _expect_count(layers, len(activations), "with an activation")
    for position, (indexed, expected) in enumerate(zip(layers, activations, strict=True), start=1):
        got = indexed[1].activation
        if got != expected:
            reason = _activation_reason(str(got), expected, last=position == len(activations))
            fail(_named(indexed), f"has the activation '{got}'", f"'{expected}'", reason)
    if len(activations) and (place := doubled(described)) is not None:
        indexed = (place + 1, described.layers[place])
        fail(_named(indexed), "is one more activation", "none", "the layer before it has one already, so leave it out")


def _activation_reason(got: str, expected: str, last: bool) -> str:
    if got == "linear":
        what = "its outputs are then no probabilities" if last else "without one, two layers in a row calculate no more than a single one"
        return f"is activation='{expected}' missing? {what[0].upper()}{what[1:]}"
    if last and (got, expected) == ("sigmoid", "softmax"):
        return "sigmoid looks at each output alone, so that they need not add up to 1"
    return ""


def expect_output_shape(model: Any, shape: tuple[int | None, ...]) -> None:
    """Output shape with None for the batch axis, as Keras gives it."""
    got = _described(model).output_shape
    if got != tuple(shape):
        reason = "the last layer needs one unit for each class" if got and len(got) == len(shape) else ""
        fail("The model's output", f"has shape {show_shape(got) if got else 'unknown'}", show_shape(shape), reason)


def expect_compiled(
    model: Any,
    optimizer: str | None = None,
    loss: str | None = None,
    metrics: Sequence[str] = (),
    learning_rate: float | None = None,
    defaults: bool = False,
) -> None:
    """Compile settings by their plain names; what is None is not looked at; metrics besides the named ones are allowed.

    With `defaults`, what else the optimizer can be told (momentum, weight decay, …) stands at Keras' defaults.
    """
    compiled = _described(model).compiled
    if compiled is None:
        raise CheckFailed("The model is not compiled: call its compile(…) before fit(…).")
    if optimizer is not None and (compiled.optimizer or "").lower() != optimizer.lower():
        fail("The optimizer", f"is {show(compiled.optimizer)}", repr(optimizer))
    if loss is not None and compiled.loss != loss:
        fail("The loss", f"is {show(compiled.loss)}", repr(loss), _loss_reason(compiled.loss, loss))
    for metric in metrics:
        _expect_metric(compiled.metrics, metric)
    if learning_rate is not None:
        _expect_rate(compiled.optimizer_config.get("learning_rate"), learning_rate)
    if defaults:
        _expect_defaults(compiled.optimizer or "", compiled.optimizer_config)


# Keras 3's, by the optimizer's name in small letters; a test compares them with Keras.
OPTIMIZER_DEFAULTS: dict[str, dict[str, float | bool | None]] = {
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "centered": False},
    "adagrad": {"initial_accumulator_value": 0.1},
    "adadelta": {"rho": 0.95},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "amsgrad": False},
    "adamax": {"beta_1": 0.9, "beta_2": 0.999},
    "nadam": {"beta_1": 0.9, "beta_2": 0.999},
}
OF_ALL_OPTIMIZERS: dict[str, float | bool | None] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "gradient_accumulation_steps": None,
}


def _expect_defaults(optimizer: str, config: dict[str, Any]) -> None:
    """Settings that the configuration does not name are not looked at: other versions of Keras have others."""
    for name, usual in {**OPTIMIZER_DEFAULTS.get(optimizer.lower(), {}), **OF_ALL_OPTIMIZERS}.items():
        got = config.get(name, usual)
        same = got == usual if usual is None or isinstance(usual, bool) else _is_close(got, usual)
        if not same:
            reason = f"leave {name} out: the task asks for the optimizer as it is"
            fail(f"The optimizer's {name}", f"is {show(got)}", "Keras' default" if usual is None else f"{usual}, Keras' default,", reason)


def _is_close(got: Any, expected: float) -> bool:
    return (
        isinstance(got, int | float)
        and not isinstance(got, bool)
        and abs(got) < 10**300
        and math.isclose(got, expected, rel_tol=1e-4, abs_tol=1e-9)
    )


def _loss_reason(got: str | None, expected: str) -> str:
    reasons = {
        ("sparse_categorical_crossentropy", "categorical_crossentropy"): "'sparse' is for labels 0, 1, 2 …; these are one-hot",
        ("categorical_crossentropy", "sparse_categorical_crossentropy"): "one-hot labels are needed for this one; these are 0, 1, 2 …",
        ("binary_crossentropy", "categorical_crossentropy"): "'binary' is for one yes-or-no output; here are several classes",
        ("mean_squared_error", "categorical_crossentropy"): "that is for numbers to be predicted, not for classes",
    }
    return reasons.get((str(got), expected), "")


_ACCURACIES = ("accuracy", "categorical_accuracy", "sparse_categorical_accuracy")


def _expect_metric(got: Sequence[str], metric: str) -> None:
    if not set(got) & set(_ACCURACIES if metric == "accuracy" else [metric]):
        reason = f"compile(…, metrics=['{metric}'])" if not got else ""
        fail("The list of metrics", f"holds {', '.join(map(repr, got)) or 'nothing'}", repr(metric), reason)


def _expect_rate(got: Any, expected: float) -> None:
    """Keras keeps rates as float32, hence the tolerance."""
    if isinstance(got, bool) or not isinstance(got, int | float):
        fail("The learning rate", f"is {show(got)}", f"{expected:g}", "a schedule where a number was asked for?")
    if isinstance(got, int) and abs(got) > 10**300:  # which no float can hold
        fail("The learning rate", "is a number of more than 300 digits", f"{expected:g}")
    if not math.isclose(got, expected, rel_tol=1e-4):
        usual = any(math.isclose(got, each, rel_tol=1e-4) for each in (0.01, 0.001))
        reason = "is it the optimizer's default? Give the rate as keras.optimizers.…(learning_rate=…)" if usual else ""
        fail("The learning rate", f"is {got:g}", f"{expected:g}", reason)


def expect_history(history: Any, epochs: int | None = None, keys: Sequence[str] = ("loss",), what: str = "The history") -> None:
    """A Keras History, its dict, or any {metric: [floats]}: so many epochs, these metrics, all numbers finite."""
    curves = training_curves(history, what)
    for key in keys:
        if key not in curves:
            lacks(what, key, curves, _key_reason(key, curves))
    for key, values in curves.items():
        if epochs is not None and len(values) != epochs:
            fail(
                what, f"has {many(len(values), 'epoch')}", str(epochs), "fit(…, epochs=…) says how often the training data are gone through"
            )
        if not all(math.isfinite(each) for each in values):
            fail(f"{what}['{key}']", "is not finite", "numbers", "with NaN, the learning rate is usually too high")


def training_curves(history: Any, what: str = "The history") -> dict[str, list[float]]:
    """Metric → floats of a Keras History, its dict, or any {metric: [floats]}; every kind of accuracy is called so. Raises CheckFailed."""
    found = getattr(history, "history", history)
    try:
        if isinstance(found, dict) and all(isinstance(values, list | tuple) for values in found.values()):
            return curves_of(found)
    except (TypeError, ValueError, OverflowError):
        pass
    reason = "`fit` returns it: history = model.fit(…)" if found is None or hasattr(history, "fit") else "keep what `fit` returns"
    fail(what, f"is {show(found)}", "a training history", reason)


def _key_reason(key: str, curves: Collection[str]) -> str:
    if key.startswith("val_") and any(each.startswith("val_") for each in curves):
        key = key.removeprefix("val_")  # there was a validation part, but not this metric
    if key.startswith("val_"):
        return "fit(…, validation_split=…) or validation_data adds the validation part's numbers"
    return f"compile(…, metrics=['{key}']) adds it" if key != "loss" else ""
