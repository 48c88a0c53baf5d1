"""A decision as JSON values, for ``ivr route --json`` and for the ledger."""

from ivr.routing.model import Decision


def decision_as_json(decision: Decision) -> dict[str, object]:
    return {
        "rule": decision.rule,
        "mode": decision.mode.value,
        "queue": decision.queue,
        "priority": decision.priority,
        "agencies": [
            {
                "agency": use.agency,
                "role": use.role.value,
                "lines": [{"name": line.name, "timeout_seconds": line.timeout_seconds} for line in use.lines],
            }
            for use in decision.agencies
        ],
        "notify": list(decision.notify),
        "clock_seconds": decision.clock_seconds,
        "why": [
            {"rule": trace.rule, "matched": trace.matched, "because": trace.because} for trace in decision.why
        ],
    }
