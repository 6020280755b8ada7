"""A node's settings: each with its sentence, refused with place and remedy."""

from pathlib import Path

import pytest

from chassis.settings import undescribed, write_settings
from policies.engine.errors import DomicileError
from regional_node.settings import NodeSettings

ORDINARY = {"region": "eu-de", "jurisdiction": "EU", "state": "DE", "organisation": "acme-de", "countries": ("DE", "AT")}


def test_every_setting_has_a_sentence() -> None:
    assert undescribed(NodeSettings) == []


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = NodeSettings(**ORDINARY, time_zone="Europe/Berlin")
    write_settings(tmp_path, written)
    assert NodeSettings.load(tmp_path, {}) == written
    assert NodeSettings.load(tmp_path, {"DOMICILE_BATCH_SECONDS": "2"}).batch_seconds == 2


def test_the_store_and_the_phone_country_have_sensible_defaults(tmp_path: Path) -> None:
    settings = NodeSettings(**ORDINARY)
    assert settings.store_url(tmp_path) == f"sqlite:///{tmp_path / 'node.db'}"
    assert settings.phone_country() == "DE"
    assert NodeSettings(**{**ORDINARY, "countries": ()}).phone_country() == "ZZ"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGION", "EU DE"),
        ("TIME_ZONE", "Berlin"),
        ("PRIVACY_BUDGET_RHO_PERSON", "1/0"),
        ("PRIVACY_BUDGET_RHO_COMPANY", "-1/4"),
        ("HTTP_ADDRESS", "nowhere"),
        ("READING_EPOCH_SECONDS", "-1"),
    ],
)
def test_a_setting_that_is_not_acceptable_is_refused(tmp_path: Path, name: str, value: str) -> None:
    write_settings(tmp_path, NodeSettings(**ORDINARY))
    with pytest.raises(DomicileError) as raised:
        NodeSettings.load(tmp_path, {f"DOMICILE_{name}": value})
    assert name.lower() in str(raised.value)
    assert raised.value.remedy
