"""Instructors' pages: the class, an assignment, a submission, and what can be done with one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tornado.web import HTTPError

from autograder.errors import AutograderError
from autograder.feedback.cells import notebook_cells
from autograder.feedback.difficulty import difficulties
from autograder.feedback.pages import render_page
from autograder.feedback.summary import flags, outcomes, share, summary
from autograder.hub.state import InstructorsView
from autograder.hub.web.pages import Page
from autograder.hub.web.phases import pace, spoken, spoken_batch
from autograder.hub.web.spread import Spread, spread_of
from autograder.records import Record, to_json

_SHOWN = 100
_PASS = 0.5


class Teaching(Page):
    """For members of the course's group of instructors."""

    instructors_only = True

    async def view(self) -> InstructorsView:
        """The live view of the class."""
        return await self.ask(self.source.instructors_view)


class Class(Teaching):
    """All assignments, what runs and waits, flags."""

    async def get(self) -> None:
        view = await self.view()
        names = await self.ask(self.source.names)
        every = pace(one for batch in view.batches for one in (*batch.running, *batch.queue))
        said = " ".join(spoken_batch(batch) for batch in view.batches if batch.running or batch.queue)
        self.show("teach.html", "teach", view=view, names=names, shown=_SHOWN, every=every, spoken=said)


class ClassAssignment(Teaching):
    """One assignment of the class."""

    async def get(self, assignment: str) -> None:
        view = await self.view()
        batch = next((each for each in view.batches if each.assignment == assignment), None)
        if batch is None:
            raise HTTPError(404)
        records = await self.ask(self.source.records, assignment)
        spread = distribution(records)
        self.show(
            "teach_assignment.html",
            "teach",
            batch=batch,
            names=await self.ask(self.source.names),
            summary=summary(records, _PASS, 0) if records else None,
            distribution=spread,
            most=max((count for _, count in spread), default=1),
            outcomes=outcomes(records),
            tests=difficulties(records),
            flags=flags(records),
            audit=await self.ask(self.source.audits, assignment),
            report=await self.ask(self.source.report, assignment) is not None,
            similar=await self.ask(self.source.report, assignment, True) is not None,
            every=pace((*batch.running, *batch.queue)),
            spoken=spoken_batch(batch),
        )


class ClassSubmission(Teaching):
    """One submission of anybody: record, flags, feedback, notebook."""

    async def get(self, receipt: str) -> None:
        one = await self.found(self.source.submission, receipt)
        view = await self.view()
        batch = next(each for each in view.batches if each.assignment == one.assignment)
        self.show(
            "teach_submission.html",
            "teach",
            batch=batch,
            one=one,
            record=await self.ask(self.source.record, receipt),
            read=await self.ask(self.source.feedback, receipt) is not None,
            name=(await self.ask(self.source.names)).get(one.student, one.student),
            flags=[flag for flag in view.flags if flag.receipt == receipt],
            every=pace([one]),
            spoken=spoken(one, batch.title),
        )


class ClassRecord(Teaching):
    """A record as it is kept."""

    async def get(self, receipt: str) -> None:
        record = await self.found(self.source.record, receipt)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(to_json(record))


class ClassFeedback(Teaching):
    """What a student reads, as an isolated document."""

    async def get(self, receipt: str) -> None:
        self.show_untrusted(await self.found(self.source.feedback, receipt))


class ClassNotebook(Teaching):
    """An executed notebook as text, as an isolated document."""

    async def get(self, receipt: str) -> None:
        notebook = await self.found(self.source.notebook, receipt)
        self.show_untrusted(render_page("executed.html", title=receipt, cells=notebook_cells(notebook)))


class ClassNotebookFile(Teaching):
    """An executed notebook to keep; never opened by the browser itself."""

    async def get(self, receipt: str) -> None:
        notebook = await self.found(self.source.notebook, receipt)
        self.set_header("Content-Type", "application/x-ipynb+json")
        self.set_header("Content-Disposition", f'attachment; filename="{receipt}.ipynb"')
        self.finish(json.dumps(notebook, indent=1))


class ClassReport(Teaching):
    """The last report, as an isolated document."""

    async def get(self, assignment: str) -> None:
        self.show_untrusted(await self.found(self.source.report, assignment))


class ClassSimilar(Teaching):
    """Similar submissions side by side, as the report found them."""

    async def get(self, assignment: str) -> None:
        self.show_untrusted(await self.found(self.source.report, assignment, True))


class Order(Teaching):
    """Cancel, grade again, start what was held, or write the report.

    Only forms of these pages come through: each carries the signed token of its session.
    """

    async def post(self) -> None:
        kind = self.get_body_argument("kind", "")
        if kind in ("start", "report"):
            address, said = await self._all(kind, self.get_body_argument("assignment", ""))
        elif kind in ("cancel", "rerun"):
            address, said = await self._one(kind, self.get_body_argument("receipt", ""))
        else:
            raise HTTPError(400)
        self.say(said)
        self.redirect(f"{self.prefix}{address}", status=303)

    async def _all(self, kind: str, assignment: str) -> tuple[str, str]:
        if assignment not in {batch.assignment for batch in (await self.view()).batches}:
            raise HTTPError(404)
        try:
            if kind == "report":
                await self.ask(self.source.write_report, assignment)
                return f"teach/assignment/{assignment}", "The report is written."
            count = await self.ask(self.source.start_held, assignment, self.user)
        except AutograderError as error:
            return "teach", str(error)
        return "teach", f"{count} {'submission is' if count == 1 else 'submissions are'} in the queue now."

    async def _one(self, kind: str, receipt: str) -> tuple[str, str]:
        one = await self.found(self.source.submission, receipt)
        order = self.source.cancel if kind == "cancel" else self.source.rerun
        try:
            await self.ask(order, one.receipt, self.user)
        except AutograderError as error:
            said = str(error)
        else:
            said = "It is cancelled." if kind == "cancel" else "It is in the queue again."
        return f"teach/submission/{one.receipt}", said


def distribution(records: Sequence[Record]) -> Spread:
    """Scored records by tenths of the automatic points; full points stand alone."""
    return spread_of([found for record in records if (found := share(record)) is not None])
