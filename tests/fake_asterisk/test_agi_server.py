"""The FastAGI server against an Asterisk that behaves, and against everything else that may connect."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from ivr.asterisk import agi_server
from ivr.asterisk.agi_server import AgiServer, Question
from ivr.vocabulary import AgiScript
from tests.fake_asterisk.agi_peer import CALL_ID, DEADLINE, asking, connected, question

ADVICE = '2|plan|q:emergency:30+l:satpol-pp&x:20|"q"|\\b|a,b ${EXTEN}|end'


def advise(_: Question) -> str:
    return ADVICE


@asynccontextmanager
async def serving(answer: Callable[[Question], str | None] = advise) -> AsyncIterator[AgiServer]:
    server = AgiServer("127.0.0.1", 0, answer)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def still_answers(server: AgiServer) -> bool:
    async with asking(server.port, "intake") as asterisk:
        return await asterisk.advice() == ADVICE


async def test_a_question_gets_its_advice_and_the_connection_is_closed() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> str:
        asked.append(question)
        return ADVICE

    async with serving(answer) as server, asking(server.port, "key", "main", "id", "", "1", "") as asterisk:
        assert await asterisk.advice() == ADVICE
    assert [(one.script, one.arguments, one.call_id) for one in asked] == [
        (AgiScript.KEY, ("main", "id", "", "1", ""), CALL_ID)
    ]


async def test_a_port_scan_does_not_freeze_the_server() -> None:
    async with serving() as server:
        for greeting in (b"", b"GET / HTTP/1.0\r\n\r\n", b"agi_network: yes\n", b"\x16\x03\x01"):
            async with connected(server.port) as scanner:
                scanner.writer.write(greeting)
        assert await still_answers(server)


async def test_a_peer_that_never_ends_its_headers_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi_server, "HEADER_SECONDS", 0.05)
    async with serving() as server, connected(server.port) as asterisk:
        asterisk.say("agi_network: yes")
        assert await asterisk.closed() == b""


@pytest.mark.parametrize("flood", [b"x" * 200_000, b"a: b\n" * 300 + b"\n", b"x: y\n" * 20_000])
async def test_headers_without_measure_are_refused(flood: bytes) -> None:
    async with serving() as server:
        async with connected(server.port) as asterisk:
            asterisk.writer.write(flood)
            assert await asterisk.closed() == b""
        assert await still_answers(server)


async def test_the_raw_facts_are_waited_for_where_they_are_needed() -> None:
    """They stand in the last line; of several, the last is Asterisk's own."""
    asked: list[Question] = []

    def answer(question: Question) -> str | None:
        asked.append(question)
        return None if question.raw_facts is None else ADVICE

    async with serving(answer) as server, connected(server.port) as asterisk:
        headers = b"agi_dnid: x\nagi_arg_1: Zm9yZ2Vk\nagi_arg_1: Og==./+/9.Og==\n"
        whole = question("intake", server.port, headers=headers)
        asterisk.writer.write(whole[:-60])
        await until(lambda: len(asked) == 1)
        asterisk.writer.write(whole[-60:-1])
        await asyncio.sleep(0.05)
        assert [one.raw_facts for one in asked] == [None]
        asterisk.writer.write(whole[-1:])
        assert ADVICE[:20] in await asterisk.command()
    assert asked[1] == Question(AgiScript.INTAKE, (), CALL_ID, "Og==./+/9.Og==")


@pytest.mark.parametrize("rest", [b"agi_arg_1: Og", b""])
async def test_facts_that_never_come_are_not_waited_for_long(
    rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agi_server, "HEADER_SECONDS", 0.05)
    needs_them = lambda question: None if question.raw_facts is None else ADVICE  # noqa: E731
    async with serving(needs_them) as server:
        async with connected(server.port) as asterisk:
            asterisk.writer.write(question("intake", server.port)[:-1] + rest)
            assert await asterisk.closed() == b""
        await until(lambda: server.in_progress == 0)


async def test_the_answer_comes_with_the_line_that_asks_whatever_comes_of_the_others() -> None:
    async with serving() as server, connected(server.port) as asterisk:
        first, rest = question("intake", server.port, "x").split(b"agi_request", 1)
        asterisk.writer.write(first)
        command = await asterisk.command()
        assert ADVICE[:20] in command
        asterisk.writer.write(b"agi_request" + rest)
        asterisk.say("200 result=1")
        assert await asterisk.closed() == b""
        asterisk.writer.write_eof()
        await until(lambda: server.in_progress == 0)


async def test_an_unknown_script_is_closed_and_named_in_the_log() -> None:
    with capture_logs() as logs:
        async with serving() as server, asking(server.port, "menu") as asterisk:
            assert await asterisk.advice() is None
    assert any("'menu'" in line.get("reason", "") for line in logs)


async def test_a_latin_1_byte_in_a_callers_name_disturbs_nobody() -> None:
    async with (
        serving() as server,
        asking(server.port, "intake", headers=b"agi_calleridname: Jos\xe9\n") as asterisk,
    ):
        assert await asterisk.advice() == ADVICE


async def test_no_later_header_can_pose_as_another_question() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> str:
        asked.append(question)
        return ADVICE

    later = b"agi_dnid: x\nagi_network_script: key/other/main\n"
    async with serving(answer) as server, asking(server.port, "intake", headers=later) as asterisk:
        assert await asterisk.advice() == ADVICE
    assert [(one.script, one.call_id) for one in asked] == [(AgiScript.INTAKE, CALL_ID)]


