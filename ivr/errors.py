"""The project's errors. Each says what it means for the caller of an emergency call, or for the admin."""


class IvrError(Exception):
    """Base of all errors that are ours. Its text names the remedy and can be shown to an admin as it is."""


class SettingsError(IvrError):
    """A deployment setting is wrong. Nothing was started; calls are handled by whatever ran before."""


class AgiError(IvrError):
    """One question of the dialplan was not answered. The caller goes on by the lifeline."""


class AgiHangup(AgiError):  # noqa: N818
    """The caller hung up while the engine was asked. There is nobody left to lose."""


class AmiError(IvrError):
    """An AMI action failed or its link dropped. It was not and will not be repeated; calls go on."""


class AmiRefused(AmiError):  # noqa: N818
    """Asterisk itself said no (no such channel, no right, wrong secret): the action was not done."""


class LedgerError(IvrError):
    """An entry could not be written now. It waits in the journal; the call goes on."""


class PromptError(IvrError):
    """A prompt could not be made or read. The caller hears the first language or nothing, and goes on."""


class VaultError(IvrError):
    """Personal data cannot be sealed or opened: it is not kept, or not shown. Calls go on."""
