"""The deployment settings: one typed list, read once from ``IVR_*`` environment variables.

The city's rules are not here (``routing.yaml``), nor are people (the database).
"""

from contextlib import suppress
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, IPvAnyAddress, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ivr.errors import SettingsError

DATABASE_DRIVERS = frozenset({"sqlite+aiosqlite", "postgresql+asyncpg"})


class Settings(BaseSettings):
    """Where this installation lives and which addresses and ports it uses.

    Every field is an environment variable: ``IVR_`` and the field's name in capitals. All addresses are
    loopback by default: nothing is reachable from outside until somebody decides it.
    """

    model_config = SettingsConfigDict(env_prefix="IVR_", extra="ignore", frozen=True)

    state: Path = Field(Path("var"), description="Directory of everything this installation writes.")
    routing: Path = Field(Path("routing.yaml"), description="The city's rules.")
    database_url: str = Field(
        "",
        description="The database: postgresql+asyncpg://USER:PASSWORD@HOST:PORT/DATABASE, or "
        "sqlite+aiosqlite:///FILE; empty: SQLite at IVR_STATE/siaga112.sqlite3.",
    )
    recorded_prompts: Path | None = Field(
        None,
        description="Directory of recorded prompts, <language>/<name>.wav (8 kHz, 16 bit, mono); each takes "
        "precedence over the spoken one. Empty: IVR_STATE/recorded-prompts.",
    )

    trunk_address: IPvAnyAddress = Field(
        "127.0.0.2",
        validate_default=True,
        description="Local address for the carrier's SIP; not the phones' one, so that neither is taken for "
        "the other.",
    )
    trunk_port: int = Field(5060, ge=1, le=65535, description="Local SIP port for the carrier.")
    trunk_transport: str = Field("udp", pattern="^(udp|tcp|tls)$", description="udp, tcp or tls.")
    trunk_peers: str = Field(
        "127.0.0.2",
        description="Addresses or networks from which the carrier calls, comma-separated. Calls from "
        "elsewhere are refused.",
    )
    trunk_server: str = Field(
        "", description="host[:port] of the carrier for outgoing calls and registration; empty: none."
    )
    trunk_username: str = Field(
        "", description="User for registration at the carrier; empty: no registration."
    )
    trunk_password_file: Path | None = Field(None, description="File with the carrier's password, mode 0600.")
    trunk_certificate: Path | None = Field(None, description="TLS certificate (PEM) for trunk_transport=tls.")
    trunk_key: Path | None = Field(None, description="TLS private key (PEM) for trunk_transport=tls.")

    phones_address: IPvAnyAddress = Field(
        "127.0.0.1", validate_default=True, description="Local address for operators' and agencies' phones."
    )
    phones_port: int = Field(5060, ge=1, le=65535, description="Local SIP port for phones (UDP and TCP).")
    rtp_start: int = Field(10000, ge=1024, le=65534, description="First UDP port for audio.")
    rtp_end: int = Field(12000, ge=1025, le=65535, description="Last UDP port for audio.")

    agi_port: int = Field(4573, ge=1, le=65535, description="FastAGI port of the engine, on loopback.")
    ami_port: int = Field(5038, ge=1, le=65535, description="AMI port of Asterisk, on loopback.")
    health_port: int = Field(8112, ge=1, le=65535, description="/health and /metrics, on loopback.")

    capture_port: int = Field(
        9060,
        ge=1,
        le=65535,
        description="UDP port of the engine, on loopback: Asterisk copies its SIP messages there; the calls "
        "that it refused are counted.",
    )

    step_seconds: float = Field(3.0, gt=0, le=10, description="The dialplan waits so long for one answer.")
    budget_seconds: float = Field(
        6.0, gt=0, le=30, description="... and so long for all answers of one call."
    )
    engine_calls: int = Field(
        100, ge=1, description="So many calls may wait for the engine at once; more go on without it."
    )
    drain_seconds: float = Field(
        30.0,
        ge=0,
        description="On SIGTERM callers in the menu may take so long to choose; new calls go by the plain "
        "dialplan.",
    )

    recording_reserve_mb: int = Field(
        512,
        ge=16,
        description="Below so much free disk (MB) no new call is recorded, and below a quarter of it none at "
        "all, so that the record of calls has room.",
    )

    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Of the engine's log.")

    @field_validator("database_url")
    @classmethod
    def _is_a_database_we_know(cls, url: str) -> str:
        """The text is not repeated in the error: it may hold a password."""
        try:
            if not url or make_url(url).drivername in DATABASE_DRIVERS:
                return url
        except (ArgumentError, ValueError):
            pass
        raise PydanticCustomError(
            "database_url",
            "must be postgresql+asyncpg://USER:PASSWORD@HOST:PORT/DATABASE (in the password %40 for @ and "
            "%25 for %) or sqlite+aiosqlite:///FILE (/ and the file's full name)",
        )

    @cached_property
    def carrier(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """IVR_TRUNK_PEERS; a name among them is none."""
        networks = []
        for peer in self.trunk_peers.split(","):
            with suppress(ValueError):
                networks.append(ip_network(peer.strip(), strict=False))
        return tuple(networks)

    @cached_property
    def root(self) -> Path:
        """IVR_STATE as an absolute path."""
        return self.state.absolute()

    @property
    def etc(self) -> Path:
        """Asterisk's configuration, assembled from the repository's and the generated files."""
        return self.root / "asterisk" / "etc"

    @property
    def generated(self) -> Path:
        return self.etc / "generated"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def secrets(self) -> Path:
        """Generated passwords, mode 0600, one a file."""
        return self.root / "secrets"

    @property
    def sealed_by(self) -> Path:
        """Tells, without the key, by which key personal data was sealed."""
        return self.root / "ledger" / "personal-data.id"

    @property
    def recorded(self) -> Path:
        return (self.recorded_prompts or self.root / "recorded-prompts").absolute()

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.root / 'siaga112.sqlite3'}"

    @property
    def journal(self) -> Path:
        """Where the record waits while the database is away."""
        return self.root / "ledger" / "journal.jsonl"

    @property
    def ledger_anchor(self) -> Path:
        """Where the head of the ledger's chain stood, outside the database."""
        return self.root / "ledger" / "head.jsonl"

    @property
    def routing_state(self) -> Path:
        """Every version of the rules, their history, and what people set by hand beside them."""
        return self.root / "routing"


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises :class:`SettingsError` naming each variable that is wrong and what it must be.
    """
    try:
        return Settings()  # type: ignore[call-arg,unused-ignore]
    except ValidationError as error:
        problems = "; ".join(
            f"IVR_{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors()
        )
        raise SettingsError(f"{problems}. docs/settings.md lists every setting.") from error
