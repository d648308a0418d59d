"""Secret orders and what is made of the answers, with plain arrays; the attacks themselves are in test_custom_models."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograder.grading.asking import NoPredictions, Order, read_answers, secret_orders, settle

TRUE = np.random.default_rng(1).random((1_000, 10)).astype(np.float32)


def answered(orders: tuple[Order, ...], answers: NDArray[np.float32] = TRUE) -> list[NDArray[np.float32]]:
    return [answers[order.rows] for order in orders]


def test_each_process_is_asked_everything_once_and_a_tenth_twice_in_an_order_of_its_own() -> None:
    first, second = secret_orders(1_000)
    for order in (first, second):
        times = np.bincount(order.rows, minlength=1_000)
        assert (sorted(set(times)), (times == 2).sum()) == ([1, 2], 100)
    assert first.batch != second.batch
    assert not np.array_equal(first.rows, second.rows)
    assert not np.array_equal(first.rows, secret_orders(1_000)[0].rows)


@pytest.mark.parametrize("count", [1, 3, 600])
def test_answers_are_put_back_in_order(count: int) -> None:
    orders = secret_orders(count)
    settled, differing = settle(count, orders, answered(orders))
    assert np.array_equal(settled, TRUE[:count])
    assert differing == 0


def test_answers_of_many_numbers_are_compared_without_holding_them() -> None:
    """1,000 numbers for each image: the command looks at them in blocks, for each of its slots."""
    count = 2_000
    orders = secret_orders(count)
    answers = [np.ones((len(order.rows), 1_000), np.float32) for order in orders]
    settled = np.zeros((count, 1_000), np.float32)
    tracemalloc.start()
    try:
        settle(count, orders, answers, lambda shape, dtype: settled)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (settled == 1).all()
    assert peak < answers[0].nbytes


def test_rounding_is_no_other_answer_and_a_few_steps_are_counted() -> None:
    orders = secret_orders(1_000)
    first, second = answered(orders, TRUE * 0.999)[0], answered(orders)[1]
    assert settle(1_000, orders, [first, second])[1] == 0
    stepping = TRUE.copy()
    stepping[:5] = 1 - stepping[:5]
    settled, differing = settle(1_000, orders, [answered(orders)[0], answered(orders, stepping)[1]])
    assert np.array_equal(settled, TRUE)
    assert differing == 5


def test_more_than_a_few_other_answers_are_refused() -> None:
    orders = secret_orders(1_000)
    other = TRUE.copy()
    other[:6] = 1 - other[:6]
    with pytest.raises(NoPredictions, match="other answers when asked again, for 6 of 1,000 images"):
        settle(1_000, orders, [answered(orders)[0], answered(orders, other)[1]])


def other_answers(answers: NDArray[np.float32], others: NDArray[np.float32]) -> int:
    """For how many of 1,000 images the second process is said to have answered otherwise; 1,000 when it is refused."""
    orders = secret_orders(1_000)
    try:
        return settle(1_000, orders, [answered(orders, answers)[0], answered(orders, others)[1]])[1]
    except NoPredictions:
        return 1_000


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


RANDOM = np.random.default_rng(2)
OTHERS = RANDOM.random((1_000, 10)).astype(np.float32)  # what a model that plays dice answers instead of TRUE


def beside(huge: NDArray[Any], answers: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.broadcast_to(huge, (1_000, huge.shape[-1])), answers], axis=1).astype(np.float32)


def some_far_out(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Four images have answers of another size."""
    changed = answers.copy()
    changed[:4] *= 1e6
    return changed


