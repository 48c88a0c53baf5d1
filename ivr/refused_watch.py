"""Counts the calls that Asterisk refused before they were a channel, and tells the record of them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from ivr.asterisk.sip_capture import SipCapture
from ivr.calls.findings import Kind
from ivr.calls.refused import InviteRefused, Network, RefusedInvites
from ivr.health.metrics import Metrics

_log = structlog.get_logger(__name__)


class RefusedWatch:
    """``port`` is where Asterisk tells of them, ``note`` puts down what concerns no call."""

    def __init__(
        self,
        port: int,
        carrier: Iterable[Network],
        metrics: Metrics,
        note: Callable[[Kind, datetime, Mapping[str, object]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._port = port
        self._metrics = metrics
        self._note = note
        self._now = now
        self._capture = SipCapture(port, self._see)
        self.invites = RefusedInvites(carrier)

    @property
    def listens(self) -> bool:
        return self._capture.listens

    async def start(self) -> None:
        """Not to count what is refused must keep nobody from being answered."""
        try:
            await self._capture.start()
        except OSError as error:
            _log.error("refused_calls_not_counted", port=self._port, error=error.strerror)

    def _see(self, refused: InviteRefused) -> None:
        if self.invites.see(refused):
            carrier, others = self._metrics.invites_refused, self._metrics.invites_refused_elsewhere
            (carrier if self.invites.is_carrier(refused) else others).labels(refused.code).inc()

    def tell(self, *, last_time: bool = False) -> None:
        """About once a second: put down what is due (:meth:`RefusedInvites.tell`)."""
        told = self.invites.tell(self._now(), last_time=last_time)
        if told is not None:
            self._note(Kind.INVITE_REFUSED, told.at, told.data())
            _log.warning("invites_refused", codes=told.data()["codes"])

    def close(self) -> None:
        """Count no more, and put down what was not told yet."""
        self._capture.close()
        self.tell(last_time=True)
