import stat
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from chassis.settings import Settings, SettingsError, undescribed, write_settings


class Level(StrEnum):
    CALM = "calm"
    LOUD = "loud"


class TowerSettings(Settings):
    region: str = Field(description="The name of the region, as peers know it.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="The port that browsers and programs reach.")
    level: Level = Field(default=Level.CALM, description="How much is told.")
    peers: list[str] = Field(default=[], description="Who may call, by name.")
    ratios: dict[str, float] = Field(default={}, description="A figure by name.")
    password: SecretStr | None = Field(default=None, description="The password of the store.")


FILE = 'region = "eu-de"\n'


def written(tmp_path: Path, text: str = FILE) -> Path:
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_file_is_read(tmp_path):
    settings = TowerSettings.load(written(tmp_path), {})
    assert (settings.region, settings.http_port) == ("eu-de", 8080)


def test_the_environment_wins(tmp_path):
    environ = {
        "DOMICILE_HTTP_PORT": "9000",
        "DOMICILE_PEERS": '["a", "b"]',
        "PATH": "/bin",
        "DOMICILE_HOME": "/x",
        "DOMICILE_TEST_PG": "1",
    }
    settings = TowerSettings.load(written(tmp_path), environ)
    assert (settings.http_port, settings.peers) == (9000, ["a", "b"])


def test_settings_cannot_be_changed(tmp_path):
    settings = TowerSettings.load(written(tmp_path), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.region = "other"  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        (FILE + "http_prt = 1\n", {}, "settings.toml: unknown key `http_prt`; did you mean `http_port`"),
        (FILE + "zzz = 1\nyyy = 2\n", {}, "settings.toml: unknown keys `yyy`, `zzz`; remove it"),
        (FILE, {"DOMICILE_HTTP_PRT": "1"}, "the environment: unknown key `DOMICILE_HTTP_PRT`; did you mean `DOMICILE_HTTP_PORT`"),
        ("", {}, "settings.toml: `region` is missing; set `region`: the name of the region, as peers know it"),
        (
            FILE + "http_port = 70000\n",
            {},
            "`http_port` is not acceptable: input should be less than or equal to 65535; set `http_port`",
        ),
        (FILE, {"DOMICILE_LEVEL": "shrill"}, "the environment variable DOMICILE_LEVEL: `level` is not acceptable"),
        ("region = eu\n", {}, "settings.toml: this is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_place_and_remedy(tmp_path, text, environ, told):
    with pytest.raises(SettingsError) as refused:
        TowerSettings.load(written(tmp_path, text), environ)
    assert told in str(refused.value)
    assert refused.value.remedy


def test_a_wrong_secret_is_not_repeated(tmp_path):
    with pytest.raises(SettingsError) as refused:
        TowerSettings.load(written(tmp_path, FILE + "password = 4711\n"), {})
    assert "4711" not in str(refused.value)


def test_what_is_written_is_read_back_and_each_key_stands_under_its_sentence(tmp_path):
    first = TowerSettings(region='q"uote\\ ü', level=Level.LOUD, peers=["a"], ratios={"half x": 0.5}, password=SecretStr("s3cret"))
    path = write_settings(tmp_path / "home", first)
    assert TowerSettings.load(tmp_path / "home", {}) == first
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[lines.index("http_port = 8080") - 1] == "# The port that browsers and programs reach."
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_setting_that_is_not_given_is_shown_as_a_comment(tmp_path):
    path = write_settings(tmp_path, TowerSettings(region="eu-de"))
    assert "# password =" in path.read_text(encoding="utf-8")


def test_a_field_without_a_sentence_is_found():
    class Silent(TowerSettings):
        bare: int = 1
        short: int = Field(default=1, description="port")

    assert undescribed(TowerSettings) == []
    assert undescribed(Silent) == ["bare", "short"]