DICE = {
    "a huge constant column": (beside(np.array([-1e6]), TRUE), beside(np.array([-1e6]), OTHERS)),
    "many huge constant columns": (beside(np.full(90, -1e6), TRUE), beside(np.full(90, -1e6), OTHERS)),
    "a huge column that changes": (beside(-1e6 * (1 + TRUE[:, :1]), TRUE), beside(-1e6 * (1 + TRUE[:, :1]), OTHERS)),
    "mostly huge columns that change": (beside(-1e6 * (1 + TRUE), TRUE[:, :5]), beside(-1e6 * (1 + TRUE), OTHERS[:, :5])),
    "all shifted": (TRUE + np.float32(1e6), OTHERS + np.float32(1e6)),
    "a few images far out": (some_far_out(TRUE), some_far_out(np.concatenate([TRUE[:4], OTHERS[4:]]))),
    "two numbers of different size": (beside(-1e6 * (1 + TRUE[:, :1]), TRUE[:, :1]), beside(-1e6 * (1 + TRUE[:, :1]), OTHERS[:, :1])),
    "the largest float there is": (beside(np.float32(-3e38) * (TRUE[:, :1] > 0.5), TRUE), beside(-3e38 * (TRUE[:, :1] > 0.5), OTHERS)),
}


@pytest.mark.parametrize(("answers", "others"), DICE.values(), ids=DICE)
def test_large_numbers_beside_an_answer_do_not_hide_that_it_changes(answers: NDArray[np.float32], others: NDArray[np.float32]) -> None:
    assert other_answers(answers, others) == 1_000


LOGITS = RANDOM.normal(0, 4, (1_000, 10))
HONEST = {
    "probabilities": softmax(LOGITS),
    "a hundred classes": softmax(RANDOM.normal(0, 4, (1_000, 100))),
    "a class that never comes": softmax(LOGITS - 40 * (np.arange(10) == 9)),
    "logits": LOGITS.astype(np.float32),
    "saturated": (1 / (1 + np.exp(-20 * LOGITS))).astype(np.float32),
    "one number far from 0": (1_000 + LOGITS[:, :1]).astype(np.float32),
    "always the same": np.broadcast_to(np.float32(0.1), (1_000, 10)),
    "an unit that is dead": np.where(np.arange(10) == 3, 0, LOGITS).astype(np.float32),
    "probabilities that were not trained": softmax(0.1 * LOGITS),
}


@pytest.mark.parametrize("answers", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize(("noise", "allowed"), [(4e-6, 0), (2e-3, 5)], ids=["float32", "bfloat16"])
def test_sums_in_another_order_are_no_other_answer(answers: NDArray[np.float32], noise: float, allowed: int) -> None:
    """Relative noise of a number, as of different batches."""
    noisy = answers * (1 + noise * np.random.default_rng(3).uniform(-1, 1, answers.shape).astype(np.float32))
    if (answers == answers[0]).all():
        noisy = answers  # where nothing depends on the image there is nothing to sum
    assert other_answers(answers, noisy) <= allowed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("process", [0, 1])
def test_one_number_that_is_none_is_refused(value: float, process: int) -> None:
    orders = secret_orders(1_000)
    answers = answered(orders)
    answers[process][-1, 3] = value
    with pytest.raises(NoPredictions, match="NaN or infinite"):
        settle(1_000, orders, answers)


def test_shapes_that_change_are_refused() -> None:
    orders = secret_orders(1_000)
    answers = answered(orders)
    answers[1] = answers[1][:, :9]
    with pytest.raises(NoPredictions, match="same shape"):
        settle(1_000, orders, answers)


@pytest.mark.parametrize("shape", [(3, 2), (3,), (3, 2, 2)])
def test_answers_are_read(shape: tuple[int, ...]) -> None:
    given = np.arange(np.prod(shape), dtype="<f4").reshape(shape)
    assert np.array_equal(read_answers(given.tobytes(), list(shape), 3), given)


@pytest.mark.parametrize(
    ("payload", "shape"),
    [
        (b"", None),
        (b"", []),
        (b"", "3"),
        (b"", [3, 0]),
        (b"", [3, -1]),
        (b"", [2, 2]),
        (bytes(12), [3, 2]),
        (bytes(28), [3, 2]),
        (bytes(24), [3.0, 2]),
        (bytes(24), [3, True]),
        (b"", [3, 10**9, 10**9]),
        (b"", [3, 1000, 1000, 1000]),
        (bytes(24), [3, [2]]),
    ],
)
def test_whatever_else_is_sent_is_no_answer(payload: bytes, shape: object) -> None:
    with pytest.raises(NoPredictions):
        read_answers(payload, shape, 3)
