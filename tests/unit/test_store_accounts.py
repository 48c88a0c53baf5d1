"""Operators' accounts: kept, listed, removed, and never two for one phone."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.errors import IvrError
from ivr.queueing.operators import Operator
from ivr.store.accounts import add_operator, list_operators, remove_operator

FIRST = Operator("op1", "Operator 1", "salt$hash")
SECOND = Operator("op2", "Opé 2", "salt$hash", 3, ("emergency", "public"))


async def test_accounts_come_back_as_they_were_given(engine: AsyncEngine) -> None:
    for account in (SECOND, FIRST):
        await add_operator(engine, account)
    assert await list_operators(engine) == (FIRST, SECOND)


async def test_a_phone_has_one_account(engine: AsyncEngine) -> None:
    await add_operator(engine, FIRST)
    with pytest.raises(IvrError, match="ivr operator remove op1"):
        await add_operator(engine, Operator("op1", "Somebody else", "salt$other"))
    assert await list_operators(engine) == (FIRST,)


async def test_a_removed_account_is_gone_and_one_that_never_was_is_told(engine: AsyncEngine) -> None:
    for account in (FIRST, SECOND):
        await add_operator(engine, account)
    await remove_operator(engine, "op1")
    assert await list_operators(engine) == (SECOND,)
    with pytest.raises(IvrError, match="ivr operator list"):
        await remove_operator(engine, "op1")
