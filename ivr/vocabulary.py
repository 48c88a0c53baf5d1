"""Every name that the engine shares with ``dialplan/``.

The dialplan and the engine meet only here: channel variables, AGI scripts, the form of an advice and of a
plan, and the names of the user events that the dialplan writes to the channel event log (CEL). A test
compares this module with the files in ``dialplan/``; ``docs/contract.md`` explains it to people.

Division of labour: Asterisk holds the call. The engine is asked once per key (and at intake, where the first
menu does not follow from the number dialled), each time for one *advice*, and need keep nothing between the
questions: what it must know comes with the question. So an engine that dies or restarts between two questions
loses nothing.
"""

import re
from enum import StrEnum

CONTRACT_VERSION = "2"
"""First field of every advice and plan. The dialplan ignores an advice with another version."""

END_MARK = "end"
"""Last field of every advice. An advice without it was cut off and counts as none."""

FIELD_SEPARATOR = "|"
"""Separates the fields of an advice. No field may contain it."""


class AgiScript(StrEnum):
    """Which question the dialplan asks: the first part of an AGI request's path. Behind it, each after a
    ``/``, stand the Uniqueid of the channel that asks and the arguments. The raw facts of the call are the
    AGI's only argument of Asterisk's own (``agi_arg_1``)."""

    INTAKE = "intake"
    """What the call begins with. No arguments."""
    KEY = "key"
    """Arguments: menu, language, wrong keys so far, digest of the rules that the menu is of, the key (one of
    ``0-9 * #``, or :data:`SILENCE`)."""


class IntakeField(StrEnum):
    """The raw facts of a call in the order in which a question or a step carries them: each with a colon
    before it, base64, joined by ``.``"""

    DIALLED = "dialled"
    CALLER_NUMBER = "caller_number"
    """What the dialplan made of the headers: digits, perhaps with a plus, or :data:`NO_NUMBER`."""
    FROM = "from"
    ASSERTED_IDENTITY = "asserted_identity"
    REMOTE_PARTY = "remote_party"
    """``Remote-Party-ID``, what some carriers send in place of ``P-Asserted-Identity`` and ``Privacy``."""
    PRIVACY = "privacy"
    DIVERSION = "diversion"
    HISTORY_INFO = "history_info"
    GEOLOCATION = "geolocation"
    ACCESS_NETWORK = "access_network"
    SIP_CALL_ID = "sip_call_id"


NO_NUMBER = "anonymous"
"""Asterisk's caller ID of a call from the trunk whose headers hold no number (asterisk-conf/pjsip.conf). What
else a caller wrote never becomes Asterisk's caller ID."""

SILENCE = "silence"
"""The key of a caller who pressed none in time."""


class Advice(StrEnum):
    """Second field of an advice: what the dialplan shall do next."""

    MENU = "menu"
    """``2|menu|<menu>|<language>|<wrong keys>|<silence seconds>|<prompt>|<entry>|<caller class>|<rules>|end``

    Play the prompt, wait for one key, ask :attr:`AgiScript.KEY`. ``rules`` is the digest of the rules that
    the menu is of: a key means what the caller heard, also for the lifeline."""
    PLAN = "plan"
    """``2|plan|<plan>|<priority>|<category>|<language>|<accept prompt>|<mark>|<min penalty>|<max penalty>|``
    ``<entry>|<caller class>|end``

    Carry out the plan. ``mark`` is empty or ``cannot-speak``. Penalties are :data:`ANY_PENALTY` when any
    operator may answer. A prompt is a file below the directory of prompts, without its ending
    (``id/menu-main.1a2b3c``)."""
    LIFELINE = "lifeline"
    """``2|lifeline|end``

    The lifeline shall answer. The engine is well, and this question is none for it."""


HIGHEST_PENALTY = 10
"""Of an operator in a queue; 0 is rung first."""

