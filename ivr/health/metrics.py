"""What Prometheus may ask for, named by its conventions; no personal data in labels."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ivr.calls.findings import Kind
from ivr.calls.registry import Change
from ivr.vocabulary import AgiScript

LAG_EVERY = 0.5
"""Seconds between two looks at the event loop."""


class Metrics:
    """All figures of one engine, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls_started = Counter("siaga_calls_started", "Calls from the trunk.", registry=self.registry)
        self.calls_ended = Counter(
            "siaga_calls_ended",
            "Calls ended, by result and reason.",
            ["result", "reason"],
            registry=self.registry,
        )
        self.invites_refused = Counter(
            "siaga_invites_refused",
            "The carrier's calls that Asterisk refused before they were a channel, by SIP status.",
            ["code"],
            registry=self.registry,
        )
        self.invites_refused_elsewhere = Counter(
            "siaga_invites_refused_elsewhere",
            "The same to anybody else: strangers, and phones asked for their password.",
            ["code"],
            registry=self.registry,
        )
        self.calls_live = Gauge("siaga_calls_live", "Calls now, by state.", ["state"], registry=self.registry)
        self.longest_wait = Gauge(
            "siaga_longest_wait_seconds", "The longest a caller waits now.", registry=self.registry
        )
        self.answer_seconds = Histogram(
            "siaga_answer_seconds",
            "From the trunk's answer to the first person.",
            # 10, 15 and 20 s are the targets of NFPA 1225 and NENA-STA-020.1.
            buckets=(1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 300),
            registry=self.registry,
        )
        self.lifeline = Counter(
            "siaga_lifeline", "Calls that went on without the engine.", ["reason"], registry=self.registry
        )
        self.questions = Counter(
            "siaga_questions", "The dialplan's questions.", ["script", "outcome"], registry=self.registry
        )
        self.question_seconds = Histogram(
            "siaga_question_seconds",
            "From question to advice.",
            ["script"],
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.06, 0.25, 1, 3),
            registry=self.registry,
        )
        # To look a metric up by its labels costs more than to count.
        self._answered = {
            script: (self.questions.labels(script, "answered"), self.question_seconds.labels(script))
            for script in AgiScript
        }
        self.operators = Gauge("siaga_operators", "Operators of layer 1.", ["state"], registry=self.registry)
        self.ami_up = Gauge("siaga_ami_up", "1 while the link to Asterisk is up.", registry=self.registry)
        self.ledger_waiting = Gauge(
            "siaga_ledger_waiting", "Rows not yet in the database.", registry=self.registry
        )
        self.ledger_lost = Gauge(
            "siaga_ledger_lost", "Rows lost since the start: must stay 0.", registry=self.registry
        )
        self.ledger_journal_bytes = Gauge(
            "siaga_ledger_journal_bytes",
            "Size of the journal of a database that is away.",
            registry=self.registry,
        )
        self.recordings = Gauge(
            "siaga_recordings", "Recordings looked at since the start.", ["result"], registry=self.registry
        )
        self.recordings_silent = Gauge(
            "siaga_talks_not_recorded", "Talks whose recording does not grow now.", registry=self.registry
        )
        self.recordings_stopped = Gauge(
            "siaga_recordings_stopped",
            "1 while no call is recorded for want of disk.",
            registry=self.registry,
        )
        self.recording_free_bytes = Gauge(
            "siaga_disk_free_bytes", "Free on the disk of IVR_STATE.", registry=self.registry
        )
        self.routing_refused = Gauge(
            "siaga_routing_refused",
            "1 while routing.yaml is broken and an older version is in force.",
            registry=self.registry,
        )
        self.routing_info = Gauge(
            "siaga_routing_info", "The rules in force.", ["version", "digest"], registry=self.registry
        )
        self.tasks = Gauge(
            "siaga_tasks",
            "asyncio tasks; it returns to where it was when the last call is over.",
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "siaga_event_loop_lag_seconds",
            "How late the event loop was at its last look.",
            registry=self.registry,
        )
        self.loop_lag_max = Gauge(
            "siaga_event_loop_lag_max_seconds",
            "The latest it has been since the start.",
            registry=self.registry,
        )

    def answered(self, script: AgiScript, seconds: float) -> None:
        """A question got its advice."""
        count, histogram = self._answered[script]
        count.inc()
        histogram.observe(seconds)

    def count(self, change: Change) -> None:
        """Something happened to a call, now or some time ago."""
        for finding in change.findings:
            if finding.kind is Kind.TRUNK:
                self.calls_started.inc()
            elif finding.kind is Kind.LIFELINE:
                self.lifeline.labels(change.call.lifeline or "unknown").inc()
            elif finding.kind is Kind.ENDED and change.call.ending is not None:
                ending = change.call.ending
                self.calls_ended.labels(ending.result, ending.reason).inc()
                if change.call.answer_seconds is not None:
                    self.answer_seconds.observe(change.call.answer_seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    async def watch_loop(self) -> None:
        """Measure for ever how late the event loop comes back."""
        loop = asyncio.get_running_loop()
        worst = 0.0
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            lag = max(0.0, loop.time() - due)
            worst = max(worst, lag)
            self.loop_lag.set(lag)
            self.loop_lag_max.set(worst)
