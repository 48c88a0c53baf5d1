"""AMI on the wire: frames to messages, actions to frames. Pure but for an action's future."""

from collections.abc import Mapping

from panoramisk import actions

from ivr.errors import AmiError

END_OF_FRAME = b"\r\n\r\n"
Headers = Mapping[str, str | tuple[str, ...]]
"""Of an action. A header whose value is a tuple is sent once for each."""
LIST_BOUND = 50_000
"""Events in the answer to one list action."""


class AmiMessage(dict[str, str]):
    """The headers of one event or reply, named as Asterisk names them; a misspelt name is a KeyError.

    Of a header that comes more than once (``Variable``, ``Output``) the mapping holds the first value and
    :meth:`every` all of them.
    """

    __slots__ = ("_repeated",)
    _repeated: list[list[str]]

    def every(self, name: str) -> tuple[str, ...]:
        """All values of this header, in order; none, one or more."""
        lines = getattr(self, "_repeated", None) or self.items()
        return tuple(value for header, value in lines if header == name)

    @property
    def repeats(self) -> bool:
        """Whether any header came more than once."""
        return bool(getattr(self, "_repeated", None))

    @classmethod
    def parse(cls, frame: bytes) -> "AmiMessage":
        """Never fails: bytes that are not UTF-8 are read as Latin-1 line by line, lines without a header's
        form are left out."""
        try:
            lines = [line.split(": ", 1) for line in frame.decode().split("\r\n")]
            message = cls(lines)
        except ValueError:
            lines = [line.split(": ", 1) for line in map(_decode, frame.split(b"\r\n")) if ": " in line]
            message = cls(lines)
        if len(message) != len(lines):
            message.update(reversed(lines))  # type: ignore[arg-type]
            message._repeated = lines
        return message


class AmiAction(actions.Action):  # type: ignore[misc]
    """An action under way and what has come back for it. panoramisk writes it and gives it its ActionID;
    when it is complete is ours: a reply ends it, or ``last_event`` does if it asks for a list.
    """

    def __init__(self, name: str, headers: Headers | None = None, last_event: str | None = None) -> None:
        super().__init__({**(headers or {}), "Action": name})
        self.name = name
        self.last_event = last_event
        if not all(map(_fits_a_line, _texts(self))):
            raise AmiError(
                f"A header of {name} holds a line break, NUL or half a sign: clean the value first."
            )

    def add_message(self, message: AmiMessage) -> bool:
        """Take a message with this action's id; True when it was the last one."""
        self.responses.append(message)
        if len(self.responses) > LIST_BOUND:
            self.fail(AmiError(f"{self.name} was answered with more than {LIST_BOUND} events."))
            return True
        refused = message.get("Response") == "Error"
        complete = message.get("Event") == self.last_event if self.last_event else "Response" in message
        if (refused or complete) and not self.future.done():
            self.future.set_result(self.responses)
        return refused or complete

    def fail(self, error: AmiError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _fits_a_line(text: str) -> bool:
    try:
        return not any(sign in text.encode() for sign in b"\r\n\0")
    except UnicodeEncodeError:
        return False


def _texts(action: AmiAction) -> list[str]:
    values = [text for value in action.values() for text in ([value] if isinstance(value, str) else value)]
    return [*action, *values]


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
