"""Calls that Asterisk refuses before they are a channel: no call of the record, yet counted in it."""

import asyncio
import json
import socket
import urllib.request
from dataclasses import replace
from typing import Any

from house import House, until
from stack.phones.scenario import Ending, TrunkCall, caller_scenario
from stack.phones.sipp import TRUNK_ADDRESS, SippError

UNKNOWN_CODEC = "96 NOBODYHAS/8000"


def metrics(house: House) -> dict[str, float]:
    """The figures of refused calls that are not zero."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{house.settings.health_port}/metrics", timeout=5
    ) as answer:
        lines = [line.decode() for line in answer if line.startswith(b"siaga_invites_refused")]
    figures = (line.split() for line in lines if "_created" not in line)
    return {name.removeprefix("siaga_invites_refused"): float(value) for name, value in figures}


def entries(house: House) -> list[dict[str, Any]]:
    rows = house.rows("SELECT * FROM ledger WHERE kind = 'invite-refused' ORDER BY seq")
    assert all(row["call_id"] == "" for row in rows)
    return [json.loads(row["data"]) for row in rows]


async def test_a_call_with_a_codec_that_nobody_has_is_counted_once(house: House) -> None:
    """The first call is served as ever and counts for nothing, nor do one that its caller gives up before the
    answer and a phone that declines. The next offers a codec that nobody has: 488, and no channel. It stands
    in the figures, in /health and in the record, which names no caller."""
    phones = await house.phones("op1")
    await house.on_duty("op1")
    served = await house.call(keys=[(0.3, "0")])
    await (await phones["op1"].incoming()).hang_up()
    await served.hang_up()
    gives_up = await house.call(caller="+628110000002", hang_up_after=0, ending=Ending.CANCEL)
    await gives_up.result()
    await house.ended(2)
    assert metrics(house) == {}
    assert house.health()["parts"]["refused-invites"]["status"] == "ok"

    refused = await house.call(caller="+628110000003", codec=UNKNOWN_CODEC)
    result = await refused.result()
    assert 488 in result.statuses
    await until(lambda: entries(house), "the record has it")
    (entry,) = entries(house)
    assert (entry["codes"], entry["count"], entry["source"]) == ({"488": 1}, 1, "asterisk-hep")
    assert metrics(house) == {'_total{code="488"}': 1.0}
    part = house.health()["parts"]["refused-invites"]
    assert part["status"] == "warn"
    assert part["text"].startswith("1 since the start")
    assert "+62811" not in house.engine_log()
    assert len(house.calls()) == 2


def invite(house: House, call: TrunkCall, own: socket.socket, call_id: str) -> bytes:
    """The INVITE of SIPp's scenario, to be sent by hand."""
    address, port = own.getsockname()
    text = caller_scenario(call).decode().partition("<![CDATA[\n\n")[2].partition("\n]]>")[0]
    head, _, body = text.partition("\n\n")
    for keyword, value in {
        "[remote_ip]": str(house.settings.trunk_address), "[remote_port]": str(house.settings.trunk_port),
        "[local_ip]": address, "[local_port]": str(port), "[media_ip]": address, "[media_port]": "40000",
        "[local_ip_type]": "4", "[media_ip_type]": "4", "[transport]": "UDP", "[pid]": "1",
        "[call_number]": call_id,
        "[call_id]": call_id,
    }.items():  # fmt: skip
        head, body = head.replace(keyword, value), body.replace(keyword, value)
    body = body.replace("\n", "\r\n")
    return (head.replace("\n", "\r\n").replace("[len]", str(len(body))) + "\r\n\r\n" + body).encode()


async def send(
    house: House, call: TrunkCall, call_id: str, answers: int, address: str = TRUNK_ADDRESS
) -> list[int]:
    """Send the INVITE twice and confirm nothing, so that Asterisk repeats its answer; the final answers."""

    def talk() -> list[int]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind((address, 0))
            own.settimeout(20)
            request = invite(house, call, own, call_id)
            for _ in range(2):
                own.sendto(request, (str(house.settings.trunk_address), house.settings.trunk_port))
            codes: list[int] = []
            while len([code for code in codes if code >= 300]) < answers:
                codes.append(int(own.recv(65_535).split()[1]))
            return [code for code in codes if code >= 300]

    return await asyncio.to_thread(talk)


async def test_what_is_sent_again_and_what_strangers_are_told_is_no_other_call(house: House) -> None:
    """488 three times to one call, whose INVITE came twice; 420 to one that requires what no exchange has; a
    stranger is asked for a password that he has not. Then Asterisk is stopped gently and says 503."""
    call = TrunkCall(codec=UNKNOWN_CODEC)
    assert await send(house, call, "again", 3) == [488, 488, 488]
    odd = TrunkCall(headers={"Require": "what-nobody-has"})
    assert await send(house, odd, "odd", 1) == [420]
    assert await send(house, replace(call, codec="8 PCMA/8000"), "stranger", 1, "127.0.0.3") == [401]
    wanted = {'_total{code="488"}': 1.0, '_total{code="420"}': 1.0, '_elsewhere_total{code="401"}': 1.0}
    await until(lambda: metrics(house) == wanted, f"each is counted once: {metrics(house)}")

    stays = await house.call(keys=[(0.3, "0")])
    await stays.answered()
    stopping = asyncio.create_task(house.asterisk.rx("core stop gracefully", 60))
    late = await house.call(caller="+628110000009")
    try:
        await late.answered()
        raise AssertionError("Asterisk takes calls while it is stopped")
    except SippError:
        pass
    await until(lambda: metrics(house).get('_total{code="503"}') == 1.0, "counted while Asterisk stops")
    await stays.hang_up()
    await asyncio.gather(house.asterisk.wait(), stopping, return_exceptions=True)
    await house.stop_engine()
    told = entries(house)
    assert {code: count for data in told for code, count in data["codes"].items()} == {
        "488": 1,
        "420": 1,
        "503": 1,
    }
    assert len(told) <= 2, "the second waits for a minute, or for the engine's end"
    assert not house.rows("SELECT * FROM calls WHERE result = 'refused'")


async def test_a_taken_port_keeps_nobody_from_being_answered(house: House) -> None:
    """Another program holds the port for refused calls: /health says so, and calls are served as ever."""
    await house.stop_engine()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", house.settings.capture_port))
        await house.launch_engine()
        await until(lambda: house.health().get("status") == "warn", "the engine is in step, but for that", 60)
        assert "IVR_CAPTURE_PORT" in house.health()["parts"]["refused-invites"]["text"]
        call = await house.call(keys=[(0.3, "0")], hang_up_after=0.5)
        await call.result()
    told = await house.only_call()
    assert "decision" in house.kinds(told["call_id"])
    assert told["lifeline"] is None
