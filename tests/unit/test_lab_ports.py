"""Ports for stacks side by side."""

import socket

from stack import ports
from stack.ports import HeldPort, PortBlock


def test_blocks_do_not_overlap_and_are_given_back() -> None:
    with PortBlock() as one, PortBlock() as other:
        mine = {one.port() for _ in range(20)} | set(range(one.rtp_start, one.rtp_end + 1))
        theirs = {other.port() for _ in range(20)} | set(range(other.rtp_start, other.rtp_end + 1))
        assert not mine & theirs
        start = one.rtp_start
    with PortBlock() as again:
        assert again.rtp_start <= start


def test_a_port_in_use_on_any_of_our_addresses_is_passed_over() -> None:
    with PortBlock() as block, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        first = block.port()
        taken.bind((ports.ADDRESSES[1], first + 1))
        assert block.port() > first + 1


def test_a_pair_is_two_in_a_row() -> None:
    with PortBlock() as block, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        used = _take(taken, block)
        pair = block.pair()
        assert pair > used
        assert block.port() > pair + 1


def test_the_settings_name_different_ports() -> None:
    with PortBlock() as block:
        settings = block.environment()
    numbers = [int(value) for value in settings.values()]
    assert len(set(numbers)) == len(numbers)
    assert set(settings) == {
        f"IVR_{name}"
        for name in (
            "TRUNK_PORT",
            "PHONES_PORT",
            "AGI_PORT",
            "AMI_PORT",
            "HEALTH_PORT",
            "CAPTURE_PORT",
            "RTP_START",
            "RTP_END",
        )
    }
    assert int(settings["IVR_RTP_END"]) - int(settings["IVR_RTP_START"]) > 200


def test_a_held_port_is_given_to_nobody_else() -> None:
    held = [HeldPort("127.0.0.2") for _ in range(200)]
    assert len({port.number for port in held}) == len(held)
    number = held[0].number
    for port in held:
        port.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("127.0.0.2", number))


def _take(one: socket.socket, block: PortBlock) -> int:
    """Take the port after the next of the block; one more if a test beside this one has it just now."""
    while True:
        try:
            one.bind((ports.ADDRESSES[0], used := block.port() + 2))
        except OSError:
            continue
        return used
