"""The bundle reader: what is truncated, altered, repeated, unknown or too large is refused with one error and its remedy."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

import policies as shipped
from policies.engine.bundle import MAX_FILE, Bundle, SignedBundle, read_bundle, read_payload, unsigned
from policies.engine.bundle_files import documents_of, files_of, policies_of
from policies.engine.diagnostics import PolicyError
from policies.engine.envelope import read_signature_line, signature_line
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from tests.unit.policies.ordinary_bundle import AT, DAY, bundle, signed

FOLDER = Path(shipped.__file__).parent
RAW = signed(bundle()).to_bytes()
BODY = json.loads(bundle().payload())


def code_of(raw: bytes, read=read_bundle) -> Code | None:  # type: ignore[no-untyped-def]  # a test's shorthand
    try:
        read(raw)
    except DomicileError as error:
        return error.code if error.remedy else None
    return None


@given(cut=st.integers(0, len(RAW) - 1))
@settings(max_examples=200)
def test_a_truncated_bundle_is_refused(cut: int) -> None:
    assert code_of(RAW[:cut]) is Code.BUNDLE_ALTERED


@given(place=st.integers(0, len(RAW) - 1), byte=st.integers(0, 255))
@settings(max_examples=400)
def test_an_altered_byte_is_refused_or_makes_another_envelope(place: int, byte: int) -> None:
    altered = RAW[:place] + bytes([byte]) + RAW[place + 1 :]
    if altered != RAW and code_of(altered) is None:
        assert read_bundle(altered).envelope != read_bundle(RAW).envelope


@given(junk=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda t: t.encode("utf-8", "surrogatepass"))))
def test_junk_is_refused_and_never_a_fault(junk: bytes) -> None:
    assert code_of(junk) is Code.BUNDLE_ALTERED
    assert code_of(junk, read_payload) is Code.BUNDLE_ALTERED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(key=st.sampled_from(sorted(BODY)), value=JSON)
@settings(max_examples=400)
def test_any_value_in_any_place_is_refused_or_read_as_it_is(key: str, value: object) -> None:
    raw = rfc8785.dumps({**BODY, key: value})  # type: ignore[dict-item]  # any JSON
    refused = code_of(raw, read_payload)
    assert refused is Code.BUNDLE_ALTERED if refused else read_payload(raw).payload() == raw


def test_unknown_missing_and_repeated_keys_are_refused() -> None:
    assert code_of(rfc8785.dumps({**BODY, "more": 1}), read_payload) is Code.BUNDLE_ALTERED
    assert code_of(rfc8785.dumps({k: v for k, v in BODY.items() if k != "expires"}), read_payload) is Code.BUNDLE_ALTERED
    twice = bundle().payload().replace(b'"version":7', b'"version":7,"version":7')
    assert code_of(twice, read_payload) is Code.BUNDLE_ALTERED


def test_deep_nesting_is_refused_and_not_a_fault() -> None:
    assert code_of(b"[" * 100_000 + b"]" * 100_000) is Code.BUNDLE_ALTERED


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0}, {"version": 1}, {"previous": ""}, {"previous": "x"}, {"policy_digest": ""}, {"federation": "Demo"},
        {"expires": AT - 2 * DAY}, {"expires": AT + 800 * DAY}, {"active_from": AT + 366 * DAY}, {"files": {}},
        {"files": {"../gdpr.yaml": ""}}, {"files": {"/etc/x.yaml": ""}}, {"files": {"a.yaml": "x" * (MAX_FILE + 1)}},
        {"files": {"registry/laws/../x.yaml": ""}}, {"widens": ("EU", "BR")}, {"widens": ("EU", "EU")}, {"regions": ("EU DE",)},
    ],
)  # fmt: skip
def test_a_bundle_that_no_reader_would_take_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(DomicileError) as caught:
        unsigned(bundle(**change))
    assert caught.value.code is Code.BUNDLE_ALTERED


def test_a_part_of_a_second_is_not_in_a_bundle() -> None:
    one = bundle(issued=AT + timedelta(microseconds=5))
    assert read_payload(one.payload()).issued == AT


def test_a_signature_travels_as_one_line() -> None:
    given_one = signed(bundle()).envelope.signatures[0]
    assert read_signature_line(signature_line(given_one)) == given_one
    for bad in ("", "author", "author 00 AAAA", signature_line(given_one) + " x"):
        with pytest.raises(DomicileError):
            read_signature_line(bad)


def test_a_folder_read_from_a_bundle_is_the_same_policies(tmp_path: Path) -> None:
    files = files_of(FOLDER)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    digest = load_policies(tmp_path).digest
    assert documents_of(files).digest == digest
    assert policies_of(bundle(files=files, policy_digest=digest)).digest == digest
    with pytest.raises(DomicileError) as caught:
        policies_of(bundle(files=files, policy_digest="0" * 64))
    assert caught.value.code is Code.BUNDLE_ALTERED


def test_two_policies_of_one_name_in_a_bundle_are_an_error_at_their_line() -> None:
    files = files_of(FOLDER)
    with pytest.raises(PolicyError) as caught:
        documents_of({**files, "again.yaml": files["pci.yaml"]})
    assert any("exists already" in each.message for each in caught.value.diagnostics)


def test_a_folder_without_policies_or_with_a_strange_file_makes_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(DomicileError, match="it holds no policy"):
        files_of(tmp_path)
    (tmp_path / "Großes.yaml").write_text("policy: x\n")
    with pytest.raises(DomicileError, match="a name that no file of a bundle may have"):
        files_of(tmp_path)


def test_what_is_read_can_be_shown_without_its_files() -> None:
    assert isinstance(read_bundle(RAW), SignedBundle)
    assert isinstance(read_bundle(RAW).bundle, Bundle)
