"""What is true about the calls now: pure values and functions of events and time, no I/O.

``events`` come in from Asterisk, ``notes`` from the engine's own answers; ``reduce.apply`` makes the next
:class:`~ivr.calls.call.Call` and the findings that go to the ledger; ``registry`` keeps all live calls.
"""
