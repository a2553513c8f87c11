"""What can be set from outside, in one place: the environment's VITRINE_ variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.common.errors import VitrineError

PREFIX = "VITRINE_"
# Read by other parts of the project: right as well, so that nobody is told that they are not.
OTHERS = frozenset(
    (
        *("VITRINE_HOME", "VITRINE_DATA", "VITRINE_DATABASE", "VITRINE_LANGUAGE", "VITRINE_SHARE", "VITRINE_EMBED"),
        *("VITRINE_PASSWORD", "VITRINE_LOCAL_OWNER", "VITRINE_REQUIRE_BROWSER"),
    )
)


class SettingsError(VitrineError, ValueError):
    """Settings that cannot be used; the message has a line for each."""


class Settings(BaseSettings):
    """Each field is the variable VITRINE_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = Field("localhost", description="address that `python -m api` listens on")
    port: int = Field(8501, ge=0, le=65535, description="port that `python -m api` listens on; 0 takes a free one")
    model: str = Field("default", description="model that answers when a request names none")
    engine: Literal["keras", "int8"] = Field("keras", description="engine when a request names none: `keras` or `int8`")
    api_token: SecretStr | None = Field(
        None, min_length=1, description="bearer token that every route but health asks for"
    )
    cors: str = Field("", description="web origins whose pages may call, with commas between, or `*`; none if empty")
    history: bool = Field(False, description="1 keeps every answer, unless a visitor of the page switches it off")
    threads: int = Field(16, ge=1, le=64, description="pictures worked on at the same time")
    queue: int = Field(64, ge=0, description="requests that may wait for a thread; more are told to come back")
    batch_files: int = Field(100, ge=1, description="pictures that one `POST /api/predict` may bring")
    batch_mb: int = Field(100, ge=1, description="megabytes that one `POST /api/predict` may bring")
    body_mb: int = Field(512, ge=32, description="megabytes of all requests together that may be in memory")
    body_seconds: float = Field(20, gt=0, description="how long a request's body may pause")

    @field_validator("history", mode="before")
    @classmethod
    def as_elsewhere(cls, value: object) -> object:
        """The page and the command line take 0 and 1 alone, and a setting means the same everywhere."""
        if value not in (False, True, "0", "1"):
            raise ValueError("it can be 1, to keep answers, or 0")
        return value

    @property
    def origins(self) -> list[str]:
        """The web origins of `cors`."""
        return [origin.strip() for origin in self.cors.split(",") if origin.strip()]


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def read_settings(**given: object) -> Settings:
    """The settings of the environment, with those that are given in their place. Raises SettingsError."""
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        lines = [f"{name_of(problem['loc'])} is {shown(problem)}: {problem['msg']}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def name_of(place: tuple[int | str, ...]) -> str:
    return variable(str(place[0])) if place else "a setting"


def shown(problem: Any) -> str:
    """The value that was refused; a token is not for the log."""
    return "not usable" if "api_token" in problem["loc"] else repr(problem["input"])


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each VITRINE_ variable that nothing reads, with the nearest one that is read."""
    known = {variable(name) for name in Settings.model_fields} | OTHERS
    names = os.environ if environment is None else environment
    return [
        f"unknown setting {name}; did you mean {get_close_matches(name, known, 1, 0)[0]}?"
        for name in sorted(names)
        if name.startswith(PREFIX) and name not in known
    ]


def settings_table() -> list[tuple[str, str, str]]:
    """Variable, meaning and default of every setting, for `--help` and docs/serving.md."""
    return [
        (variable(name), field.description or "", as_written(field.default))
        for name, field in Settings.model_fields.items()
    ]


def as_written(default: object) -> str:
    """A default as the environment would say it: a switch is 0 or 1."""
    if default in (None, ""):
        return "none"
    return str(int(default)) if isinstance(default, bool) else str(default)
