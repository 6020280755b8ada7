"""A tower's settings: one frozen value read from `<home>/settings.toml` and the environment. Importing it reads nothing.

The environment wins over the file, the file over the default. A field without a sentence is refused by `undescribed`, which
a house test calls for every settings class.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from policies.engine.errors import Code, DomicileError

FILE_NAME = "settings.toml"
PREFIX = "DOMICILE_"


class SettingsError(DomicileError):
    """The settings cannot be used as they are written."""

    code = Code.SETTINGS_INVALID


class Settings(BaseModel):
    """The base of a tower's settings. Every field carries `Field(description="One sentence.")`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    # Variables with our prefix that are read elsewhere, before there are settings.
    reserved_variables: ClassVar[frozenset[str]] = frozenset({"DOMICILE_HOME", "DOMICILE_SKIP_BUNDLES"})

    @classmethod
    def load(cls, home: Path, environ: Mapping[str, str]) -> Self:
        """The settings of `home`. Raises SettingsError naming the key, its place and the remedy, never its value."""
        path = home / FILE_NAME
        written = _read(path)
        _refuse_unknown(written, cls.model_fields, where=str(path))
        given = cls._from_environment(environ)
        try:
            return cls.model_validate({**written, **given})
        except ValidationError as error:
            raise cls._explain(error, path=path, given=given) from None

    @classmethod
    def _from_environment(cls, environ: Mapping[str, str]) -> dict[str, Any]:
        ours = {
            name: raw
            for name, raw in environ.items()
            if name.startswith(PREFIX) and name not in cls.reserved_variables and not name.startswith(f"{PREFIX}TEST_")
        }
        named = {name.removeprefix(PREFIX).lower(): raw for name, raw in ours.items()}
        _refuse_unknown(named, cls.model_fields, where="the environment", spell=lambda key: PREFIX + key.upper())
        return {key: _literal(raw) for key, raw in named.items()}

    @classmethod
    def _explain(cls, error: ValidationError, *, path: Path, given: Mapping[str, Any]) -> SettingsError:
        first, *more = error.errors(include_input=False, include_url=False, include_context=False)
        key = str(first["loc"][0]) if first["loc"] else "settings"
        where = f"the environment variable {PREFIX}{key.upper()}" if key in given else str(path)
        field = cls.model_fields.get(key)
        missing = first["type"] == "missing"
        what = f"`{key}` is missing" if missing else f"`{key}` is not acceptable: {_lowered(first['msg'])}"
        if more:
            what += f" (and {len(more)} more)"
        return SettingsError(what, where=where, remedy=f"set `{key}`: {_lowered(field.description or '') if field else ''}")


def split_address(address: str) -> tuple[str, int]:
    """Host and port of an address; the brackets of IPv6 are taken off."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def undescribed(settings: type[BaseModel]) -> list[str]:
    """The fields of `settings` that lack a sentence: a description that ends in a full stop. An empty list is what one wants."""
    return [
        name
        for name, field in settings.model_fields.items()
        if not (field.description or "").strip().endswith(".") or len((field.description or "").split()) < 3  # noqa: PLR2004 - a sentence has three words
    ]


def write_settings(home: Path, values: Settings) -> Path:
    """Write `values` as commented TOML, each key under its sentence, readable by its owner only. Replaces the file in one step."""
    lines = ["# Written by `init`; yours to edit. An environment variable DOMICILE_<NAME> wins over a line here.", ""]
    for name, field in type(values).model_fields.items():
        lines.extend(f"# {sentence}" for sentence in (field.description or "").splitlines())
        value = getattr(values, name)
        lines.append(f"# {name} =" if value is None else f"{name} = {_toml(value)}")
        lines.append("")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / FILE_NAME
    draft = path.with_suffix(".toml.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
    draft.replace(path)
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
        raise SettingsError(
            what=f"this is not TOML: {_lowered(place)}",
            where=str(path),
            remedy="mend that line; `init --home` with a new folder writes a file to compare with",
        ) from None
    except OSError as error:
        raise SettingsError(
            what=f"the file cannot be read ({error.strerror})", where=str(path), remedy="check its owner and mode"
        ) from None


def _refuse_unknown(named: Iterable[str], known: Mapping[str, object], *, where: str, spell: Any = str) -> None:
    unknown = sorted(set(named) - set(known))
    if not unknown:
        return
    near = [spell(match) for key in unknown for match in difflib.get_close_matches(key, known, n=1)]
    remedy = f"did you mean {', '.join(f'`{key}`' for key in near)}" if near else "remove it"
    noun = "unknown key" if len(unknown) == 1 else "unknown keys"
    raise SettingsError(what=f"{noun} {', '.join(f'`{spell(key)}`' for key in unknown)}", where=where, remedy=remedy)


def _literal(raw: str) -> Any:
    """Lists and tables of the environment are written as in TOML; anything else stays text, which the field then reads."""
    if raw[:1] not in {"[", "{"}:
        return raw
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return f"[{', '.join(_toml(member) for member in members)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_toml(str(key))} = {_toml(member)}' for key, member in value.items())}}}"
    if isinstance(value, str | PurePath):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if hasattr(value, "get_secret_value"):
        return _toml(value.get_secret_value())
    raise SettingsError(
        what=f"a value of type {type(value).__name__} cannot be written as TOML", remedy="use text, a number or a list"
    )


def _lowered(sentence: str) -> str:
    sentence = sentence.strip().rstrip(".")
    return sentence[:1].lower() + sentence[1:]