ANY_PENALTY = (0, HIGHEST_PENALTY)
"""Least and most: any operator may be rung."""

STAGE_SEPARATOR = "+"
"""Separates the stages of a plan, which the dialplan carries out in order, and again from the first after the
last one, until a human answers or the caller hangs up.

``q:<queue>:<seconds>`` — wait in this queue so long; a queue in which nobody can answer is passed at once.
``i:<queue>:<seconds>:<keep free>`` — the same, entered only while more operators of layer 1 than that are
ready.
``l:<line>[&<line>…]:<seconds>`` — ring these lines together so long; somebody accepts, or the plan goes on.
"""

STAGE_FIELD_SEPARATOR = ":"
LINE_SEPARATOR = "&"

LAYER_1_QUEUE = "emergency"
"""The one queue of layer 1. It is hand-written in asterisk-conf/queues.conf, so that it exists even when
every generated file is missing."""

PRIORITY_STEPS = 100_000_000
"""``QUEUE_PRIO`` = priority × this + (this − 1 − tenths of a second between the first waiting call's answer
and this one's): Asterisk's queue then orders by priority, then by the trunk's answer, across menus and
overflows. Priority is 0 to 20, so the value stays below 2³¹."""

HIGHEST_PRIORITY = 20


class Variable(StrEnum):
    """Channel variables that the dialplan keeps on the caller's channel (and reads from an advice)."""

    CHANNEL = "IVR_CHANNEL"
    """The caller's channel's name, inherited by every leg."""
    ADVICE = "IVR_ADVICE"
    ENTRY = "IVR_ENTRY"
    CALLER = "IVR_CALLER"
    CATEGORY = "IVR_CATEGORY"
    LANGUAGE = "IVR_LANGUAGE"
    MENU = "IVR_MENU"
    WRONG = "IVR_WRONG"
    PLAN = "IVR_PLAN"
    STAGE = "IVR_STAGE"
    PRIORITY = "IVR_PRIORITY"
    MARK = "IVR_MARK"
    ACCEPT_PROMPT = "IVR_ACCEPT_PROMPT"
    ANSWERED = "IVR_ANSWERED"
    """Tenths of a second since 1970 at which the trunk's call was answered."""
    RULES = "IVR_RULES"
    """Digest of the rules that the caller's last menu is of."""
    PLACE = "IVR_PLACE"
    """The same, but never before a call that came earlier and is still here: the order in the queue."""
    SPENT = "IVR_SPENT"
    """Milliseconds that this call has waited for the engine, all questions together."""


class GlobalVariable(StrEnum):
    """Global variables of the dialplan that the engine or the doctor reads or sets while it serves."""

    RULES = "IVR_LIFELINE"
    """Digest of the rules that the dialplan goes by: they are in force for a call that begins now."""
    NO_RECORDING_UNTIL = "IVR_NO_RECORDING_UNTIL"
    """Until then (seconds since 1970) no recording begins: the disk is nearly full. Counts only within a
    minute of that time, so that recordings begin again by themselves when nobody sets it anew."""


FIRST_MENU = "IVR_FIRST_"
"""Before what can be dialled: the global variable with the menu advice for a call to it, rendered from the
rules; empty where such a call begins otherwise. It counts only when it is of the rules in force, and the call
was not redirected to us."""


