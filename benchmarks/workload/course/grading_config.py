"""The course that the benchmarks grade: one short notebook that trains a dense network on 6,000 images."""

from autograder import Assignment, Course, Dataset, Limits, Profile, Resources, load_digits


def load_shifted_digits(folder):
    """8,000 images (n, 28, 28) and labels (n,), uint8: the digits that ship with scikit-learn, shifted and speckled, always the same."""
    import numpy as np

    images, labels = load_digits(folder)
    chance = np.random.default_rng(20)
    chosen = chance.integers(0, len(images), 8_000)
    shifts = chance.integers(-2, 3, (8_000, 2))  # the border of an image is two pixels wide
    shifted = np.stack([np.roll(images[index], tuple(shift), axis=(0, 1)) for index, shift in zip(chosen, shifts, strict=True)])
    return np.maximum(shifted, chance.integers(0, 32, shifted.shape, dtype=np.uint8)), labels[chosen]


course = Course(
    id="bench",
    title="Benchmark",
    datasets=[Dataset("shifted_digits", load=load_shifted_digits, answers="keras.datasets.mnist", sizes=(6_000, 1_000, 1_000))],
    assignments=[
        Assignment(
            "dense",
            resources=Resources(cpus=1, memory_gib=4),
            limits=Limits(cell="60 min", total="90 min"),
            profiles={"full": Profile(dataset="shifted_digits")},
        ),
    ],
)
