"""A target of HTTP/1.1 and WebSocket. Arguments: port, name.

GET / and /health answer the name, /long ten lines of it in two seconds; /echo is a WebSocket that
answers what it hears. SIGTERM ends it at once: what is in flight then was not drained.
"""

import asyncio
import signal
import sys

from aiohttp import web

PORT, NAME = int(sys.argv[1]), sys.argv[2]
LINES, PAUSE = 10, 0.2


async def named(_: web.Request) -> web.Response:
    return web.Response(text=f"{NAME}\n")


async def long(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(LINES):
        await answer.write(f"{NAME}\n".encode())
        await asyncio.sleep(PAUSE)
    await answer.write_eof()
    return answer


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
app = web.Application()
for path, answer in (("/", named), ("/health", named), ("/long", long), ("/echo", echo)):
    app.router.add_get(path, answer)
web.run_app(app, host="0.0.0.0", port=PORT, handle_signals=False, access_log=None)