class Step(StrEnum):
    """Names of the CEL user events of the dialplan (``CELGenUserEvent``); the extra text is fields joined by
    ``|``. They reach the engine over AMI and the CEL file alike."""

    FIRST_MENU = "first-menu"
    """The call's first menu plays, by :data:`FIRST_MENU`. Extra: the whole advice|the raw facts."""
    LIFELINE = "lifeline"
    """The call goes on without the engine. Extra: the reason (:class:`LifelineReason`), and of a call whose
    first menu was to be asked for |the raw facts."""
    LIFELINE_MENU = "lifeline-menu"
    """The lifeline offers a menu. Extra: the key that led here (empty: none)|the whole advice."""
    LIFELINE_PLAN = "lifeline-plan"
    """The lifeline has decided. Extra: the key (empty: none)|digest of the rules|number of the rule (1 is the
    first of the file)|its clock in seconds (empty: none)|its agencies with their lines
    (``damkar:damkar-1&damkar-2+…``)|the whole advice."""
    STAGE = "stage"
    """A stage begins. Extra: number of the stage (1 is the first)|kind q, i or l|queue or lines|seconds|round
    (1 is the first; every second round is the plan of last resort)."""
    STAGE_END = "stage-end"
    """A stage ended. Extra: number|QUEUESTATUS or DIALSTATUS."""
    OPERATOR_ANSWERED = "operator-answered"
    """Written on the operator's leg. Extra: endpoint."""
    LINE_ANSWERED = "line-answered"
    """A line picked up and hears the sentence. Extra: line."""
    LINE_ACCEPTED = "line-accepted"
    """Somebody at the line pressed 1 (or the line accepts by answering). Extra: line."""
    LINE_DECLINED = "line-declined"
    """Extra: line|``9`` (declined), ``silence`` (no key), ``gone`` (the caller had hung up)."""
    LINE_FAILED = "line-failed"
    """Extra: line|DIALSTATUS."""
    TALK_END = "talk-end"
    """The talk ended and the caller is still there. Extra: what follows, ``hangup`` or ``requeue``."""


class LifelineReason(StrEnum):
    """Why a call goes on without the engine."""

    NO_ANSWER = "no-answer"
    """Refused, closed, or an advice that is missing or cut off."""
    TIMEOUT = "timeout"
    """The engine did not answer within the step or the call's budget of engine time."""
    BULKHEAD = "bulkhead"
    """Too many calls are waiting for the engine already."""
    NONSENSE = "nonsense"
    """An advice of another version or of an unknown kind, or one menu after the other without end."""
    DECLINED = "declined"
    """The engine said so: it is being stopped, or does not know the rules that the caller's menu is of."""
    CIRCUIT = "circuit"
    """The last questions of all calls went without an advice; only now and then one tries the engine."""


TRUNK_ENDPOINT = "trunk"
"""The PJSIP endpoint of the carrier: ``PJSIP/trunk-…`` is a caller's channel (or a leg out through the
trunk), every other PJSIP channel is a phone of this PBX."""


class Context(StrEnum):
    """Dialplan contexts that somebody outside the dialplan names (endpoints, originate, generated files)."""

    TRUNK = "from-trunk"
    OPERATORS = "from-operators"
    AGENCIES = "from-agencies"
    LIFELINE = "lifeline"
    """Generated, with ``-`` and the digest of the rules behind it: what :mod:`ivr.lifeline` compiles."""
    OPERATORS_THERE = "lifeline-operators"
    """Counts the operators of layer 1 who are there into ``LIFE_OPERATORS``, at most its argument."""
    MENU = "menu"
    PLAN = "plan"
    LINES = "lines"
    """Generated: one extension per line of routing.yaml. Runs on the leg, never on the caller's channel."""


REPEAT = "repeat"
"""Extension of :attr:`Context.PLAN`: the caller's stage of the plan from its beginning. And of
:attr:`Context.MENU`: the caller's menu, or the question about the key that was just pressed."""

PHONE_NAME = re.compile(
    r"(?!(?:trunk|phone|transport)(?:-|$)|(?:operator|agency|global|system)$)"
    r"[a-z0-9][a-z0-9-]{1,31}",
    re.ASCII,
)
"""A phone or a line. One character would also match h, i and T of a context; the others are sections of
asterisk-conf/pjsip.conf."""

TAKEN_QUEUE_NAMES = frozenset({"general", "layer-1", "together", "keep-free"})
"""Sections of asterisk-conf/queues.conf that are no queues."""
