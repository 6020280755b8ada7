"""What the demo's processes are told: addresses, domains, registers of importers."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import deploy
from deploy.layout import (
    ACCOUNTS,
    BASE_PORTS,
    HEADQUARTERS,
    INDEX,
    NODES,
    US_COMPANY,
    Node,
    addresses,
    choose_ports,
    importers_register,
    node_settings,
)
from policies.engine.vocabulary import Purpose
from regional_node.egress.importers import parse_importers


@pytest.fixture(params=NODES, ids=lambda node: node.region)
def node(request: pytest.FixtureRequest) -> Node:
    found = request.param
    assert isinstance(found, Node)
    return found


def test_a_register_names_headquarters_and_the_us_company(node: Node) -> None:
    register = {importer["id"]: importer for importer in yaml.safe_load(importers_register(node))["importers"]}
    assert set(register) == {HEADQUARTERS, US_COMPANY}
    assert (register[HEADQUARTERS]["jurisdiction"], register[HEADQUARTERS]["state"]) == ("EU", "IE")
    assert register[US_COMPANY]["mechanisms"] == []
    assert register[US_COMPANY]["facts"]["dpf"] == {"listed": False}
    assert set(register[HEADQUARTERS]["purposes"]) <= {purpose.value for purpose in Purpose}


def test_the_gate_reads_the_register_as_it_is_written(node: Node) -> None:
    headquarters, company = parse_importers(importers_register(node), "importers.yaml")
    assert (headquarters.id, headquarters.state, company.jurisdiction) == (HEADQUARTERS, "IE", "US")
    assert company.facts["dpf"] == {"listed": False}
    assert headquarters.purposes["analytics.reporting"] == node.analytics_basis


def test_only_brazil_claims_adequacy_for_headquarters(node: Node) -> None:
    headquarters = yaml.safe_load(importers_register(node))["importers"][0]
    assert headquarters["mechanisms"] == ([{"id": "adequacy"}] if node.region == "br-sp" else [])


def test_california_binds_both_by_its_contract_and_europe_does_not(node: Node) -> None:
    for importer in yaml.safe_load(importers_register(node))["importers"]:
        for stated in ("ccpa_contract", "deletion_forwarded"):
            assert importer["facts"].get(stated, False) is (node.region == "us-ca")


def test_a_name_that_yaml_would_misread_stays_text() -> None:
    norway = replace(NODES[0], analytics_basis="NO")
    purposes = yaml.safe_load(importers_register(norway))["importers"][0]["purposes"]
    assert purposes["analytics.reporting"] == "NO"


def test_a_node_is_told_its_domains_and_where_the_index_is(node: Node) -> None:
    ports = {home: (9000 + n, 9100 + n) for n, home in enumerate(BASE_PORTS)}
    arguments = node_settings(node, addresses(ports))
    assert set(arguments[::2]) == {"--set"}
    told = dict(argument.split("=", 1) for argument in arguments[1::2])
    assert told["grpc_address"] == told["announced_address"]
    assert told["countries"].split(",")[0] == told["default_country"]
    assert {"won", "lost"} < set(told["stages"].split(","))


def test_free_ports_are_all_different() -> None:
    ports = [port for pair in choose_ports(free=True).values() for port in pair]
    assert len(set(ports)) == 8
    assert all(port > 1023 for port in ports)


def test_every_account_has_a_home_and_its_organisation() -> None:
    organisations = {node.region: node.organisation for node in NODES}
    for account in ACCOUNTS:
        assert account.home == INDEX or organisations[account.home] == account.importer


def test_deploy_imports_no_floor_of_the_house() -> None:
    allowed = {"deploy", "faker", "rich", *sys.stdlib_module_names}
    for path in Path(deploy.__file__).parent.rglob("*.py"):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in found.names] if isinstance(found, ast.Import) else []
            names += [found.module or ""] if isinstance(found, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path