@pytest.mark.parametrize("asked", [b"intake", b"intake/", b"key//main", b"", b"/", b"\xff\xfe"])
async def test_a_question_that_names_no_call_is_closed_without_an_advice(asked: bytes) -> None:
    with capture_logs() as logs:
        async with serving() as server, connected(server.port) as asterisk:
            asterisk.writer.write(b"agi_network: yes\nagi_network_script: " + asked + b"\n")
            assert await asterisk.closed() == b""
    assert [line["event"] for line in logs] == ["agi_failed"]


async def test_headers_without_a_question_are_closed_without_an_advice() -> None:
    with capture_logs() as logs:
        async with serving() as server, connected(server.port) as asterisk:
            asterisk.writer.write(b"agi_network: yes\nagi_channel: PJSIP/trunk-1\n\n")
            assert await asterisk.closed() == b""
    assert [line["event"] for line in logs] == ["agi_failed"]


async def test_without_a_handle_for_a_connection_it_waits_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agi_server, "NO_HANDLES_SECONDS", 0.05)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs:
        async with serving() as server:
            async with connected(server.port) as asterisk:
                resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
                try:
                    asterisk.writer.write(question("intake", server.port))
                    await until(lambda: bool(logs))
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                assert await asterisk.advice() == ADVICE
            assert await still_answers(server)
    assert {line["event"] for line in logs} == {"agi_no_handles"}


async def test_a_failing_answer_lets_the_call_through_and_tells_no_number() -> None:
    def answer(_: Question) -> str:
        raise RuntimeError("cannot decide for +620000000001")

    with capture_logs() as logs:
        async with serving(answer) as server, asking(server.port, "intake") as asterisk:
            assert await asterisk.advice() is None
    assert [line["event"] for line in logs] == ["agi_question_failed"]
    assert logs[0]["error"] == "RuntimeError"
    assert "620000000001" not in str(logs)


@pytest.mark.parametrize("advice", ["2|menu\nHANGUP|end", "2|menu\rHANGUP|end", "x" * 5000])
async def test_an_advice_that_is_no_single_line_is_not_sent(advice: str) -> None:
    def answer(_: Question) -> str:
        return advice

    with capture_logs() as logs:
        async with serving(answer) as server, asking(server.port, "intake") as asterisk:
            assert await asterisk.command() == ""
    assert [line["event"] for line in logs] == ["agi_failed"]


async def test_an_asterisk_that_does_not_take_the_advice_is_reported() -> None:
    with capture_logs() as logs:
        async with serving() as server, asking(server.port, "intake") as asterisk:
            await asterisk.command()
            asterisk.say("200 result=0")
            await asterisk.closed()
            asterisk.writer.write_eof()
            await until(lambda: server.in_progress == 0)
    assert [line["event"] for line in logs] == ["agi_failed"]


async def test_a_caller_who_hangs_up_while_asked_is_no_failure() -> None:
    with capture_logs() as logs:
        async with serving() as server:
            async with asking(server.port, "intake") as asterisk:
                await asterisk.command()
                asterisk.say("HANGUP", "200 result=1")
                await asterisk.closed()
                asterisk.writer.write_eof()
                await until(lambda: server.in_progress == 0)
            assert await still_answers(server)
    assert [(line["event"], line["log_level"]) for line in logs] == [("agi_peer_gone", "info")]


async def test_an_asterisk_that_never_replies_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi_server, "REPLY_SECONDS", 0.05)
    with capture_logs() as logs:
        async with serving() as server, asking(server.port, "intake") as asterisk:
            await asterisk.command()
            await asterisk.closed()
            await until(lambda: server.in_progress == 0)
    assert [line["event"] for line in logs] == ["agi_failed"]


async def test_headers_that_come_letter_by_letter_are_a_question_like_any_other() -> None:
    async with serving() as server, connected(server.port) as asterisk:
        for sign in question("intake", server.port, "x" * 300).decode():
            asterisk.writer.write(sign.encode())
            await asyncio.sleep(0)
        assert await asterisk.advice() == ADVICE


async def test_draining_lets_questions_finish_and_refuses_new_ones() -> None:
    async with serving() as server, asking(server.port, "intake") as asterisk:
        port = server.port
        command = await asterisk.command()
        assert server.in_progress == 1
        draining = asyncio.create_task(server.drain(DEADLINE))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        asterisk.say("200 result=1")
        asterisk.writer.write_eof()
        await draining
        assert command.startswith("SET VARIABLE")
        assert server.in_progress == 0


async def test_closing_breaks_off_what_is_under_way() -> None:
    async with serving() as server, connected(server.port) as asterisk:
        asterisk.writer.write(b"agi_network: yes\n" * 30)
        await until(lambda: server.in_progress == 1)
        await server.close()
        assert await asterisk.closed() == b""
        await until(lambda: server.in_progress == 0)


async def test_connections_beyond_the_bound_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi_server, "CONNECTIONS", 1)
    async with serving() as server, asking(server.port, "intake") as first:
        await first.command()
        async with asking(server.port, "intake") as asterisk:
            assert await asterisk.advice() is None


async def test_replies_of_many_are_read_before_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would count as connections, and in a storm of questions new ones would be refused."""
    monkeypatch.setattr(agi_server, "REPLIES_SECONDS", 60.0)
    monkeypatch.setattr(agi_server, "UNREAD", 3)
    async with serving() as server:
        for _ in range(10):
            async with asking(server.port, "intake") as asterisk:
                assert await asterisk.advice() == ADVICE
        assert server.in_progress <= 4


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - looks at the server's state
            await asyncio.sleep(0.002)
