"""``/health`` and ``/metrics`` on loopback."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from ivr.health.metrics import Metrics
from ivr.health.status import Level, Part, as_json, overall


class HealthServer:
    """Answers 200 while calls are handled as they should be (``ok``, ``warn``) and 503 when not (``bad``)."""

    def __init__(
        self,
        port: int,
        metrics: Metrics,
        look: Callable[[], tuple[tuple[Part, ...], Mapping[str, object]]],
    ) -> None:
        self._port = port
        self._metrics = metrics
        self._look = look
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        application = web.Application()
        application.add_routes([web.get("/health", self._health), web.get("/metrics", self._text)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        parts, facts = self._look()
        status = 503 if overall(parts) is Level.BAD else 200
        return web.json_response(as_json(parts, facts), status=status)

    async def _text(self, _request: web.Request) -> web.Response:
        self._look()
        self._metrics.tasks.set(len(asyncio.all_tasks()))
        return web.Response(body=self._metrics.text(), content_type="text/plain", charset="utf-8")
