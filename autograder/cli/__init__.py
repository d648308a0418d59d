"""The command line. Every command is in a module of its own and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys

import click

from autograder import __version__
from autograder.cli.archive import archive
from autograder.cli.audit import audit
from autograder.cli.calibrate import calibrate
from autograder.cli.check import check
from autograder.cli.cluster import cluster
from autograder.cli.collect import collect
from autograder.cli.decide import decide, decisions
from autograder.cli.demo import demo
from autograder.cli.doctor import doctor
from autograder.cli.evidence import evidence
from autograder.cli.export import export
from autograder.cli.feedback import feedback
from autograder.cli.forget import forget
from autograder.cli.grade import grade
from autograder.cli.gradebook import gradebook
from autograder.cli.hub import hub
from autograder.cli.init import init
from autograder.cli.interrupts import end_cleanly_once
from autograder.cli.isolation import isolation
from autograder.cli.marking import marking
from autograder.cli.regrade import regrade
from autograder.cli.release import release
from autograder.cli.report import report
from autograder.cli.roster import roster
from autograder.cli.scores import scores
from autograder.cli.store import store
from autograder.cli.validate import validate
from autograder.errors import AutograderError, ConfigurationError, MachineError
from autograder.imports import leave_out_address_grammars


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autograder")
def cli() -> None:
    """Autograded deep-learning assignments: release, grade, regrade, give feedback, report."""


_CLASS = (release, collect, doctor, grade, regrade, audit, feedback, report, export)
_COURSE = (init, check, validate, calibrate, demo)
_MACHINE = (isolation, store, gradebook, cluster, hub)
_TERM = (roster, decide, decisions, scores, marking, evidence, archive, forget)
for command in (*_CLASS, *_COURSE, *_TERM, *_MACHINE):
    cli.add_command(command)


def main() -> None:
    """Entry point: errors are shown as sentences, with what to do, and give the exit status of its kind."""
    leave_out_address_grammars()
    end_cleanly_once()
    try:
        status = cli(standalone_mode=False)  # click gives the status of an Exit back
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted. What was graded is recorded; run the same command again to go on.", err=True)
        sys.exit(130)
    except ConfigurationError as error:
        count = len(error.problems)
        click.echo(f"The course has {count} problem{'s' if count > 1 else ''}:\n\n{error}", err=True)
        sys.exit(error.exit_status)
    except AutograderError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        click.echo(f"Error: {error}\n  → Is the disk full, or the folder not writable?", err=True)
        sys.exit(MachineError.exit_status)
