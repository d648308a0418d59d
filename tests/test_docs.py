"""Docs cannot drift: public names and commands are described, examples run, links lead somewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
import autograder.checks
import autograder.student
from autograder.course.loading import load_course
from autograder.grading.scoring import read_declarations
from autograder.quality.variants import read_variants
from autograder.records import Record, json_schema

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in DOCS)
INSTRUCTORS = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*autograder.__all__, *autograder.checks.__all__, *autograder.student.__all__}))
def test_every_public_name_is_described(name: str) -> None:
    assert re.search(rf"\b{name}\b", TEXT), f"{name} is public, and no page in docs/ says what it does"


@pytest.mark.parametrize("file", DOCS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (file.parent / target).exists()]
    assert missing == []


def test_the_example_grader_is_collected_without_a_problem(tmp_path: Path) -> None:
    example = next(block for block in re.findall(r"```python\n(.*?)```", INSTRUCTORS, re.DOTALL) if "import pytest" in block)
    (tmp_path / "graders").mkdir()
    (tmp_path / "graders/test_example.py").write_text(example)
    declared = read_declarations(tmp_path / "graders", tmp_path / "cache")
    assert declared.problems == ()
    assert [test.grade_cell for test in declared.tests] == ["parameter_counts", "accuracy", "output_size"]


def test_the_example_answer_is_read(tiny: Path) -> None:
    example = next(block for block in re.findall(r"```python\n(.*?)```", INSTRUCTORS, re.DOTALL) if "LOSES" in block)
    folder = tiny / "solutions/tiny/wrong"
    folder.mkdir(parents=True)
    (folder / "example.py").write_text(example)
    variant = next(each for each in read_variants(load_course(tiny)[1], "tiny") if each.name == "example")
    assert variant.about == "Forgets to divide by 255."
    assert variant.loses == {"prepared_images": 8.0}
    assert variant.cells["prepare_images"].startswith("x_train_ready = ")


def test_the_make_targets_of_the_readme_exist() -> None:
    make = shutil.which("make")
    assert make is not None, "make is missing: apt install make"
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        done = subprocess.run([make, "--dry-run", "--silent", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_shipped_schema_is_that_of_the_records() -> None:
    shipped = json.loads((ROOT / "docs/record.schema.json").read_text(encoding="utf-8"))
    assert shipped == json_schema(Record), "write it again: json_schema(Record) into docs/record.schema.json"


def test_the_tables_of_recipes_and_curves_are_what_was_measured() -> None:
    page = (ROOT / "docs/course.md").read_text(encoding="utf-8")
    for script, names in {"measure_recipes.py": ["recipes", "other claims"], "measure_curves.py": ["curves"]}.items():
        done = subprocess.run([sys.executable, ROOT / "benchmarks" / script], capture_output=True, text=True, check=True)
        for name, table in zip(names, done.stdout.rstrip("\n").split("\n\n"), strict=True):
            assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in page, script
