"""JSON that is text already when it comes to the database: made once, where the row is made."""

import json


class JsonText(str):
    """The text of one JSON value, for a column of JSON."""

    __slots__ = ()


def serialise(value: object) -> str:
    """SQLAlchemy's ``json_serializer``: lets :class:`JsonText` pass as it is."""
    return value if isinstance(value, JsonText) else json.dumps(value)
