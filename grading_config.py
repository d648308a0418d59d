"""The course that ships with the framework: deep learning with Keras, on handwritten digits."""

from autograder import Assignment, Course, Curve, Dataset, Limits, Profile, Resources, load_digits, load_mnist

course = Course(
    id="keras-digits",
    title="Deep learning with Keras: handwritten digits",
    timezone="Europe/Madrid",
    datasets=[
        Dataset("mnist", load=load_mnist, answers="keras.datasets.mnist", sizes=(50_000, 10_000, 10_000), train_repeats=10_000),
        Dataset("digits", load=load_digits, answers="keras.datasets.mnist", sizes=(1_197, 300, 300)),
    ],
    assignments=[
        Assignment(
            "first_dense_network",
            due="2027-02-12 23:59",
            resources=Resources(gpus=0.25, memory_gib=2, cpu_fallback=True),
            limits=Limits(cell="10 min", total="20 min", hand_in_mib=16),
            audit_transforms=["transpose", "quarter_turn", "half_turn", "three_quarter_turn"],  # dense layers know no neighbours
            profiles={
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=40,
                    limits=Limits(cell="20 s", total="60 s"),
                    curves={"test_accuracy": Curve({0.80: 0, 0.88: 1})},
                ),
                # Profile full of all five: measured on MNIST as it is graded, ten splits (docs/course.md, "Profile full").
                "full": Profile(dataset="mnist", curves={"test_accuracy": Curve({0.85: 0, 0.90: 1})}),
            },
        ),
        Assignment(
            "hidden_layers",
            due="2027-02-26 23:59",
            resources=Resources(gpus=0.25, memory_gib=2, cpu_fallback=True),
            limits=Limits(cell="10 min", total="30 min", hand_in_mib=16),
            audit_transforms=["transpose", "quarter_turn", "half_turn", "three_quarter_turn"],
            profiles={
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=5,
                    limits=Limits(cell="60 s", total="120 s"),
                    curves={
                        "softmax_accuracy": Curve({0.50: 0, 0.75: 1}),
                        "one_hidden_accuracy": Curve({0.55: 0, 0.78: 1}),
                        "two_hidden_accuracy": Curve({0.55: 0, 0.75: 1}),
                        "slim_accuracy": Curve({0.70: 0, 0.89: 1}),
                    },
                ),
                "full": Profile(
                    dataset="mnist",
                    curves={
                        "softmax_accuracy": Curve({0.85: 0, 0.90: 1}),
                        "one_hidden_accuracy": Curve({0.92: 0, 0.97: 1}),
                        "two_hidden_accuracy": Curve({0.92: 0, 0.97: 1}),
                        "slim_accuracy": Curve({0.90: 0, 0.95: 1}),
                    },
                ),
            },
        ),
        Assignment(
            "training_choices",
            due="2027-03-12 23:59",
            resources=Resources(gpus=0.25, memory_gib=4, cpu_fallback=True),
            limits=Limits(cell="10 min", total="20 min", hand_in_mib=32),
            audit_transforms=["transpose", "quarter_turn", "half_turn", "three_quarter_turn"],  # dense layers know no neighbours
            profiles={
                # Fewer than ten epochs make the run brief: experiments with 400 images, and no graphs, which take longer to build.
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=2,
                    limits=Limits(cell="120 s", total="300 s"),
                    curves={"test_accuracy": Curve({0.50: 0, 0.75: 1})},
                ),
                "full": Profile(dataset="mnist", curves={"test_accuracy": Curve({0.94: 0, 0.96: 1})}),
            },
        ),
        Assignment(
            "dense_vs_convolutional",
            due="2027-03-26 23:59",
            resources=Resources(gpus=0.25, memory_gib=4, cpu_fallback=True),
            limits=Limits(cell="15 min", total="30 min", hand_in_mib=32),
            profiles={
                # Fewer than ten epochs make the search brief: three optimizers, two folds.
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=6,
                    limits=Limits(cell="60 s", total="120 s"),
                    curves={"dense_accuracy": Curve({0.75: 0, 0.90: 1}), "convolutional_accuracy": Curve({0.75: 0, 0.88: 1})},
                ),
                "full": Profile(
                    dataset="mnist",
                    curves={"dense_accuracy": Curve({0.94: 0, 0.965: 1}), "convolutional_accuracy": Curve({0.965: 0, 0.982: 1})},
                ),
            },
        ),
        Assignment(
            "convolutional_digits",
            due="2027-04-09 23:59",
            resources=Resources(gpus=0.25, memory_gib=4, cpu_fallback=True),
            limits=Limits(cell="10 min", total="30 min", hand_in_mib=40),
            contest="contest_accuracy",
            profiles={
                "smoke": Profile(
                    dataset="digits",
                    epoch_limit=4,
                    limits=Limits(cell="60 s", total="120 s"),
                    curves={"test_accuracy": Curve({0.75: 0, 0.88: 1}), "contest_accuracy": Curve({0.86: 0, 0.91: 1})},
                ),
                "full": Profile(
                    dataset="mnist",
                    curves={"test_accuracy": Curve({0.95: 0, 0.98: 1}), "contest_accuracy": Curve({0.98: 0, 0.988: 1})},
                ),
            },
        ),
    ],
)
