"""Operators' accounts in the database."""

from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.errors import IvrError
from ivr.queueing.operators import Operator
from ivr.store.tables import operators


async def add_operator(engine: AsyncEngine, operator: Operator) -> None:
    """Raises :class:`IvrError` if the phone has an account already."""
    try:
        async with engine.begin() as connection:
            await connection.execute(
                insert(operators).values(
                    phone=operator.phone,
                    name=operator.name,
                    penalty=operator.penalty,
                    queues="&".join(operator.queues),
                    pin=operator.pin,
                    created_at=datetime.now(UTC),
                )
            )
    except IntegrityError as error:
        raise IvrError(
            f"{operator.phone} has an account; to change it, first: ivr operator remove {operator.phone}"
        ) from error


async def remove_operator(engine: AsyncEngine, phone: str) -> None:
    """Raises :class:`IvrError` if there is no such account."""
    async with engine.begin() as connection:
        gone = await connection.execute(delete(operators).where(operators.c.phone == phone))
    if gone.rowcount == 0:
        raise IvrError(f"There is no operator {phone}: ivr operator list shows all.")


async def list_operators(engine: AsyncEngine) -> tuple[Operator, ...]:
    async with engine.connect() as connection:
        rows = (await connection.execute(select(operators).order_by(operators.c.phone))).all()
    return tuple(
        Operator(row.phone, row.name, row.pin, row.penalty, tuple(row.queues.split("&"))) for row in rows
    )
