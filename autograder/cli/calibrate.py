"""`autograder calibrate`: how far luck takes right solutions, and what the curves may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.quality.figures import MetricFigures, ProfileCalibration


@click.command()
@click.argument("assignment")
@click.option("--runs", type=click.IntRange(2), metavar="N", default=20, show_default=True, help="Seeds for each right solution.")
@click.option("--variant", "named", metavar="NAME", multiple=True, help="Only this right solution, to look at; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Runs side by side (default: one more than cores).")
@click.option("--force", is_flag=True, help="Execute again what is recorded already.")
@common_options
def calibrate(common: Common, assignment: str, runs: int, named: tuple[str, ...], jobs: int | None, force: bool) -> None:
    """Run the right solutions of ASSIGNMENT with N seeds each, and say how often luck costs a right solution points.

    Writes solutions/ASSIGNMENT/calibration.json and a plot beside it; with --variant it only shows the figures. What is recorded already
    and has not changed is not run again.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.cli.display import open_progress
    from autograder.course.calibration import calibration_plot, training_versions
    from autograder.course.stakes import stakes
    from autograder.errors import UsageError
    from autograder.execution.environment import require_safe_keras, versions
    from autograder.files import write_atomic
    from autograder.quality.calibrating import device_of, right_solutions, run_all
    from autograder.quality.calibration import calibrate as calibrate_profile
    from autograder.quality.calibration import read_file, write_file
    from autograder.quality.calibration_plot import plot

    require_safe_keras()
    solutions = common.paths.solutions(assignment)
    with open_sandbox(common.course, True) as sandbox:  # the instructor's own code, at the best level that there is
        store = store_of(common.course, common.paths, common.store)
        plan = make_plan(common.course, common.paths, assignment, common.profile, store, common.data, True, common.say)
        at_stake = stakes(plan.specs, plan.declarations.tests, plan.profile.curves)
        if not at_stake:
            raise UsageError(f"The graders of '{assignment}' award nothing through a curve.", "Only such metrics can be calibrated.")
        read_file(solutions)  # what cannot be written is said before hours of work
        chosen = right_solutions(plan, named)
        with open_progress(runs * len(chosen), common.quiet) as progress:
            found = run_all(plan, chosen, runs, sandbox, jobs, force, progress)
    known = training_versions(versions(plan.backend))
    calibration = calibrate_profile(assignment, plan.profile.name, at_stake, found, runs, device_of(plan, found), known)
    figures = calibration.as_json()
    if not common.quiet:
        print_figures(calibration)
    common.write_json({"assignment": assignment, "profile": plan.profile.name, **figures})
    if named:
        common.say("Nothing is written: a calibration is that of all right solutions, of which --variant names some.")
    else:
        file, picture = write_file(solutions, calibration), calibration_plot(solutions, plan.profile.name)
        write_atomic(picture, plot(calibration))
        common.say(f"Written: {file}\nPlot:    {picture}")
    _finish(calibration, machine=any(run.record.outcome == "infra_error" for run in found))


def _finish(calibration: ProfileCalibration, machine: bool) -> None:
    """Right solutions without a result are named, and what was lost beside the curves: status 3 where it is the machine's fault, else 1."""
    for failure in calibration.failures:
        click.echo(f"No result: {failure}", err=True)
    if calibration.failures:
        click.echo("A right solution without a result: no threshold is suggested, and nothing runs again, until each has one.", err=True)
        raise click.exceptions.Exit(3 if machine else 1)
    if calibration.beside.lost:
        for line in beside(calibration)[1:]:
            click.echo(line, err=True)
        click.echo("Right solutions lost points beside the curves: no threshold is suggested until they do not.", err=True)
        raise click.exceptions.Exit(1)


