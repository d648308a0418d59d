from autograder import Assignment, Course, Curve, Dataset, Limits, Profile, load_digits

course = Course(
    id="tiny",
    title="A tiny course",
    timezone="Europe/Madrid",
    default_profile="smoke",
    datasets=[Dataset("digits", load=load_digits, answers="keras.datasets.mnist", sizes=(1_197, 300, 300))],
    assignments=[
        Assignment(
            "tiny",
            due="2027-02-12 23:59",
            files=["notes.txt"],
            limits=Limits(cell="15 s", total="60 s"),
            profiles={"smoke": Profile(dataset="digits", epoch_limit=3, curves={"test_accuracy": Curve({0.50: 0, 0.70: 1})})},
        ),
    ],
)
