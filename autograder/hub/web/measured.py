"""The page for Prometheus."""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST
from tornado.web import HTTPError, RequestHandler

from autograder.hub.metrics import Metrics


class Measured(RequestHandler):
    """On the service's own port only. Through the hub's proxy, where anybody could ask, there is no such page."""

    async def get(self) -> None:
        if any(name.lower().startswith("x-forwarded") for name in self.request.headers):
            raise HTTPError(404)
        metrics: Metrics = self.settings["metrics"]
        found = await asyncio.get_running_loop().run_in_executor(None, metrics.scrape)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(found)