def print_figures(calibration: ProfileCalibration) -> None:
    """Figures and what they mean, on standard error; 80 columns are enough."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from autograder.quality.figures import METHOD

    console = Console(stderr=True)
    for metric, figures in calibration.metrics.items():
        title = f"{metric}, profile {calibration.profile}: {figures.points:g} points; share of right runs that lose by luck, at most"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        table.add_column("right solution", overflow="fold")
        for name in ("runs", "mean ± seeds", "± hidden", "lowest" if figures.rises else "highest", "normal p", "once", "reruns"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, each in figures.solutions.items():
            worst = min(each.values) if figures.rises else max(each.values)
            spreads = (f"{each.mean:.4f} ± {each.spread:.4f}", _number(each.hidden_spread), f"{worst:.4f}")
            row = (name, str(each.n), *spreads, _number(each.normality, 2), _share(each.loses_once), _share(each.loses_after_reruns))
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        for line in sentences(metric, figures):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(METHOD, highlight=False, markup=False, soft_wrap=True)
    for line in (together(calibration), beside(calibration)[0]):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def sentences(metric: str, figures: MetricFigures) -> list[str]:
    """What the figures of one metric mean, for the instructor."""
    from autograder.quality.luck import ENOUGH_RUNS, LEAST_RUNS, NOT_NORMAL

    said = []
    if any(each.hidden_spread is None for each in figures.solutions.values()):
        said.append("How single hidden examples decide about it is not known: the bounds are those of the seeds alone.")
    if not figures.normal:
        odd = [name for name, each in figures.solutions.items() if each.normality is not None and each.normality < NOT_NORMAL]
        said.append(f"Not normal: {', '.join(odd)}. The bounds rest on that; look at the plot, and take them for too small.")
    if figures.one_point_at is None:
        return [*said, f"{metric}: no more points follow from it than luck may take."]
    part = "one point" if figures.tolerated == 1 else f"{figures.tolerated:.2g} points"
    where = f"{metric}: the curve takes {part} at {figures.one_point_at:.4g} and gives all from {figures.full_at:g}"
    if figures.n < LEAST_RUNS:
        return [*said, f"{where}. {figures.n} runs say too little: it takes {LEAST_RUNS} for a suggestion, {ENOUGH_RUNS} for a firm one."]
    if figures.one_point_limit is None:
        return [*said, f"{where}. A run has no result, so there is no suggestion."]
    if figures.suggested is None:
        return [*said, f"{where}. A run lost points beside the curves, so there is no suggestion."]
    verdict = "That is tighter than luck allows" if figures.tight else "Luck allows that"
    mark = " (provisional)" if figures.provisional else ""
    may = f"it may take {part} at {figures.one_point_limit:.4g} and give all from {figures.suggested:g}{mark}"
    return [*said, f"{where}. {verdict}: {may}."]


def together(calibration: ProfileCalibration) -> str:
    """What this assignment adds to the target of a term."""
    from autograder.quality.luck import ASSIGNMENTS, CONFIDENCE, LEAST_RUNS, MOST_UNLUCKY, STUDENTS

    target = f"{MOST_UNLUCKY / ASSIGNMENTS:g} is its part of the {MOST_UNLUCKY:g} that {ASSIGNMENTS} assignments may have"
    if calibration.unlucky is None:
        return f"With {LEAST_RUNS} runs of each it is said here how many of {STUDENTS} correct submissions lose points by luck ({target})."
    bounds = sum(each.one_point_at is not None for each in calibration.metrics.values())
    sure = f"That holds with {CONFIDENCE:.0%}."
    if bounds > 1:
        sure = (
            f"It is the sum of {bounds} bounds: each of them holds with {CONFIDENCE:.0%}, "
            f"so all of them with {max(0.0, 1 - bounds * (1 - CONFIDENCE)):.0%} at least."
        )
    return (
        f"Of {STUDENTS} correct submissions, at most {calibration.unlucky:.2g} are expected to lose more than one point by luck through "
        f"the curves, after reruns; {target}. {sure}"
    )


def beside(calibration: ProfileCalibration) -> list[str]:
    """What right solutions lost where no curve decides: one line of all runs, then one for each test."""
    from autograder.quality.luck import CONFIDENCE

    found = calibration.beside
    share = f"with {CONFIDENCE:.0%} confidence at most {found.at_most:.1%} of such runs do. A miss there is not run again."
    lines = [f"Beside the curves {found.lost or 'none'} of {found.runs} runs lost points; {share}"]
    for cell, losses in found.cells.items():
        for test in losses.tests:
            lines.append(f"'{cell}', {test.test}: {len(test.runs)} of {losses.runs} runs ({'; '.join(test.runs)}): {test.message}")
    return lines


def _share(bound: float | None) -> str:
    if bound is None:
        return "–"
    return f"{max(bound, 1e-9):.1e}" if bound < 0.001 else f"{bound:.3f}"


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
