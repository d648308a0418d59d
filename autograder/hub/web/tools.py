"""Instructors' pages on which something is decided: curves, decisions, exports. Each says what it did, or why it could not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.web import HTTPError

from autograder.errors import AutograderError
from autograder.hub.curves import CurveView, Effect
from autograder.hub.deciding import KINDS, DecisionForm
from autograder.hub.exports import ExportForm
from autograder.hub.state import BatchView
from autograder.hub.web.spread import Spread, spread_of
from autograder.hub.web.teaching import Teaching

_SHOWN = 200


class Tool(Teaching):
    """A page about one assignment."""

    async def batch(self, assignment: str) -> BatchView:
        """404 for an assignment that there is not."""
        found = next((each for each in (await self.view()).batches if each.assignment == assignment), None)
        if found is None:
            raise HTTPError(404)
        return found

    async def show_tool(self, template: str, assignment: str, **values: Any) -> None:
        batch = await self.batch(assignment)
        names = await self.ask(self.source.names)
        self.show(template, "teach", batch=batch, names=names, shown=_SHOWN, **values)


class Curves(Tool):
    """What another curve would do to all scores; asked by address, since asking changes nothing."""

    async def get(self, assignment: str) -> None:
        await self.batch(assignment)
        metric, points = self.get_query_argument("metric", ""), self.get_query_argument("points", "")
        views: Sequence[CurveView] = ()
        effect, problem = None, ""
        try:
            views = await self.ask(self.source.curves, assignment)
            effect = await self.ask(self.source.try_curve, assignment, metric, points) if metric else None
        except AutograderError as error:
            problem = str(error)
        values = {"views": views, "metric": metric, "points": points, "effect": effect, "problem": problem, "spreads": _spreads(effect)}
        await self.show_tool("teach_curves.html", assignment, **values)


class ApplyCurves(Tool):
    """The curves of the configuration, for everything that was graded."""

    async def post(self) -> None:
        assignment = (await self.batch(self.get_body_argument("assignment", ""))).assignment
        try:
            done = await self.ask(self.source.apply_curves, assignment, self.user)
        except AutograderError as error:
            said = str(error)
        else:
            said = f"The curves are in force; {len(done.changed)} of {len(done.changes)} scores changed."
            said += f" {len(done.left_alone)} could not be computed: autograder regrade {assignment} says why." if done.left_alone else ""
        self.say(said)
        self.redirect(f"{self.prefix}teach/curves/{assignment}", status=303)


class Decisions(Tool):
    """What was decided, and a form to decide."""

    async def get(self, assignment: str) -> None:
        await self.batch(assignment)
        await self._show(DecisionForm(assignment, students=self.get_query_argument("student", "")[:200]))

    async def post(self, assignment: str) -> None:
        await self.batch(assignment)
        form = DecisionForm(
            assignment,
            self.get_body_argument("kind", ""),
            self.get_body_argument("students", ""),
            self.get_body_argument("everybody", "") == "yes",
            self.get_body_argument("until", ""),
            self.get_body_argument("score", ""),
            self.get_body_argument("why", ""),
        )
        revoked = self.get_body_argument("revoke", "")
        try:
            if revoked:
                said = await self.ask(self.source.revoke, revoked, self.user, form.why)
            else:
                said = await self.ask(self.source.decide, form, self.user)
        except AutograderError as error:
            await self._show(form, str(error))
            return
        self.say(said)
        self.redirect(f"{self.prefix}teach/decisions/{assignment}", status=303)

    async def _show(self, form: DecisionForm, problem: str = "") -> None:
        found = await self.ask(self.source.decisions, form.assignment)
        await self.show_tool("teach_decisions.html", form.assignment, form=form, problem=problem, kinds=KINDS, decisions=found)


class Exports(Tool):
    """Files for other programs: made by a form, then downloaded, with everybody who is not in them named."""

    async def get(self, assignment: str) -> None:
        await self.batch(assignment)
        await self._show(assignment)

    async def post(self, assignment: str) -> None:
        await self.batch(assignment)
        form = ExportForm(
            assignment,
            self.get_body_argument("form", ""),
            self._file("template"),
            self._file("roster"),
            self.get_body_argument("column", ""),
            self.get_body_argument("scale", "") == "yes",
            self.get_body_argument("partial", "") == "yes",
        )
        try:
            report = await self.ask(self.source.export, form)
        except AutograderError as error:
            await self._show(assignment, problem=str(error))
            return
        await self._show(assignment, report=report)

    async def _show(self, assignment: str, report: Any = None, problem: str = "") -> None:
        files = await self.ask(self.source.exports, assignment)
        await self.show_tool("teach_exports.html", assignment, files=files, report=report, problem=problem)

    def _file(self, name: str) -> bytes:
        found = self.request.files.get(name, [])
        return bytes(found[0]["body"]) if found else b""


class ExportDownload(Teaching):
    """One of the files, to keep; never opened by the browser itself."""

    async def get(self, assignment: str, name: str) -> None:
        data = await self.found(self.source.export_file, assignment, name)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(data)


def _spreads(effect: Effect | None) -> list[tuple[str, int, int]]:
    """Tenths of the automatic points with students before and after."""
    if effect is None:
        return []

    def spread(after: bool) -> Spread:
        found = [each.after if after else each.before for each in effect.changes]
        return spread_of([score / effect.max_score for score in found if score is not None and effect.max_score > 0])

    return [(label, before, count) for (label, before), (_, count) in zip(spread(False), spread(True), strict=True)]
