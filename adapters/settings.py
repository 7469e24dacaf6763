"""The environment (`TURNLOG_…`) as one frozen object, read once by whoever starts turnlog.

An empty variable counts as not set. A variable that is not known is an error rather than
ignored: with a mistyped TURNLOG_DATABASE_URL the work would silently go to another database.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from adapters.errors import InvalidSettings

PREFIX = "TURNLOG_"
TEST_PREFIX = "TURNLOG_TEST_"  # belongs to the test suite

# Postgres cuts names at 63 bytes; the rest is room for the suffix of a schema being rebuilt.
MAX_SCHEMA_CHARS = 40

LogLevel = Literal["debug", "info", "warning", "error"]


def default_data_dir() -> Path:
    """The folder of the embedded database: per user, and for root one others can pass through.

    PostgreSQL refuses to run as root, so root's server runs under another account, which must
    be able to enter the folder. Root's home is closed to others and shall stay so.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/turnlog")
    return platformdirs.user_data_path("turnlog")


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _not_reserved(schema: str) -> str:
    if schema.startswith("pg_") or schema in ("public", "information_schema"):
        raise ValueError("this schema belongs to PostgreSQL; choose a name of its own")
    return schema


class Settings(BaseSettings):
    """All there is to set. Secrets are hidden in its repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    database_url: SecretStr | None = None
    """libpq URL of a PostgreSQL server; None means the embedded one."""

    direct_url: SecretStr | None = None
    """If `database_url` leads through a connection pooler: libpq URL of the same database past it,
    for what needs a session of its own."""

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=default_data_dir)
    """Folder of the embedded database."""

    schema_name: Annotated[str, AfterValidator(_not_reserved)] = Field(
        default="turnlog",
        validation_alias=f"{PREFIX}SCHEMA",
        pattern=r"^[a-z_][a-z0-9_]*$",
        max_length=MAX_SCHEMA_CHARS,
    )
    """Schema of every table of ours."""

    pool_max_connections: int = Field(default=8, ge=2, le=1000)
    connect_timeout_seconds: float = Field(default=10, gt=0, le=600)

    max_event_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """An event whose body is larger is refused."""

    routing: Mapping[str, str] = Field(default_factory=dict)
    """Model by intent, as a JSON object: `{"review": "large-model"}`."""

    lease_seconds: float = Field(default=30, ge=1, le=86_400)
    """How long a worker may be silent before its turn is taken over."""

    log_level: LogLevel = "warning"

    @model_validator(mode="after")
    def _direct_to_what(self) -> Self:
        if self.direct_url is not None and self.database_url is None:
            raise ValueError(f"{PREFIX}DIRECT_URL goes with {PREFIX}DATABASE_URL, which is not set")
        return self


def load_settings() -> Settings:
    """Read the environment. Raises InvalidSettings, naming each variable and what is wrong."""
    problems = _unknown_variables()
    if not problems:
        try:
            return Settings()
        except ValidationError as error:
            problems = [_problem(e["loc"], e["msg"]) for e in error.errors(include_input=False)]
        except SettingsError as error:  # a JSON value that is not JSON
            problems = [_not_json(error)]
    # The cause would show the values, so it is left out.
    raise InvalidSettings(problems=" ".join(problems))


def variable_names() -> dict[str, str]:
    """Field name → name of its environment variable."""
    return {
        name: str(field.validation_alias or f"{PREFIX}{name}").upper()
        for name, field in Settings.model_fields.items()
    }


def _unknown_variables() -> list[str]:
    known = set(variable_names().values())
    problems = []
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name.startswith(TEST_PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" Known are: {', '.join(sorted(known))}."
        problems.append(f"{name} is not a setting.{hint}")
    return problems


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    first, *rest = (str(part) for part in loc) if loc else ("settings",)
    name = variable_names().get(first, first)
    where = ".".join([name, *rest])
    return f"{where}: {message.removeprefix('Value error, ').rstrip('.')}."


def _not_json(error: SettingsError) -> str:
    field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
    name = variable_names().get(field, "A setting")
    return f'{name}: must be a JSON object such as {{"review": "some-model"}}.'
