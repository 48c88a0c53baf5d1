"""Why a fault could not be played to its end."""


class ChaosError(RuntimeError):
    """The stage could not be set; the text is the one line that says what did not come about."""
