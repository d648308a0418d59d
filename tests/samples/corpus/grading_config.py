from autograder import Assignment, Course, Curve, Dataset, Limits, Profile, Resources, load_digits

LIMITS = Limits(cell="8 s", total="12 s", hand_in_mib=4, submission_mib=4, files=20, disk_mib=64)

course = Course(
    id="corpus",
    title="A course under attack",
    timezone="Europe/Madrid",
    default_profile="smoke",
    datasets=[Dataset("digits", load=load_digits, answers="keras.datasets.mnist", sizes=(1_197, 300, 300))],
    assignments=[
        Assignment(
            "basics",
            files=["*.txt"],
            resources=Resources(memory_gib=1.5),
            limits=LIMITS,
            profiles={"smoke": Profile(dataset="digits")},
        ),
        Assignment(
            "models",
            resources=Resources(memory_gib=2),
            limits=Limits(cell="30 s", total="40 s", hand_in_mib=4, submission_mib=4, files=20, disk_mib=64),
            profiles={"smoke": Profile(dataset="digits", epoch_limit=5, curves={"test_accuracy": Curve({0.50: 0, 0.70: 1})})},
        ),
    ],
)
