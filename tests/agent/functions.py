"""Whoever runs Lambda functions, for tests."""

import asyncio
import contextlib

from aiohttp import web


class Functions:
    """Answers Lambda's Invoke; ``asked`` holds (function's name, payload) of each call."""

    def __init__(self):
        self.asked = []
        self.was_asked = asyncio.Event()
        self.answer = lambda: web.json_response({"hookStatus": "SUCCEEDED"})
        self.url = ""

    async def invoke(self, request):
        self.asked.append((request.match_info["name"], await request.json()))
        self.was_asked.set()
        answer = self.answer()
        return await answer if asyncio.iscoroutine(answer) else answer

    @contextlib.asynccontextmanager
    async def serving(self):
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/2015-03-31/functions/{name}/invocations", self.invoke)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/check/invocations"
        try:
            yield self
        finally:
            await runner.cleanup()
