"""INVITEs that Asterisk refused before a channel existed: no call of the registry, yet somebody's call."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

SOURCE = "asterisk-hep"
"""Where the counts come from: Asterisk's SIP capture (``ivr.asterisk.sip_capture``)."""

TELL_EVERY = timedelta(minutes=1)
"""At most one entry of the record in so long: a flood of refusals must not fill it."""

REMEMBERED = 4_096
"""SIP Call-IDs, so that a refusal that is sent again (for up to 32 s) counts once."""

GONE_DIALOG = 481
"""The answer to an INVITE inside a call that Asterisk does not have any more: no new call."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class InviteRefused:
    """A final refusal as it left Asterisk. ``code`` is SIP's (488, 503, …), ``to`` who was refused."""

    at: datetime
    code: int
    sip_call_id: bytes
    to: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Told:
    """What the record is told: the refusals since the last time, by code."""

    at: datetime
    """Of the last one."""
    since: datetime
    codes: Counter[int]

    def data(self) -> dict[str, object]:
        return {
            "codes": {str(code): count for code, count in sorted(self.codes.items())},
            "count": self.codes.total(),
            "since": self.since.isoformat(),
            "source": SOURCE,
        }


class RefusedInvites:
    """Counts the carrier's, each call once, and gathers them for the record.

    Refusals to others (strangers; a phone of ours that is asked for its password) are told apart by address:
    they are no calls to 112.
    """

    def __init__(self, carrier: Iterable[Network]) -> None:
        self._carrier = tuple(carrier)
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._untold: Counter[int] = Counter()
        self._since: datetime | None = None
        self._told_at: datetime | None = None
        self.total = 0
        """The carrier's, since the engine's start."""
        self.last: datetime | None = None
        """When the carrier was refused last."""

    def is_carrier(self, refused: InviteRefused) -> bool:
        return any(refused.to in network for network in self._carrier)

    def see(self, refused: InviteRefused) -> bool:
        """Whether this is news: a call that was not refused before."""
        if refused.code == GONE_DIALOG or refused.sip_call_id in self._seen:
            return False
        self._seen[refused.sip_call_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if self.is_carrier(refused):
            self.total += 1
            self.last = refused.at
            self._since = self._since or refused.at
            self._untold[refused.code] += 1
        return True

    def tell(self, now: datetime, *, last_time: bool = False) -> Told | None:
        """What is due for the record: the first refusal at once, those after it a minute later, together.
        ``last_time``: whatever there is."""
        if self._since is None or self.last is None:
            return None
        if not last_time and self._told_at is not None and timedelta() <= now - self._told_at < TELL_EVERY:
            return None
        told = Told(self.last, self._since, self._untold)
        self._untold, self._since, self._told_at = Counter(), None, now
        return told
