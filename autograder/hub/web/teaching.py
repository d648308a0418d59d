"""Instructors' pages: the class, an assignment, a submission, and what can be done with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from tornado.web import HTTPError

from autograder.errors import AutograderError
from autograder.feedback.cells import notebook_cells
from autograder.feedback.difficulty import difficulties
from autograder.feedback.pages import render_page
from autograder.feedback.summary import flags, outcomes, share, summary
from autograder.hub.state import BatchView, InstructorsView, SubmissionView
from autograder.hub.web.pages import Page
from autograder.hub.web.phases import pace, spoken, spoken_batch
from autograder.hub.web.source import OrderKind
from autograder.records import Record, to_json

_SHOWN = 100
_PASS = 0.5
_KINDS = ("start", "cancel", "rerun")


class Teaching(Page):
    """For members of the course's group of instructors."""

    instructors_only = True

    async def view(self) -> InstructorsView:
        """The live view of the class."""
        return await self.ask(self.source.instructors_view)

    async def submission(self, receipt: str) -> tuple[BatchView, SubmissionView, InstructorsView]:
        """A submission, its assignment and the view that both are from."""
        view = await self.view()
        for batch in view.batches:
            for one in (*batch.submissions, *batch.running, *batch.queue):
                if one.receipt == receipt:
                    return batch, one, view
        raise HTTPError(404)


class Class(Teaching):
    """All assignments, what runs and waits, flags."""

    async def get(self) -> None:
        view = await self.view()
        names = await self.ask(self.source.names)
        every = pace(one.phase for batch in view.batches for one in (*batch.running, *batch.queue))
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
            similar=await self.ask(self.source.similar, assignment),
            every=pace(one.phase for one in (*batch.running, *batch.queue)),
            spoken=spoken_batch(batch),
        )


class ClassSubmission(Teaching):
    """One submission of anybody: record, flags, feedback, notebook."""

    async def get(self, receipt: str) -> None:
        batch, one, view = await self.submission(receipt)
        record = await self.ask(self.source.record, receipt)
        name = (await self.ask(self.source.names)).get(one.student, one.student)
        raised = [flag for flag in view.flags if flag.receipt == receipt]
        self.show(
            "teach_submission.html", "teach", batch=batch, one=one, record=record, name=name, flags=raised,
            every=pace([one.phase]), spoken=spoken(one, batch.title),
        )  # fmt: skip


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


class Order(Teaching):
    """Start, cancel or grade again. Only forms of these pages come through: each carries the signed token of its session."""

    async def post(self) -> None:
        kind, receipt = self.get_body_argument("kind", ""), self.get_body_argument("receipt", "")
        if kind not in _KINDS:
            raise HTTPError(400)
        await self.submission(receipt)  # 404 for what does not exist
        try:
            self.say(await self.ask(self.source.order, cast(OrderKind, kind), receipt, self.user))
        except AutograderError as error:
            self.say(str(error))
        self.redirect(f"{self.prefix}teach/submission/{receipt}", status=303)


def distribution(records: Sequence[Record]) -> list[tuple[str, int]]:
    """Scored records by tenths of the automatic points; full points stand alone."""
    shares = [found for record in records if (found := share(record)) is not None]
    if not shares:
        return []
    counts = [0] * 11
    for each in shares:
        counts[min(10, max(0, int(each * 10 + 1e-9)))] += 1
    labels = [f"{ten * 10}–{ten * 10 + 9}" for ten in range(10)]
    return list(zip([*labels, "100"], counts, strict=True))
