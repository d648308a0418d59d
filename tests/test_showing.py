"""Tables in a student's notebook: in a real kernel, as text while grading, and with nothing in them taken for markup."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from autograder import showing
from autograder.doctor import notebook as doctor_in_notebook
from autograder.errors import UsageError
from autograder.showing import Row, Table, rows_of
from autograder.student import doctor
from tests.doctor.samples import notebook

MARKUP = "<img src=x onerror=alert(1)>"


def test_a_table_is_html_and_the_same_lines_as_text() -> None:
    lines = ["✓ model: 7,960 parameters", "⚠ model takes inputs of shape (1,), but …", f"✗ x: not handed in. {MARKUP}: `{MARKUP}`"]
    table = Table(rows_of(lines))
    assert str(table).splitlines() == lines
    html = table._repr_mimebundle_()["text/html"]
    assert table._repr_mimebundle_()["text/plain"] == str(table)
    assert html.count("<tr>") == 3
    assert "<b>model</b>" in html
    assert "<img" not in html
    assert "<code>&lt;img src=x onerror=alert(1)&gt;</code>" in html
    assert "<script" not in Table((Row("<script>", "<script>", "<script>", "<script>"),), "<script>", "<script>").html()


def test_a_table_stays_small() -> None:
    long = "a" * 100_000
    table = Table(tuple(Row("✓", f"x{number}", long) for number in range(100_000)))
    assert len(table.html()) < 100_000
    assert "… and 99,940 more" in table.html()


def test_outside_of_a_notebook_and_while_grading_it_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    showing.show(Table((Row("✓", "x", "there"),)))
    assert capsys.readouterr().out == "✓ x: there\n"
    monkeypatch.setattr(showing, "shell", object)
    assert showing.in_notebook()
    monkeypatch.setenv("AUTOGRADER_RUN", "1")
    showing.show(Table((Row("✓", "x", "there"),)))
    assert capsys.readouterr().out == "✓ x: there\n"
    doctor()
    assert "before they are submitted" in capsys.readouterr().out


CELLS = (
    "from autograder.checks import expect_equal, expect_shape\n"
    "from autograder.student import doctor, hand_in\n"
    "import numpy as np\n"
    "x = np.zeros((3, 2))",
    "for _ in range(5):\n    expect_shape(x, (None, 2), 'x,')\nexpect_equal(1 + 1, 2, 'The sum')",
    f"expect_equal(2, 2, 'The first')\nexpect_equal({MARKUP!r}, 1, 'The second')",
    "def f(n): ...\nhand_in('x', 'nothing', functions=['f'])",
    "doctor()",
    "doctor('nowhere.ipynb')",
    "x = 4",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What papermill's kernel shows for each cell, in a folder with one notebook."""
    folder = tmp_path_factory.mktemp("student")
    (folder / "mine.ipynb").write_bytes(notebook("model.fit(x, nb_epoch=3)", "open('ran', 'w')"))
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.cells[2].metadata["tags"] = ["raises-exception"]
    (folder / "out").mkdir()
    executed = folder / "out/executed.ipynb"
    with pytest.raises(papermill.PapermillExecutionError, match="The second"):  # said at the end; the cells below it have run
        papermill.execute_notebook(made, str(executed), cwd=str(folder), progress_bar=False)
    assert not (folder / "ran").exists()  # the doctor runs nothing
    return [list(cell["outputs"]) for cell in nbformat.read(executed, 4).cells if cell["cell_type"] == "code"]


def shown(output: dict[str, Any]) -> tuple[str, str]:
    """(text, HTML)"""
    assert output["output_type"] == "display_data", output
    return output["data"]["text/plain"], output["data"]["text/html"]


def test_the_checks_of_a_cell_are_one_table(outputs: list[list[dict[str, Any]]]) -> None:
    (table,) = outputs[1]
    text, html = shown(table)
    assert text.splitlines() == ["✓ x: shape (n, 2)", "✓ The sum: equal 2"]
    assert html.count("<tr>") == 2


def test_a_check_that_fails_is_in_the_table_and_still_an_error(outputs: list[list[dict[str, Any]]]) -> None:
    table, error = outputs[2]
    text, html = shown(table)
    assert text.splitlines()[0] == "✓ The first: equal 2"
    assert text.splitlines()[1].startswith("✗ The second")
    assert "<img" not in html
    assert error["ename"] == "CheckFailed"
    assert error["traceback"] == [f"✗ {error['evalue']}"]


def test_what_is_handed_in_is_a_table(outputs: list[list[dict[str, Any]]]) -> None:
    (table,) = outputs[3]
    text, html = shown(table)
    assert text.splitlines()[0] == "✓ x: array (3, 2) float64"
    assert "✗ nothing: not handed in." in text
    assert html.count("<tr>") == 3


def test_the_doctor_looks_at_the_open_notebook(outputs: list[list[dict[str, Any]]]) -> None:
    (table,) = outputs[4]
    text, html = shown(table)
    assert text.startswith("mine.ipynb, as it was saved at ")
    assert "things would cost points (✗)" in text
    assert "`fit` has no argument `nb_epoch=` any more." in text
    assert "<code>nb_epoch=</code>" in html


def test_a_missing_notebook_is_a_sentence_and_later_cells_show_nothing(outputs: list[list[dict[str, Any]]]) -> None:
    (table,) = outputs[5]
    assert shown(table)[0].startswith("✗ The notebook 'nowhere.ipynb' does not exist.")
    assert outputs[6] == []


def test_which_notebook_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    with pytest.raises(UsageError, match="no notebook here"):
        doctor_in_notebook.open_notebook()
    for name in ("one.ipynb", "two.ipynb"):
        (tmp_path / name).write_bytes(notebook("x = 1"))
    with pytest.raises(UsageError, match="There are 2 notebooks"):
        doctor_in_notebook.open_notebook()
    for said in (str(tmp_path / "two.ipynb"), "some/folder/two.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", said)
        assert os.path.samefile(doctor_in_notebook.open_notebook(), tmp_path / "two.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", "console-1-0123")
    (tmp_path / "two.ipynb").unlink()
    assert doctor_in_notebook.open_notebook() == Path("one.ipynb")


def test_the_doctor_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.ipynb").write_bytes(b"{")
    doctor("broken.ipynb")
    doctor(tmp_path)
    doctor(3)  # type: ignore[arg-type]
    said = capsys.readouterr().out
    assert said.count("✗") == 3
    assert "broken.ipynb" in said
