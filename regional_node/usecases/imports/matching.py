"""Drafts meet the store: known by their key or new, what they refer to, changed or not. Nothing here reads a file or commits.

A row without a key is known by a keyed digest of what it says. A file's word wins for the fields it fills; what it leaves empty
stays as it is here. A row of a person who is not here is refused: without its subject it would outlive an erasure (GDPR Art. 17).
"""

import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policies.engine.readings import OTHER
from regional_node.crm.fields import FIELDS, RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import ExternalId, Record, Value
from regional_node.usecases.imports.drafts import Draft, Part
from regional_node.usecases.imports.reasons import Reason
from regional_node.usecases.records import RecordStore

BY_CONTENT = "rows"
"""The system named in the external id of a row without a key of its own."""

_REMEMBERED = 50_000
_TOGETHER = 1_000
_SEALED = {record_type: frozenset(f.name for f in specs if f.sealed) for record_type, specs in FIELDS.items()}
_OWN_SUBJECT = frozenset({RecordType.PEOPLE, RecordType.COMPANIES})


@dataclass(slots=True, kw_only=True)
class Tally:
    """Rows by fate, while they are counted."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0


Say = Callable[[Draft, Part | None, Reason], None]
Allows = Callable[[Draft, Record, Record], bool]


class Matching:
    """The rows of one file against the records of one unit of work. `refuse` and `remark` take what is found on the way.

    `allows` says of a row, its record and what that would become whether it may be; it tells itself why not.
    """

    def __init__(
        self,
        store: RecordStore,
        record_type: RecordType,
        *,
        system: str,
        keyed: bool,
        secret: bytes,
        at: datetime,
        new_id: Callable[[], str],
        refuse: Say,
        remark: Say,
        allows: Allows,
        look_for_shared: bool,
    ) -> None:
        self.tally = Tally()
        self._store = store
        self._type = record_type
        self._system = system
        self._keyed = keyed
        self._secret = secret
        self._at = at
        self._new_id = new_id
        self._refuse = refuse
        self._remark = remark
        self._allows = allows
        self._look_for_shared = look_for_shared and record_type is RecordType.PEOPLE
        self._companies: dict[str, str] = {}
        self._orphans: list[tuple[str, int, str]] = []

    def settle(self, drafts: Sequence[Draft]) -> None:
        """Create, update or leave each draft, in order."""
        kept = [draft for draft in drafts if self._is_wanted(draft)]
        own = self._find_own(kept)
        people = self._find(RecordType.PEOPLE, (draft.person_key for draft in kept))
        companies = self._find_companies(kept)
        also = self._find(self._type, (draft.also_key for draft in kept))
        added: list[Record] = []
        emails = self._emails_here(kept)
        for draft in kept:
            if draft.person_key and draft.person_key not in people:
                self._refuse(draft, Part.PERSON, Reason.PERSON_UNKNOWN)
                continue
            references = self._references(draft, people, companies)
            record_id = own.get(draft.key)
            if record_id is None and draft.also_key in also:
                self.tally.skipped += 1
                self._remark(draft, Part.ALSO, Reason.LEAD_CONVERTED)
            elif record_id is None:
                self._tell_shared(draft, emails)
                added.append(self._new(draft, references))
            else:
                self._renew(draft, record_id, references)
        if added:
            self._store.add(added)
            self.tally.created += len(added)

    def finish(self) -> None:
        """Join the companies to parents that stood further down in the file."""
        for start in range(0, len(self._orphans), _TOGETHER):
            orphans = self._orphans[start : start + _TOGETHER]
            parents = self._find(RecordType.COMPANIES, (key for _, _, key in orphans))
            for record_id, line, key in orphans:
                self._join(record_id, Draft(line=line, cells=[], parent_key=key), parents.get(key))

    def _join(self, record_id: str, draft: Draft, parent: str | None) -> None:
        found = self._store.get(self._type, record_id)
        if found is None:
            return
        values, custom = dict(found.values), dict(found.custom)
        custom.pop("parent_external_id", None)
        if parent is None:
            custom["parent_external_id"] = Personal(draft.parent_key)
            self._remark(draft, Part.PARENT, Reason.PARENT_UNKNOWN)
        else:
            values["parent_id"] = parent
        if values != dict(found.values) or custom != dict(found.custom):
            self._write(found, values=values, custom=custom, external_ids=found.external_ids)

    def _is_wanted(self, draft: Draft) -> bool:
        if draft.left_out is None:
            return True
        self.tally.skipped += 1
        self._remark(draft, None, draft.left_out)
        return False

    def _find(self, record_type: RecordType, keys: Iterable[str]) -> dict[str, str]:
        wanted = [key for key in dict.fromkeys(keys) if key]
        return self._store.find_external(record_type, self._system, wanted) if wanted else {}

    def _find_own(self, drafts: list[Draft]) -> dict[str, str]:
        if self._keyed:
            return self._find(self._type, (draft.key for draft in drafts))
        for draft in drafts:
            draft.key = self._content_digest(draft)
        return self._store.find_external(self._type, BY_CONTENT, [draft.key for draft in drafts]) if drafts else {}

    def _content_digest(self, draft: Draft) -> str:
        said = {**draft.values, "": [draft.custom, draft.company_key, draft.person_key, draft.parent_key]}
        text = json.dumps([self._type, self._system, said], default=str, sort_keys=True)
        return hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _find_companies(self, drafts: list[Draft]) -> dict[str, str]:
        if self._type is RecordType.COMPANIES:
            return self._find(self._type, (draft.parent_key for draft in drafts))
        lacking = [key for draft in drafts if (key := draft.company_key) and key not in self._companies]
        if len(self._companies) + len(lacking) > _REMEMBERED:
            self._companies.clear()
            lacking = [draft.company_key for draft in drafts]
        self._companies.update(self._find(RecordType.COMPANIES, lacking))
        return self._companies

    def _references(self, draft: Draft, people: dict[str, str], companies: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        if draft.person_key:
            found["person_id"] = people[draft.person_key]
        if draft.company_key:
            if (company := companies.get(draft.company_key)) is not None:
                found["company_id"] = company
            else:
                draft.custom["company_external_id"] = draft.company_key
                self._remark(draft, Part.COMPANY, Reason.COMPANY_UNKNOWN)
        if draft.parent_key and (parent := companies.get(draft.parent_key)) is not None:
            found["parent_id"] = parent
        return found

    def _tell_shared(self, draft: Draft, emails: set[str]) -> None:
        if not self._look_for_shared or not isinstance(address := draft.values.get("email"), str):
            return
        folded = address.casefold()
        if folded in emails:
            self._remark(draft, None, Reason.EMAIL_SHARED)
        emails.add(folded)

    def _emails_here(self, drafts: list[Draft]) -> set[str]:
        """The addresses of these drafts that people here have, folded."""
        addresses = [address for draft in drafts if isinstance(address := draft.values.get("email"), str)]
        if not self._look_for_shared or not addresses:
            return set()
        return {address.casefold() for address in self._store.known_emails(self._type, addresses)}

    def _values(self, draft: Draft, references: dict[str, str]) -> dict[str, Value]:
        sealed = _SEALED[self._type]
        values: dict[str, Value] = {name: Personal(value) if name in sealed else value for name, value in draft.values.items()}
        values.update(references)
        return values

    def _external_ids(self, draft: Draft) -> tuple[ExternalId, ...]:
        own = ExternalId(system=self._system if self._keyed else BY_CONTENT, key=Personal(draft.key))
        return (own, ExternalId(system=self._system, key=Personal(draft.also_key))) if draft.also_key else (own,)

    def _new(self, draft: Draft, references: dict[str, str]) -> Record:
        record_id = self._new_id()
        if draft.parent_key and "parent_id" not in references:
            self._orphans.append((record_id, draft.line, draft.parent_key))
        return Record(
            type=self._type,
            id=record_id,
            subject_id=self._subject(record_id, references),
            version=1,
            created_at=min(draft.created_at or self._at, self._at),
            updated_at=self._at,
            values=self._values(draft, references),
            custom={name: Personal(value) for name, value in draft.custom.items()},
            external_ids=self._external_ids(draft),
        )

    def _renew(self, draft: Draft, record_id: str, references: dict[str, str]) -> None:
        found = self._store.get(self._type, record_id)
        if found is None:  # its key outlives an erased record, so that importing again does not bring the person back
            self.tally.skipped += 1
            self._remark(draft, Part.KEY, Reason.RECORD_ERASED)
            return
        if draft.parent_key and "parent_id" not in references:
            self._orphans.append((record_id, draft.line, draft.parent_key))
        values = {**found.values, **self._values(draft, references)}
        outdated = _outdated(draft, references)
        custom = {name: value for name, value in found.custom.items() if name not in outdated}
        custom.update((name, Personal(value)) for name, value in draft.custom.items())
        known = {(held.system, held.key.reveal()) for held in found.external_ids}
        more = tuple(one for one in self._external_ids(draft) if (one.system, one.key.reveal()) not in known)
        if values == dict(found.values) and custom == dict(found.custom) and not more:
            self.tally.unchanged += 1
            return
        if not self._allows(draft, found, replace(found, values=values, custom=custom)):
            return
        self._write(found, values=values, custom=custom, external_ids=(*found.external_ids, *more))
        self.tally.updated += 1

    def _write(
        self, found: Record, *, values: dict[str, Value], custom: dict[str, Personal[str]], external_ids: tuple[ExternalId, ...]
    ) -> None:
        renewed = replace(
            found,
            subject_id=self._subject(found.id, values),
            version=found.version + 1,
            updated_at=self._at,
            values=values,
            custom=custom,
            external_ids=external_ids,
        )
        self._store.update(renewed, expected_version=found.version)

    def _subject(self, record_id: str, values: Mapping[str, Value]) -> str:
        """The person, else the company, else the record itself."""
        if self._type in _OWN_SUBJECT:
            return record_id
        return str(values.get("person_id") or values.get("company_id") or record_id)


def _outdated(draft: Draft, references: dict[str, str]) -> set[str]:
    """Originals kept beside a field that the row now says properly."""
    good = {name for name, value in draft.values.items() if value != OTHER}
    outdated = {f"{name}_{kept}" for name in good for kept in ("written", "unverified")}
    if "company_id" in references:
        outdated.add("company_external_id")
    if "parent_id" in references:
        outdated.add("parent_external_id")
    return outdated
