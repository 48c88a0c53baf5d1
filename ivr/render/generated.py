"""The generated parts of Asterisk's configuration, each a text made from settings and rules. No I/O.

Every file begins with a line that says who wrote it, and each is optional for Asterisk (``#tryinclude``):
with all of them missing, the hand-written dialplan still takes calls to operators.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ivr.routing.rules import Line, Queue, Ring
from ivr.settings import Settings
from ivr.vocabulary import FIRST_MENU, LAYER_1_QUEUE, Context
from ivr.vocabulary import TRUNK_ENDPOINT as TRUNK

HEADER = "; Written by ivr render. Do not edit: change routing.yaml or the settings, and render again.\n"


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of this PBX: endpoint, address of record and authentication have its name."""

    name: str
    template: str
    """``operator`` or ``agency``: a template of asterisk-conf/pjsip.conf."""
    password: str


def _sections(*sections: tuple[str, Mapping[str, object]]) -> str:
    lines = [HEADER]
    for name, values in sections:
        lines.append(f"\n[{name}]\n")
        lines.extend(f"{key}={value}\n" for key, value in values.items() if value != "")
    return "".join(lines)


def globals_conf(settings: Settings, first_menus: Mapping[str, str], lifeline: str) -> str:
    """Variables of the dialplan; they replace the hand-written ones of dialplan/extensions.conf.
    ``first_menus`` are those of :func:`ivr.menu.answer.first_menus`, also the empty ones: Asterisk forgets no
    variable by itself. ``lifeline`` is the digest of the rules in force; it stands last, and without it no
    first menu counts."""
    values = {
        "IVR_ENGINE": f"agi://127.0.0.1:{settings.agi_port}",
        "IVR_STEP_MS": round(settings.step_seconds * 1000),
        "IVR_BUDGET_MS": round(settings.budget_seconds * 1000),
        "IVR_ENGINE_CALLS": settings.engine_calls,
        "IVR_PROMPTS": settings.prompts,
        "IVR_RECORDINGS": settings.recordings,
        **{f"{FIRST_MENU}{dialled}": advice for dialled, advice in first_menus.items()},
        "IVR_LIFELINE": lifeline,
    }
    return HEADER + "".join(f"{key}={value}\n" for key, value in values.items())


def transports(settings: Settings) -> str:
    trunk: dict[str, object] = {
        "type": "transport",
        "protocol": settings.trunk_transport,
        "bind": f"{settings.trunk_address}:{settings.trunk_port}",
    }
    if settings.trunk_transport == "tls":
        trunk |= {
            "method": "tlsv1_2",
            "cert_file": settings.trunk_certificate or "",
            "priv_key_file": settings.trunk_key or "",
        }
    phones = f"{settings.phones_address}:{settings.phones_port}"
    # The phones' come first: a phone has no transport of its own (UDP or TCP, as it registered), and for UDP
    # Asterisk then takes the first. From the trunk's address, a phone or a firewall would refuse the call.
    return _sections(
        ("transport-phones", {"type": "transport", "protocol": "udp", "bind": phones}),
        ("transport-phones-tcp", {"type": "transport", "protocol": "tcp", "bind": phones}),
        ("transport-trunk", trunk),
    )


def trunk(settings: Settings, password: str) -> str:
    """The carrier: known by its address, and registered with where it wants that."""
    peers = [peer.strip() for peer in settings.trunk_peers.split(",") if peer.strip()]
    endpoint: dict[str, object] = {
        "transport": "transport-trunk",
        "media_address": settings.trunk_address,
        "bind_rtp_to_media_address": "yes",
    }
    sections: list[tuple[str, Mapping[str, object]]] = []
    if settings.trunk_server:
        server = _carrier(settings)
        endpoint["aors"] = TRUNK
        sections.append((TRUNK, {"type": "aor", "contact": server, "qualify_frequency": 30}))
        if settings.trunk_username:
            endpoint["outbound_auth"] = f"{TRUNK}-auth"
            sections.append(
                (
                    f"{TRUNK}-auth",
                    {
                        "type": "auth",
                        "auth_type": "digest",
                        "username": settings.trunk_username,
                        "password": password,
                    },
                )
            )
            sections.append(
                (
                    f"{TRUNK}-registration",
                    {
                        "type": "registration",
                        "transport": "transport-trunk",
                        "outbound_auth": f"{TRUNK}-auth",
                        "server_uri": server,
                        "client_uri": f"sip:{settings.trunk_username}@{settings.trunk_server}",
                        "contact_user": "112",
                        "retry_interval": 10,
                        "forbidden_retry_interval": 60,
                        "fatal_retry_interval": 60,
                        "max_retries": 10_000_000,
                        "expiration": 300,
                    },
                )
            )
    sections.append((f"{TRUNK}-identify", {"type": "identify", "endpoint": TRUNK, "match": ",".join(peers)}))
    # The endpoint comes first and takes the template, so that it is written apart.
    head = f"\n[{TRUNK}](trunk-call)\n" + "".join(f"{key}={value}\n" for key, value in endpoint.items())
    return HEADER + head + _sections(*sections).removeprefix(HEADER)


