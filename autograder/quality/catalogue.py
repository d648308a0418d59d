"""The catalogue of mistakes that students make in deep learning, each with the words in which a report names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autograder.quality import mistakes_data as data
from autograder.quality import mistakes_formulas as formulas
from autograder.quality import mistakes_networks as networks
from autograder.quality import mistakes_training as training
from autograder.quality.code import Code, Edit


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake: `find` gives every place of a solution cell where it can be made, as an edit."""

    name: str
    about: str
    find: Callable[[Code], Iterator[Edit]]


CATALOGUE = (
    Mistake("layer_dropped", "a layer is missing", networks.layer_dropped),
    Mistake("dropout_forgotten", "dropout is forgotten", networks.dropout_forgotten),
    Mistake("width", "a layer is wider by one", networks.width),
    Mistake("activation_swapped", "another activation", networks.activation_swapped),
    Mistake("activation_forgotten", "an activation is forgotten", networks.activation_forgotten),
    Mistake("softmax_forgotten", "softmax is forgotten", networks.softmax_forgotten),
    Mistake("bias_forgotten", "a layer has no bias", networks.bias_forgotten),
    Mistake("dropout_rate", "another dropout rate: kept and dropped confused", networks.dropout_rate),
    Mistake("kernel_size", "a kernel is larger by one", networks.kernel_size),
    Mistake("pooling_swapped", "mean pooling for max pooling, or the reverse", networks.pooling_swapped),
    Mistake("padding", "another padding", networks.padding),
    Mistake("regularizer_forgotten", "a regulariser or initialiser is forgotten", networks.regularizer_forgotten),
    Mistake("regularizer_swapped", "L1 for L2, or the reverse", networks.regularizer_swapped),
    Mistake("wrong_loss", "another loss", training.wrong_loss),
    Mistake("wrong_optimizer", "another optimizer", training.wrong_optimizer),
    Mistake("rate_too_high", "a learning rate ten times as high", training.rate_too_high),
    Mistake("rate_too_low", "a learning rate of a tenth", training.rate_too_low),
    Mistake("metrics_forgotten", "metrics are forgotten", training.metrics_forgotten),
    Mistake("epochs", "too few epochs", training.epochs),
    Mistake("batch_size", "batches of twice the size", training.batch_size),
    Mistake("batch_size_forgotten", "the batch size is forgotten", training.batch_size_forgotten),
    Mistake("validation_forgotten", "no validation part", training.validation_forgotten),
    Mistake("chosen_by_test", "the test part serves as validation part", training.chosen_by_test),
    Mistake("labels_shuffled", "labels in another order than their examples", training.labels_shuffled),
    Mistake("trained_on_test", "trained on the test part", training.trained_on_test),
    Mistake("untrained", "an untrained network in place of the trained one", training.untrained),
    Mistake("measured_on_training", "measured on the training part", data.measured_on_training),
    Mistake("constant_prediction", "the same prediction for everything", data.constant_prediction),
    Mistake("not_normalised", "not normalised", data.not_normalised),
    Mistake("normalised_twice", "normalised twice", data.normalised_twice),
    Mistake("divided_by_the_largest", "divided by the largest value at hand", data.divided_by_the_largest),
    Mistake("encoding_forgotten", "labels are not encoded", data.encoding_forgotten),
    Mistake("folds", "one fold more", data.folds),
    Mistake("wrong_axis", "along another axis", formulas.wrong_axis),
    Mistake("axis_forgotten", "the axis is forgotten", formulas.axis_forgotten),
    Mistake("function_swapped", "a neighbouring function: argmin for argmax, mean for sum", formulas.function_swapped),
    Mistake("name_confused", "two quantities confused", formulas.name_confused),
    Mistake("off_by_one", "off by one", formulas.off_by_one),
    Mistake("term_forgotten", "a term is forgotten", formulas.term_forgotten),
    Mistake("factor_forgotten", "a factor or divisor is forgotten", formulas.factor_forgotten),
    Mistake("operator_swapped", "another operator", formulas.operator_swapped),
    Mistake("operands_swapped", "difference, quotient or product the wrong way round", formulas.operands_swapped),
    Mistake("exponent", "another exponent", formulas.exponent),
    Mistake("sign", "a sign is forgotten", formulas.sign),
    Mistake("comparison_flipped", "a comparison the wrong way round", formulas.comparison_flipped),
    Mistake("boundary", "the boundary belongs to the other side", formulas.boundary),
    Mistake("arguments_swapped", "two arguments swapped", formulas.arguments_swapped),
    Mistake("option_forgotten", "an option is forgotten", formulas.option_forgotten),
    Mistake("slice_forgotten", "all of it instead of a part", formulas.slice_forgotten),
    Mistake("transpose_forgotten", "not transposed", formulas.transpose_forgotten),
    Mistake("type_forgotten", "the type is not converted", formulas.type_forgotten),
    Mistake("shape_forgotten", "not reshaped", formulas.shape_forgotten),
    Mistake("copy_forgotten", "not copied", formulas.copy_forgotten),
    Mistake("condition_ignored", "a condition is ignored", formulas.condition_ignored),
    Mistake("step_forgotten", "a step is left out", formulas.step_forgotten),
    Mistake("constant_answer", "the same answer for everything", formulas.constant_answer),
    Mistake("return_forgotten", "return is forgotten", formulas.return_forgotten),
)
