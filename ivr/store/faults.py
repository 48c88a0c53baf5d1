"""What an error of the database means: are the rows to blame, and what may be said of it?"""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

_ROWS_AT_FAULT = ("22", "23", "54")
"""Classes of SQLSTATE (PostgreSQL, appendix A): data exception, integrity constraint violation, program limit
exceeded (a value too long for an index)."""

_TELLS_VALUES = "22"
"""PostgreSQL and asyncpg quote the value in the messages of this class."""


def rows_at_fault(error: Exception) -> bool:
    """Whether these rows can never be stored; otherwise it is the database that takes none now."""
    match error:
        case DataError() | IntegrityError():
            return True
        case DBAPIError():
            return _sqlstate(error).startswith(_ROWS_AT_FAULT)
        case _:
            # A StatementError that no driver raised: a value did not become a parameter.
            return isinstance(error, StatementError | ValueError | TypeError | OverflowError)


def in_short(error: Exception) -> str:
    """One line in the driver's own words, without statement and values: they may hold personal data."""
    cause: BaseException = error
    if isinstance(error, DBAPIError):
        cause = error.driver_exception or error.orig or error
        if (state := _sqlstate(error)).startswith(_TELLS_VALUES):
            return f"{type(cause).__name__} {state}"
    elif isinstance(error, StatementError) and error.orig is not None:
        cause = error.orig
    return f"{type(cause).__name__}: {next(iter(str(cause).splitlines()), '')}".removesuffix(": ")


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
