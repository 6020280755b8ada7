"""The certificate profile: the issuer decides the names, and what is not of the profile is refused."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from policies.engine.errors import Code, DomicileError
from protos import certificates as c
from protos.certificates import Identity, Role
from protos.peer import identity_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTHORITY = c.make_authority("acme", at=AT, days=30, serial="1f")
IDENTITY = Identity(federation="acme", role=Role.REGION, name="eu-de", serial="ab12", not_after=AT + timedelta(days=90))
KEY = c.new_key()
PEM = c.issue(AUTHORITY, c.make_request("eu-de", KEY), identity=IDENTITY, at=AT)
CONTEXT = {"x509_pem_cert": [PEM], "transport_security_type": [b"ssl"], "ssl_tls_version": [b"TLSv1.3"]}


def signed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *names: x509.GeneralName) -> bytes:
    """A certificate that is not of our profile."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def refused(code: Code, act: object) -> str:
    with pytest.raises(DomicileError) as caught:
        act()  # type: ignore[operator]
    assert caught.value.code is code
    return str(caught.value)


def test_a_certificate_says_who_holds_it() -> None:
    assert c.read_identity(PEM) == IDENTITY
    assert IDENTITY.host == "eu-de.region.acme.internal"
    assert c.belongs(PEM, KEY)
    assert c.read_validity(PEM) == (AT - c.BACKDATED, IDENTITY.not_after)


def test_every_key_is_p256_and_only_the_authority_may_sign() -> None:
    leaf = x509.load_pem_x509_certificate(PEM)
    leaf.verify_directly_issued_by(AUTHORITY.certificate)
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False
    assert AUTHORITY.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_an_invite_cannot_serve() -> None:
    invite = Identity(federation="acme", role=Role.INVITE, name="eu-de", serial="ab13", not_after=AT + timedelta(hours=1))
    pem = c.issue_to(AUTHORITY, KEY.public_key(), identity=invite, at=AT)
    uses = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_request_of_another_kind_of_key_or_another_signer_is_refused() -> None:
    def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    wrong = bytearray(c.make_request("eu-de", KEY))
    wrong[-1] ^= 1
    for bad in (
        request(rsa.generate_private_key(65537, 2048)),
        request(ec.generate_private_key(ec.SECP384R1())),
        bytes(wrong),
        b"",
    ):
        refused(Code.INPUT_INVALID, lambda bad=bad: c.issue(AUTHORITY, bad, identity=IDENTITY, at=AT))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", "EU", "a.b", "a/b", "-a", "a" * 64, "eu-de\n", "é"])
def test_a_name_that_is_no_label_gets_no_certificate(name: str) -> None:
    bad = Identity(federation="acme", role=Role.REGION, name=name, serial="1", not_after=AT + timedelta(days=1))
    refused(Code.INPUT_INVALID, lambda: c.issue_to(AUTHORITY, KEY.public_key(), identity=bad, at=AT))


@pytest.mark.parametrize(
    "names",
    [
        (),
        (x509.DNSName("eu-de.region.acme.internal"),),
        (x509.UniformResourceIdentifier("domicile://acme/region/eu-de"),),
        (x509.UniformResourceIdentifier("domicile://acme/region/eu-de"), x509.DNSName("br-sp.region.acme.internal")),
        (x509.UniformResourceIdentifier("domicile://acme/king/eu-de"), x509.DNSName("eu-de.king.acme.internal")),
        (x509.UniformResourceIdentifier("domicile://acme/region/eu-de/x"), x509.DNSName("eu-de.region.acme.internal")),
        (x509.UniformResourceIdentifier("https://acme/region/eu-de"), x509.DNSName("eu-de.region.acme.internal")),
    ],
)
def test_a_certificate_of_another_profile_names_nobody(names: tuple[x509.GeneralName, ...]) -> None:
    refused(Code.PEER_REFUSED, lambda: c.read_identity(signed(KEY, *names)))


def test_who_calls_is_read_from_one_certificate_over_tls_1_3_only() -> None:
    assert identity_of(CONTEXT) == IDENTITY
    for changed in (
        {"x509_pem_cert": []},
        {"x509_pem_cert": [PEM, PEM]},
        {"x509_pem_cert": [b"garbage"]},
        {"transport_security_type": [b"insecure"]},
        {"ssl_tls_version": [b"TLSv1.2"]},
        {"ssl_tls_version": []},
    ):
        refused(Code.PEER_REFUSED, lambda changed=changed: identity_of(CONTEXT | changed))  # type: ignore[misc]


def test_a_revocation_list_is_read_back_and_only_under_its_authority() -> None:
    pem = c.revocation_list(AUTHORITY, ["ab12", "ff", "ab12"], number=3, at=AT, next_update=AT + timedelta(days=7))
    read = c.read_revocations(pem, AUTHORITY.certificate_pem)
    assert read == c.Revocations(serials=frozenset({"ab12", "ff"}), number=3, next_update=AT + timedelta(days=7))
    other = c.make_authority("acme", at=AT, days=30, serial="1f")
    refused(Code.PEER_REFUSED, lambda: c.read_revocations(pem, other.certificate_pem))
    refused(Code.PEER_REFUSED, lambda: c.read_revocations(b"", AUTHORITY.certificate_pem))


def test_a_revocation_list_speaks_until_its_end_and_gives_way_to_no_older_one() -> None:
    kept = c.Revocations(serials=frozenset(), number=3, next_update=AT)
    kept.require_current(at=AT - timedelta(seconds=1))
    assert "out of date" in refused(Code.PEER_REFUSED, lambda: kept.require_current(at=AT))
    for number in (3, 4):
        kept.require_successor(c.Revocations(serials=frozenset(), number=number, next_update=AT))
    older = c.Revocations(serials=frozenset(), number=2, next_update=AT)
    assert "`2`" in refused(Code.PEER_REFUSED, lambda: kept.require_successor(older))


def test_a_revocation_list_without_a_number_is_refused() -> None:
    builder = x509.CertificateRevocationListBuilder().issuer_name(AUTHORITY.certificate.subject)
    unnumbered = builder.last_update(AT).next_update(AT + timedelta(days=7)).sign(AUTHORITY.key, hashes.SHA256())
    pem = unnumbered.public_bytes(serialization.Encoding.PEM)
    assert "no number" in refused(Code.PEER_REFUSED, lambda: c.read_revocations(pem, AUTHORITY.certificate_pem))


def test_a_private_key_is_written_for_its_owner_only_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "tls" / "node.key"
    c.write_private(path, b"old")
    c.write_private(path, c.key_pem(KEY))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert c.belongs(PEM, c.read_key(path.read_bytes()))
    assert [each.name for each in path.parent.iterdir()] == ["node.key"]


def test_an_authority_is_opened_with_its_own_key_only() -> None:
    opened = c.read_authority("acme", c.key_pem(AUTHORITY.key), AUTHORITY.certificate_pem)
    assert opened.certificate == AUTHORITY.certificate
    refused(Code.KEY_MISSING, lambda: c.read_authority("acme", c.key_pem(KEY), AUTHORITY.certificate_pem))
    refused(Code.KEY_MISSING, lambda: c.read_key(b"nothing"))
