"""One AGI command and its reply, over a real socket, with an Asterisk that says unusual things."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.agi_commands import AgiReply, AgiSession, parse_reply, quote
from ivr.errors import AgiError, AgiHangup
from tests.fake_asterisk.agi_peer import DEADLINE, AskingAsterisk, split_words

Pair = tuple[AgiSession, AskingAsterisk]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    async def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result((reader, writer))

    server = await asyncio.start_server(arrive, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    engine_reader, engine_writer = await arrived
    yield AgiSession(None, {}, engine_reader, engine_writer), AskingAsterisk(reader, writer)
    writer.close()
    engine_writer.close()
    server.close()


async def test_a_hangup_in_mid_command_is_consumed_and_reported(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.say("HANGUP", "200 result=1")
    with pytest.raises(AgiHangup):
        await session.execute("SET VARIABLE", "A", "1")
    with pytest.raises(AgiHangup):
        await session.execute("SET VARIABLE", "B", "2")
    assert split_words(await asterisk.command()) == ["SET", "VARIABLE", "A", "1"]
    asterisk.writer.close()
    await session.reader.read()
    session.writer.close()
    assert await asterisk.closed() == b""  # nothing was sent for B


async def test_a_dead_channel_is_a_hangup(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.say("511 Command Not Permitted on a dead channel or intercept routine")
    with pytest.raises(AgiHangup):
        await session.execute("SET VARIABLE", "A", "1")


async def test_the_end_of_the_connection_is_a_hangup(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.writer.close()
    with pytest.raises(AgiHangup):
        await session.execute("SET VARIABLE", "A", "1")


async def test_half_a_reply_is_a_hangup(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.writer.write(b"200 resu")
    asterisk.writer.close()
    with pytest.raises(AgiHangup):
        await session.execute("SET VARIABLE", "A", "1")


async def test_a_usage_text_does_not_shift_the_replies_after_it(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.say(
        "520-Invalid command syntax.  Proper usage follows:",
        " Usage: SET VARIABLE <variablename> <value>",
        "",
        "520 End of proper usage.",
        "520-Invalid command syntax.  Proper usage not available.",
        "200 result=1 (next)",
    )
    assert (await session.send_command("SET VARIABLE")).code == 520
    assert (await session.send_command("SAY NOTHING")).code == 520
    assert await session.execute("GET VARIABLE", "A") == AgiReply(200, "1", "next")


async def test_a_usage_error_is_an_error(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.say("510 Invalid or unknown command")
    with pytest.raises(AgiError, match="510"):
        await session.execute("GET VARIABEL", "A")


async def test_trying_is_not_the_reply(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.say("100 result=0 Trying...", "200 result=1")
    assert (await session.execute("EXEC Wait", "1")).code == 200


async def test_a_silent_asterisk_is_not_waited_for_for_ever(pair: Pair) -> None:
    session, _ = pair
    with pytest.raises(AgiError, match="did not answer"):
        await session.execute("SET VARIABLE", "A", "1", seconds=0.05)


async def test_an_asterisk_that_tries_for_ever_is_not_waited_for_either(pair: Pair) -> None:
    session, asterisk = pair

    async def try_for_ever() -> None:
        while True:
            asterisk.say("100 result=0 Trying...")
            await asyncio.sleep(0.01)

    trying = asyncio.create_task(try_for_ever())
    with pytest.raises(AgiError, match="did not answer"):
        await session.execute("EXEC Wait", "1", seconds=0.05)
    trying.cancel()


@pytest.mark.parametrize("line", ["hello", "<html>", "20", "x" * 100_000])
async def test_what_is_no_reply_is_an_error(pair: Pair, line: str) -> None:
    session, asterisk = pair
    asterisk.say(line)
    with pytest.raises(AgiError):
        await session.execute("SET VARIABLE", "A", "1")


async def test_cancelling_a_command_cancels_it(pair: Pair) -> None:
    session, asterisk = pair
    command = asyncio.create_task(session.execute("SET VARIABLE", "A", "1", seconds=DEADLINE))
    await asterisk.command()
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command


async def test_a_reply_in_latin_1_is_read(pair: Pair) -> None:
    session, asterisk = pair
    asterisk.writer.write(b"200 result=1 (Jos\xe9)\n")
    assert (await session.execute("GET VARIABLE", "A")).data == "José"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", AgiReply(200, "0", None)),
        ("200 result=-1", AgiReply(200, "-1", None)),
        ("200 result=1 (hangup)", AgiReply(200, "1", "hangup")),
        ("200 result= (timeout)", AgiReply(200, "", "timeout")),
        ("200 result=12 (timeout)", AgiReply(200, "12", "timeout")),
        ("200 result=1 (a (b) c)", AgiReply(200, "1", "a (b) c")),
        ("200 result=1 ()", AgiReply(200, "1", "")),
        ("200 result=0 endpos=8000", AgiReply(200, "0", None)),
        ("510 Invalid or unknown command", AgiReply(510, "", None)),
    ],
)
def test_a_reply_keeps_its_marks(line: str, reply: AgiReply) -> None:
    assert parse_reply(line) == reply


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])))
def test_every_argument_arrives_as_it_was(text: str) -> None:
    assert split_words(f"SET VARIABLE {quote('NAME')} {quote(text)}")[2:] == ["NAME", text]