def phones(settings: Settings, all_phones: Iterable[Phone]) -> str:
    """Endpoint, authentication and address of record of each phone."""
    return HEADER + "".join(
        f"\n[{phone.name}]({phone.template})\n"
        f"auth={phone.name}\naors={phone.name}\n"
        f"media_address={settings.phones_address}\nbind_rtp_to_media_address=yes\n"
        f"[{phone.name}](phone-auth)\nusername={phone.name}\npassword={phone.password}\n"
        f"[{phone.name}]({'operator-aor' if phone.template == 'operator' else 'phone-aor'})\n"
        for phone in all_phones
    )


def queues(all_queues: Iterable[Queue]) -> str:
    """The queues of routing.yaml beside layer 1, which is hand-written."""
    parts = [HEADER]
    for queue in all_queues:
        if queue.name == LAYER_1_QUEUE:
            continue
        if queue.keep_free:
            template = "keep-free"
        else:
            template = "together" if queue.ring is Ring.TOGETHER else "layer-1"
        parts.append(f"\n[{queue.name}]({template})\ntimeout={queue.ring_seconds}\nweight=0\n")
    return "".join(parts)


def lines(settings: Settings, all_lines: Iterable[Line]) -> str:
    """One extension per line. It only sets what dialplan/lines.conf dials."""
    parts = [HEADER, f"\n[{Context.LINES}]\n"]
    for line in all_lines:
        dial = (
            f"PJSIP/{line.phone}" if line.phone is not None else _through_trunk(settings, line.number or "")
        )
        parts.append(
            f"exten => {line.name},1,Set(LINE_DIAL={dial})\n"
            f" same => n,Set(LINE_ACCEPT={line.accept})\n"
            f" same => n,Set(LINE_SEND={line.dtmf_digits})\n"
            f" same => n,Return()\n"
        )
    return "".join(parts)


def lifeline(generations: Iterable[str]) -> str:
    """What :mod:`ivr.lifeline` compiled, the rules in force first."""
    return "\n".join((HEADER, *generations))


def _through_trunk(settings: Settings, number: str) -> str:
    """By the carrier's address, not by the trunk's: with that, Asterisk does not even try while the carrier
    leaves its OPTIONS without an answer, as some always do."""
    if not settings.trunk_server:
        return f"PJSIP/{number}@{TRUNK}"
    return f"PJSIP/{TRUNK}/{_carrier(settings, quote(number, safe='+*'))}"


def _carrier(settings: Settings, user: str = "") -> str:
    """The carrier's SIP URI as it stands in a configuration file."""
    uri = f"sip:{user}@{settings.trunk_server}" if user else f"sip:{settings.trunk_server}"
    return uri if settings.trunk_transport == "udp" else f"{uri}\\;transport={settings.trunk_transport}"


def rtp(settings: Settings) -> str:
    return HEADER + f"rtpstart={settings.rtp_start}\nrtpend={settings.rtp_end}\n"


def sip_capture(settings: Settings) -> str:
    return HEADER + f"capture_address=127.0.0.1:{settings.capture_port}\n"


def manager_general(settings: Settings) -> str:
    return HEADER + f"port={settings.ami_port}\n"


def manager_accounts(engine_secret: str, reload_secret: str) -> str:
    return (
        HEADER
        + f"\n[engine](engine-account)\nsecret={engine_secret}\n"
        + f"\n[reload](reload-account)\nsecret={reload_secret}\n"
    )


def music_on_hold(settings: Settings, languages: Iterable[str]) -> str:
    return _sections(
        *(
            (
                f"hold-{language}",
                {"mode": "files", "directory": settings.prompts / "hold" / language, "sort": "alpha"},
            )
            for language in languages
        )
    )


def directories(settings: Settings, modules: object, data: object, binary: object) -> str:
    """The head of asterisk.conf: everything that is written lies below IVR_STATE."""
    base = settings.root / "asterisk"
    return HEADER + "".join(
        f"{key} => {value}\n"
        for key, value in {
            "[directories]\nastetcdir": settings.etc,
            "astmoddir": modules,
            "astdatadir": data,
            "astvarlibdir": base / "var",
            "astdbdir": base / "db",
            "astkeydir": base / "var",
            "astagidir": base / "var" / "agi-bin",
            "astspooldir": base / "spool",
            "astrundir": base / "run",
            "astlogdir": base / "log",
            "astsbindir": binary,
        }.items()
    )
