"""The federation's certificates: one profile, ECDSA P-256 everywhere, names decided by the issuer. Nothing here opens a channel.

A name inside a certificate request is never read: whoever issues says who the holder is. Serial numbers, times and lifetimes
come in as arguments.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from policies.engine.errors import Code, DomicileError

MAX_REQUEST_BYTES = 8 * 1024
MAX_CERTIFICATE_BYTES = 64 * 1024
BACKDATED = timedelta(minutes=5)
"""A fresh certificate is valid from a little before now, so that clocks a few minutes apart can still talk."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035 label, lowercase


class Role(StrEnum):
    """What the holder of a certificate is. Grammar: one noun."""

    INDEX = "index"
    REGION = "region"
    INVITE = "invite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who holds a certificate. `serial` is lowercase hex; `name` is the region, or `index` for the index."""

    federation: str
    role: Role
    name: str
    serial: str
    not_after: datetime

    @property
    def host(self) -> str:
        """The DNS name in the certificate: what a channel checks the peer against."""
        return host_of(self.federation, self.role, self.name)

    @property
    def uri(self) -> str:
        """The URI in the certificate: what a server reads the caller from."""
        return f"domicile://{self.federation}/{self.role}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """A revocation list as it was read: the revoked serials, its number (it rises with every list), and until when it speaks."""

    serials: frozenset[str]
    number: int
    next_update: datetime

    def require_current(self, *, at: datetime) -> None:
        """Raise PEER_REFUSED once the list is over: who was revoked since is not known, so nobody can be let in by it."""
        if at >= self.next_update:
            raise DomicileError(
                what=f"the revocation list is out of date since `{self.next_update.isoformat(timespec='seconds')}`",
                where="revocations",
                remedy="have the node announce itself to fetch a new one, or set this machine's clock",
                code=Code.PEER_REFUSED,
            )

    def require_successor(self, later: "Revocations") -> None:
        """Raise PEER_REFUSED when `later` is in truth an older list: someone would have a revocation forgotten."""
        if later.number < self.number:
            raise DomicileError(
                what=f"the revocation list has number `{later.number}`, the one kept has `{self.number}`",
                where="revocations",
                remedy="check the index's clock, and who answers at its address",
                code=Code.PEER_REFUSED,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The federation's certificate authority: its key and its own certificate."""

    federation: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> bytes:
        """What others trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def host_of(federation: str, role: Role, name: str) -> str:
    """The DNS name of a holder."""
    return f"{name}.{role}.{federation}.internal"


def require_label(value: str, *, where: str) -> str:
    """The same text when it may stand in a certificate's names: a DNS label. Raises INPUT_INVALID otherwise."""
    if not _LABEL.fullmatch(value):
        what = f"`{value[:80]}` cannot be a name in a certificate"
        raise DomicileError(
            what,
            where=where,
            remedy="use lowercase letters, digits and hyphens, at most 63",
            code=Code.INPUT_INVALID,
        )
    return value


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key, PKCS #8 PEM, for a file that only its owner reads."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """A private key from PEM. Raises KEY_MISSING when it is not a P-256 key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise DomicileError(
            "the private key cannot be read", remedy="restore the file or join again", code=Code.KEY_MISSING
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise DomicileError("the private key is not ECDSA P-256", remedy="join again to make one", code=Code.KEY_MISSING)
    return key


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all, readable by its owner only from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def make_authority(federation: str, *, at: datetime, days: int, serial: str) -> Authority:
    """A fresh authority whose own certificate lasts `days`; it may sign leaves and revocation lists, and no other authority."""
    require_label(federation, where="federation")
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{federation} federation authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int(serial, 16))
        .not_valid_before(at - BACKDATED)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.NameConstraints(
                permitted_subtrees=[x509.DNSName(f"{federation}.internal")],
                excluded_subtrees=None,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return Authority(federation=federation, key=key, certificate=certificate)


def read_authority(federation: str, key: bytes, certificate: bytes) -> Authority:
    """An authority from its files. Raises KEY_MISSING when key and certificate do not belong together."""
    private, public = read_key(key), _read_certificate(certificate)
    if public.public_key() != private.public_key():
        raise DomicileError(
            "the authority's key and certificate do not belong together",
            remedy="restore both from one backup",
            code=Code.KEY_MISSING,
        )
    return Authority(federation=federation, key=private, certificate=public)


def make_request(region: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate request, PKCS #10 DER. The name in it is for people's eyes; the issuer decides the real one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, region)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def issue(authority: Authority, request: bytes, *, identity: Identity, at: datetime) -> bytes:
    """A certificate, PEM, for the key that signed `request`, in the names of `identity`; names in the request are ignored.

    Raises INPUT_INVALID when the request is malformed, not signed by its own key, or not for a P-256 key.
    """
    return _sign(authority, _requested_key(request), identity=identity, at=at)


def issue_to(authority: Authority, key: ec.EllipticCurvePublicKey, *, identity: Identity, at: datetime) -> bytes:
    """A certificate, PEM, for a key made beside the authority: the index's own, or an invite's."""
    return _sign(authority, key, identity=identity, at=at)


def _sign(authority: Authority, key: ec.EllipticCurvePublicKey, *, identity: Identity, at: datetime) -> bytes:
    if identity.federation != authority.federation:
        what = f"this authority is of federation `{authority.federation}`"
        raise DomicileError(what, remedy="issue in its own name", code=Code.INPUT_INVALID)
    require_label(identity.name, where="name")
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if identity.role is not Role.INVITE:
        uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(int(identity.serial, 16))
        .not_valid_before(at - BACKDATED)
        .not_valid_after(identity.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity.uri), x509.DNSName(identity.host)]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    remedy = "make the request anew with `regional-node join`"
    if len(request) > MAX_REQUEST_BYTES:
        raise DomicileError("the certificate request is too large", remedy=remedy, code=Code.INPUT_INVALID)
    try:
        parsed = x509.load_der_x509_csr(request)
        key, signed = parsed.public_key(), parsed.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise DomicileError("the certificate request cannot be read", remedy=remedy, code=Code.INPUT_INVALID) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise DomicileError("the certificate request is not for an ECDSA P-256 key", remedy=remedy, code=Code.INPUT_INVALID)
    if not signed:
        raise DomicileError("the certificate request is not signed by its own key", remedy=remedy, code=Code.INPUT_INVALID)
    return key


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def revocation_list(authority: Authority, serials: Sequence[str], *, number: int, at: datetime, next_update: datetime) -> bytes:
    """The revoked serials as a signed X.509 CRL, PEM. `number` rises with every list."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(at)
        .next_update(next_update)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    for serial in sorted(set(serials)):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(at).build()
        )
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def read_revocations(pem: bytes, authorities: bytes) -> Revocations:
    """A revocation list. Raises PEER_REFUSED when none of `authorities` (PEM) signed it, or it has no number or no end."""
    try:
        revoked = x509.load_pem_x509_crl(pem)
        trusted = x509.load_pem_x509_certificates(authorities)
        keys = [k for k in (c.public_key() for c in trusted) if isinstance(k, ec.EllipticCurvePublicKey)]
        signed = any(revoked.is_signature_valid(key) for key in keys)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        signed = False
    if not signed:
        raise DomicileError(
            "the revocation list is not signed by the federation's authority",
            remedy="announce the node again to fetch it anew",
            code=Code.PEER_REFUSED,
        )
    try:
        number = revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        number = None
    if number is None or revoked.next_update_utc is None:
        raise DomicileError(
            "the revocation list has no number or no end",  # RFC 5280 sections 5.1.2.5 and 5.2.3 require both
            remedy="announce the node again to fetch it anew",
            code=Code.PEER_REFUSED,
        )
    return Revocations(
        serials=frozenset(format(entry.serial_number, "x") for entry in revoked),
        number=number,
        next_update=revoked.next_update_utc.astimezone(UTC),
    )


def read_identity(pem: bytes) -> Identity:
    """Who a certificate names. It does not verify any signature: TLS has, before a caller's certificate is handed over.

    Raises PEER_REFUSED when the certificate is not of our profile or its two names disagree.
    """
    certificate = _read_certificate(pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        hosts = names.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        raise _refused("it names no member of a federation") from None
    if len(uris) != 1 or len(hosts) != 1 or not uris[0].startswith("domicile://"):
        raise _refused("it names no member of a federation")
    parts = uris[0].removeprefix("domicile://").split("/")
    if len(parts) != 3 or parts[1] not in set(Role) or not all(_LABEL.fullmatch(p) for p in parts):  # noqa: PLR2004 - federation, role, name
        raise _refused("it names no member of a federation")
    federation, role, name = parts
    identity = Identity(
        federation=federation,
        role=Role(role),
        name=name,
        serial=format(certificate.serial_number, "x"),
        not_after=certificate.not_valid_after_utc,
    )
    if hosts[0] != identity.host:
        raise _refused("its two names disagree")
    return identity


def read_validity(pem: bytes) -> tuple[datetime, datetime]:
    """From when until when a certificate is valid, in UTC."""
    certificate = _read_certificate(pem)
    return certificate.not_valid_before_utc.astimezone(UTC), certificate.not_valid_after_utc.astimezone(UTC)


def belongs(pem: bytes, key: ec.EllipticCurvePrivateKey) -> bool:
    """Whether a certificate is for this private key."""
    return _read_certificate(pem).public_key() == key.public_key()


def _read_certificate(pem: bytes) -> x509.Certificate:
    if len(pem) > MAX_CERTIFICATE_BYTES:
        raise _refused("it is too large")
    try:
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused("it cannot be read") from None


def _refused(what: str) -> DomicileError:
    return DomicileError(
        f"the certificate was refused: {what}", remedy="present one that the federation's authority issued", code=Code.PEER_REFUSED
    )
