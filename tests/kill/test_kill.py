from tests.kill.conftest import Graded


def test_baseline(graded_once: Graded) -> None:
    print(graded_once.verdicts)
    assert 0
