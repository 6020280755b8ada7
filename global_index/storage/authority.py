"""The federation's certificate authority as files in the index's home: `tls/authority.key` (0600) never leaves this folder.

It issues what the use cases decided on, and the index's own certificate, which is kept among the issued so that it can be
revoked. Nothing here decides who may join.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from global_index.requests.members import CertificateKept, Holder, MembershipStore, MembershipUnit
from policies.engine.errors import Code, DomicileError
from protos.certificates import (
    BACKDATED,
    Authority,
    Identity,
    Role,
    belongs,
    issue,
    issue_to,
    key_pem,
    make_authority,
    new_key,
    read_authority,
    read_identity,
    read_key,
    read_validity,
    revocation_list,
    write_private,
)
from protos.channel import INDEX_NAME, Credentials
from protos.invites import Invite, write_invite

AUTHORITY_DAYS = 3650
INDEX_LIFETIME = timedelta(days=90)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY, _CERTIFICATE, _INDEX = "authority.key", "authority.pem", "index.pem"


def make_authority_files(folder: Path, *, federation: str, at: datetime, random: Callable[[int], bytes]) -> None:
    """Make the authority once. Raises RECORD_CONFLICT when the folder holds one: replacing it would cut off every region."""
    if (folder / _KEY).exists() or (folder / _CERTIFICATE).exists():
        raise DomicileError(
            "there is a certificate authority already",
            where=str(folder),
            remedy="keep it, or choose another home",
            code=Code.RECORD_CONFLICT,
        )
    authority = make_authority(federation, at=at, days=AUTHORITY_DAYS, serial=_serial(random))
    write_private(folder / _KEY, key_pem(authority.key))
    write_private(folder / _CERTIFICATE, authority.certificate_pem)


class FileAuthority:
    """The authority in a folder, opened. Raises KEY_MISSING when its files are absent or do not belong together.

    `store` is where the index's own certificates are kept beside the regions'.
    """

    def __init__(self, folder: Path, *, federation: str, random: Callable[[int], bytes], store: MembershipStore) -> None:
        self._folder = folder
        self._store = store
        self._random = random
        try:
            key, certificate = (folder / _KEY).read_bytes(), (folder / _CERTIFICATE).read_bytes()
        except OSError as error:
            raise DomicileError(
                what=f"the certificate authority cannot be read ({error.strerror})",
                where=str(folder),
                remedy="run `global-index init`, or restore the folder from a backup",
                code=Code.KEY_MISSING,
            ) from None
        self._authority: Authority = read_authority(federation, key, certificate)

    def authorities(self) -> bytes:
        """The certificates to trust, PEM."""
        return self._authority.certificate_pem

    def issue(self, request: bytes, *, region: str, serial: str, at: datetime, not_after: datetime) -> bytes:
        """A region's certificate, PEM, whatever names the request holds. Raises INPUT_INVALID."""
        return issue(self._authority, request, identity=self._identity(Role.REGION, region, serial, not_after), at=at)

    def write_invite(
        self, *, region: str, jurisdiction: str, serial: str, address: str, at: datetime, expires_at: datetime, not_after: datetime
    ) -> str:
        """An invite as one line of text, with a fresh key and a certificate that may call Join only."""
        key = new_key()
        identity = self._identity(Role.INVITE, region, serial, not_after)
        invite = Invite(
            address=address,
            federation=self._authority.federation,
            region=region,
            jurisdiction=jurisdiction,
            authorities=self.authorities().decode(),
            certificate=issue_to(self._authority, key.public_key(), identity=identity, at=at).decode(),
            key=key_pem(key).decode(),
            expires_at=expires_at.astimezone(UTC).isoformat(timespec="seconds"),
        )
        return write_invite(invite)

    def revocations(self, serials: tuple[str, ...], *, at: datetime, next_update: datetime) -> bytes:
        """The signed list of revoked serials, PEM. Its number is the microsecond it was made, which only rises."""
        number = (at - _EPOCH) // timedelta(microseconds=1)
        return revocation_list(self._authority, serials, number=number, at=at, next_update=next_update)

    def index_credentials(self, *, at: datetime) -> Credentials:
        """What the index shows and trusts, from `index.pem`; made anew when absent, revoked or two thirds through its life."""
        with self._store.reading() as unit:
            content = self._standing(unit, at=at, keeps=False)
        if content is None:
            with self._store.writing() as unit:
                content = self._standing(unit, at=at, keeps=True) or self._made(unit, at=at)
            write_private(self._folder / _INDEX, content)
        return Credentials(key=content, certificate=_certificate_in(content), trust=self.authorities())

    def index_mark(self) -> int:
        """A number that changes when `index.pem` does; 0 when there is none."""
        try:
            return (self._folder / _INDEX).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _standing(self, unit: MembershipUnit, *, at: datetime, keeps: bool) -> bytes | None:
        """The content of `index.pem` when it can be shown and its row stands. One without a row gets it where `keeps`."""
        path = self._folder / _INDEX
        content = path.read_bytes() if path.exists() else b""
        if not self._lasts(content, at=at):
            return None
        pem = _certificate_in(content)
        kept = unit.certificate(read_identity(pem).serial)
        if kept is None and keeps:  # the store is younger than the file
            kept = _row(pem)
            unit.keep_certificate(kept)
        return content if kept is not None and kept.stands(at=at) else None

    def _made(self, unit: MembershipUnit, *, at: datetime) -> bytes:
        key = new_key()
        identity = self._identity(Role.INDEX, INDEX_NAME, _serial(self._random), at + INDEX_LIFETIME)
        pem = issue_to(self._authority, key.public_key(), identity=identity, at=at)
        unit.keep_certificate(_row(pem))  # before the file: no certificate is ever shown that could not be revoked
        return key_pem(key) + pem

    def _lasts(self, content: bytes, *, at: datetime) -> bool:
        try:
            start, end = read_validity(content)
            own = read_identity(content).federation == self._authority.federation and belongs(content, read_key(content))
        except DomicileError:
            return False
        return own and at < start + (end - start) * 2 / 3

    def _identity(self, role: Role, name: str, serial: str, not_after: datetime) -> Identity:
        return Identity(federation=self._authority.federation, role=role, name=name, serial=serial, not_after=not_after)


def _serial(random: Callable[[int], bytes]) -> str:
    return format(int.from_bytes(random(16)) >> 1 | 1 << 126, "x")


def _row(pem: bytes) -> CertificateKept:
    identity, (start, _) = read_identity(pem), read_validity(pem)
    return CertificateKept(
        serial=identity.serial,
        region=identity.name,
        pem=pem,
        issued_at=start + BACKDATED,
        not_after=identity.not_after,
        role=Holder.INDEX,
    )


def _certificate_in(content: bytes) -> bytes:
    return content[content.index(b"-----BEGIN CERTIFICATE") :]
