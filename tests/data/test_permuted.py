"""Labels for an audit: one permutation for all parts, no class in its place, nothing else changed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.loading import load_course
from autograder.course.settings import Dataset
from autograder.data.permute import TRANSFORMS, derangement, permute, secret_generator
from autograder.data.permuted import permuted_split
from autograder.data.sealed import sealed_split
from autograder.errors import UsageError

Arrays = dict[str, dict[str, np.ndarray[Any, Any]]]
SEED = b"1" * 32


@given(st.integers(2, 40), st.integers(0, 10_000))
def test_nothing_stays_in_its_place(count: int, seed: int) -> None:
    found = derangement(count, np.random.default_rng(seed))
    assert sorted(found) == list(range(count))
    assert not (found == np.arange(count)).any()


def arrays(labels: Any = None, size: tuple[int, ...] = (4, 4)) -> Arrays:
    generator = np.random.default_rng(5)
    made: Arrays = {"student": {}, "hidden": {}}
    for part, end, count in (("student", "_train", 60), ("student", "_test", 20), ("hidden", "", 20)):
        made[part][f"x{end}"] = generator.integers(0, 256, (count, *size)).astype("uint8")
        made[part][f"y{end}"] = generator.permuted(np.resize(np.arange(10, dtype="uint8") if labels is None else labels, count))
    return made


@pytest.mark.parametrize("labels", [None, np.array([3, 7, -2]), np.array(["cat", "dog", "emu"]), np.array([True, False])])
def test_all_parts_share_one_permutation(labels: Any) -> None:
    before, after = arrays(labels), arrays(labels)
    chance = permute(after, [], np.random.default_rng(0))
    pairs = {
        (old, new)
        for part in before
        for name in before[part]
        if name.startswith("y")
        for old, new in zip(before[part][name].tolist(), after[part][name].tolist(), strict=True)
    }
    classes = {old for old, _ in pairs}
    assert {new for _, new in pairs} == classes
    assert len(pairs) == len(classes)
    assert all(old != new for old, new in pairs)
    assert all(after[part][name].dtype == before[part][name].dtype for part in before for name in before[part])
    assert chance == pytest.approx(np.unique(before["hidden"]["y"], return_counts=True)[1].max() / 20)
    assert all(np.array_equal(before[part][name], after[part][name]) for part in before for name in before[part] if name.startswith("x"))


@pytest.mark.parametrize(("name", "first"), [("transpose", 0), ("quarter_turn", 3), ("half_turn", 15), ("three_quarter_turn", 12)])
def test_all_images_are_turned_alike(name: str, first: int) -> None:
    turned = TRANSFORMS[name](np.arange(16).reshape(1, 4, 4))
    assert turned[0, 0, 0] == first
    after = arrays()
    permute(after, [name], np.random.default_rng(0))
    for part, found in arrays().items():
        for key in (key for key in found if key.startswith("x")):
            assert np.array_equal(after[part][key], TRANSFORMS[name](found[key]))


@pytest.mark.parametrize(
    ("made", "transforms", "said"),
    [
        (arrays(np.array([4])), [], "all of its examples are of one class"),
        (arrays(np.array([0.5, 1.5])), [], "dtype float64, one whole number or name for each example"),
        (arrays(size=(4, 6)), ["transpose"], r"shape \(4, 6\), square images"),
        (arrays(size=(16,)), ["transpose"], r"shape \(16,\), square images"),
    ],
)
def test_what_cannot_be_permuted_is_said(made: Arrays, transforms: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        permute(made, transforms, np.random.default_rng(0))


def test_the_permutation_follows_from_the_secret() -> None:
    drawn = {seed: tuple(derangement(10, secret_generator(seed, "digits"))) for seed in ("aa", "bb", "cc")}
    assert len(set(drawn.values())) == 3
    assert drawn["aa"] == tuple(derangement(10, secret_generator("aa", "digits")))


def test_the_permuted_split_is_made_once_and_for_nobody_else(tiny: Path, no_autograder_variables: None) -> None:
    course, paths = load_course(tiny)
    sealed = sealed_split(course, paths, "digits", SEED, None)
    plain = permuted_split(paths, sealed, course.datasets[0], SEED, [])
    made = (plain.split.folder / "complete").stat().st_mtime_ns
    assert permuted_split(paths, sealed, course.datasets[0], SEED, []) == plain
    assert (plain.split.folder / "complete").stat().st_mtime_ns == made
    turned = permuted_split(paths, sealed, course.datasets[0], SEED, ["transpose"])
    assert len({sealed.fingerprint, plain.split.fingerprint, turned.split.fingerprint}) == 3
    assert stat.S_IMODE(plain.split.folder.stat().st_mode) == 0o700
    y, permuted = (np.load(each.hidden / "y.npy") for each in (sealed, plain.split))
    assert not (y == permuted).any()
    assert np.array_equal(np.load(sealed.hidden / "x.npy"), np.load(plain.split.hidden / "x.npy"))
    assert (plain.hidden, 0.1 <= plain.chance < 0.2) == (300, True)


def test_without_classes_there_is_no_audit(tiny: Path, no_autograder_variables: None) -> None:
    course, paths = load_course(tiny)
    sealed = sealed_split(course, paths, "digits", SEED, None)
    regression = Dataset("digits", load=course.datasets[0].load, sizes=(1, 1, 1), task="regression")
    with pytest.raises(UsageError, match="has task 'regression', and an audit permutes the labels of classes"):
        permuted_split(paths, sealed, regression, SEED, [])
    np.save(sealed.student / "y_test.npy", np.eye(10)[np.zeros(300, int)])
    with pytest.raises(UsageError, match=r"Dataset 'digits' cannot be audited: its labels have shape \(300, 10\)"):
        permuted_split(paths, sealed, course.datasets[0], SEED, [])
