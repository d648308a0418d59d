"""The course's policy: its data, its assignments, their deadlines, limits and thresholds."""

from autograder import Assignment, Course, Curve, Dataset, Limits, Profile, load_digits, load_mnist

course = Course(
    id="COURSE_ID",
    title="COURSE_ID",
    timezone="UTC",
    datasets=[
        Dataset("mnist", load=load_mnist, answers="keras.datasets.mnist", sizes=(50_000, 10_000, 10_000), train_repeats=10_000),
        Dataset("digits", load=load_digits, answers="keras.datasets.mnist", sizes=(1_197, 300, 300)),
    ],
    assignments=[
        Assignment(
            "first_network",
            limits=Limits(cell="5 min", total="10 min"),
            profiles={
                # For trying things out and for CI: small images that ship with scikit-learn.
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=20,
                    limits=Limits(cell="60 s", total="2 min"),
                    curves={"test_accuracy": Curve({0.80: 0, 0.94: 1})},
                ),
                # For submissions. Measure what your own solution reaches before you choose a threshold.
                "full": Profile(dataset="mnist", curves={"test_accuracy": Curve({0.85: 0, 0.93: 1})}),
            },
        ),
    ],
)
