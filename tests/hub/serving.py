"""The pages with a made-up source on a port, for a browser: whoever shows one of the tokens is signed in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from autograder.feedback.student import render_feedback
from autograder.hub.web.app import application
from tests.feedback import samples
from tests.hub import fakes


def made_up(folder: Path) -> tuple[Application, fakes.FakeSource, fakes.FakeHub]:
    """All pages, with feedback for Ada that holds every kind of markup."""
    (folder / "ada.html").write_text(render_feedback(samples.page(notebook=fakes.hostile_notebook())), encoding="utf-8")
    source, hub = fakes.FakeSource(folder), fakes.hub()
    return application(source, fakes.settings(folder), "Deep learning with Keras", hub), source, hub


@contextmanager
def served(app: Application) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """Its address on loopback, and the loop that it runs in, a thread's."""
    socket, port = bind_unused_port()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> HTTPServer:
        server = HTTPServer(app)
        server.add_sockets([socket])
        return server

    async def end(server: HTTPServer) -> None:
        server.stop()
        await server.close_all_connections()
        await loop.shutdown_default_executor()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"http://127.0.0.1:{port}", loop
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
