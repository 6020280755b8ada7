"""Every error that can cross a border, once: code -> gRPC number, HTTP number, public sentence. Plain data, no wire, no web.

A public sentence never carries anything a person typed or anything about a person; `where`, `what` and `remedy` of an error
do name input, in backticks, and are for the one who gave it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Which error. Grammar: `subject:object:verb-or-state`."""

    INPUT_INVALID = "input:value:invalid"
    INPUT_UNKNOWN = "input:name:unknown"
    INPUT_TOO_LARGE = "input:size:too-large"
    FILE_INVALID = "file:content:invalid"
    SETTINGS_INVALID = "settings:value:invalid"
    RECORD_NOT_FOUND = "record:id:not-found"
    RECORD_CONFLICT = "record:version:conflict"
    RECORD_DUPLICATE = "record:key:duplicate"
    PRECONDITION_MISSING = "request:precondition:missing"
    IDEMPOTENCY_MISMATCH = "request:idempotency-key:reused"
    METHOD_UNKNOWN = "request:method:unknown"
    SIGN_IN_REQUIRED = "account:sign-in:required"
    SIGN_IN_REFUSED = "account:sign-in:refused"
    SIGN_IN_LOCKED = "account:sign-in:locked"
    ROLE_MISSING = "account:role:missing"
    CSRF_REFUSED = "request:csrf-token:refused"
    TRANSFER_DENIED = "transfer:decision:denied"
    POLICY_INVALID = "policy:document:invalid"
    POLICY_MISSING = "policy:bundle:missing"
    BUNDLE_ALTERED = "bundle:content:altered"
    BUNDLE_ONE_SIGNATURE = "bundle:signature:missing"
    BUNDLE_OWN_APPROVAL = "bundle:approval:own"
    BUNDLE_NOT_COUNTERSIGNED = "bundle:countersignature:missing"
    BUNDLE_NOT_PUBLISHED = "bundle:publisher:missing"
    BUNDLE_KEY_UNKNOWN = "bundle:key:unknown"
    BUNDLE_KEY_REVOKED = "bundle:key:revoked"
    BUNDLE_OLDER = "bundle:version:older"
    BUNDLE_GAP = "bundle:version:gap"
    BUNDLE_EXPIRED = "bundle:validity:expired"
    STOP_REFUSED = "stop:signature:refused"
    TRUST_REFUSED = "trust:root:refused"
    TRUST_OLDER = "trust:root:older"
    IMPORTER_UNKNOWN = "importer:registry:unknown"
    TICKET_REFUSED = "ticket:signature:refused"
    QUESTION_INVALID = "question:text:invalid"
    QUESTION_UNSUPPORTED = "question:plan:unsupported"
    BUDGET_EXHAUSTED = "budget:account:exhausted"
    EPOCH_UNKNOWN = "entries:epoch:unknown"
    PEER_REFUSED = "peer:certificate:refused"
    INVITE_REFUSED = "peer:invite:refused"
    PEER_UNREACHABLE = "peer:channel:unreachable"
    DEADLINE_EXCEEDED = "peer:deadline:exceeded"
    MESSAGE_TRUNCATED = "peer:message:invalid"
    STORE_UNAVAILABLE = "store:connection:unavailable"
    STORE_FULL = "store:space:full"
    STORE_VERSION = "store:schema:mismatch"
    LEDGER_BROKEN = "ledger:chain:broken"
    KEY_MISSING = "key:material:missing"
    RATE_LIMITED = "request:rate:limited"
    ANALYSIS_MISSING = "analysis:library:missing"
    INTERNAL = "system:fault:unexpected"


@dataclass(frozen=True, slots=True)
class Row:
    """How one error is told: `grpc` is a gRPC status number, `http` an HTTP status, `public` a sentence safe for anyone."""

    grpc: int
    http: int
    public: str


CATALOGUE: dict[Code, Row] = {
    Code.INPUT_INVALID: Row(3, 422, "a value is not acceptable"),
    Code.INPUT_UNKNOWN: Row(3, 422, "a name is not known here"),
    Code.INPUT_TOO_LARGE: Row(8, 413, "the request is too large"),
    Code.FILE_INVALID: Row(3, 422, "the file cannot be read"),
    Code.SETTINGS_INVALID: Row(9, 500, "the settings are not valid"),
    Code.RECORD_NOT_FOUND: Row(5, 404, "there is no such record"),
    Code.RECORD_CONFLICT: Row(10, 412, "the record has changed since it was read"),
    Code.RECORD_DUPLICATE: Row(6, 409, "a record with this key exists already"),
    Code.PRECONDITION_MISSING: Row(9, 428, "the request must say which version it changes"),
    Code.IDEMPOTENCY_MISMATCH: Row(9, 422, "this idempotency key was used for another request"),
    Code.METHOD_UNKNOWN: Row(12, 405, "this cannot be done here"),
    Code.SIGN_IN_REQUIRED: Row(16, 401, "sign in first"),
    Code.SIGN_IN_REFUSED: Row(16, 401, "the sign-in was refused"),
    Code.SIGN_IN_LOCKED: Row(16, 429, "too many failed sign-ins, wait before the next"),
    Code.ROLE_MISSING: Row(7, 403, "this role may not do that"),
    Code.CSRF_REFUSED: Row(7, 403, "the form has expired, load it again"),
    Code.TRANSFER_DENIED: Row(7, 403, "the region's transfer policy does not let this leave"),
    Code.POLICY_INVALID: Row(3, 422, "the policy is not valid"),
    Code.POLICY_MISSING: Row(7, 403, "the region has no valid policy, so nothing leaves"),
    Code.BUNDLE_ALTERED: Row(15, 422, "the policy bundle is truncated or altered"),
    Code.BUNDLE_ONE_SIGNATURE: Row(9, 409, "the policy bundle lacks the signature of its author or its approver"),
    Code.BUNDLE_OWN_APPROVAL: Row(9, 409, "the policy bundle was approved by its own author"),
    Code.BUNDLE_NOT_COUNTERSIGNED: Row(9, 409, "the policy bundle lacks the countersignature of a region that it widens"),
    Code.BUNDLE_NOT_PUBLISHED: Row(9, 409, "the policy bundle lacks the publisher's signature"),
    Code.BUNDLE_KEY_UNKNOWN: Row(16, 401, "the policy bundle is signed by a key that is not enrolled for this"),
    Code.BUNDLE_KEY_REVOKED: Row(16, 401, "the policy bundle is signed by a key that is revoked or replaced"),
    Code.BUNDLE_OLDER: Row(9, 409, "the policy bundle is not newer than the one in force"),
    Code.BUNDLE_GAP: Row(9, 409, "the policy bundle does not follow the one in force"),
    Code.BUNDLE_EXPIRED: Row(9, 409, "the policy bundle has expired"),
    Code.STOP_REFUSED: Row(16, 401, "the stop notice was refused"),
    Code.TRUST_REFUSED: Row(16, 401, "the list of policy keys was refused"),
    Code.TRUST_OLDER: Row(9, 409, "the list of policy keys is not newer than the one known"),
    Code.IMPORTER_UNKNOWN: Row(7, 403, "the importer is not registered with the region"),
    Code.TICKET_REFUSED: Row(16, 401, "the ticket was refused"),
    Code.QUESTION_INVALID: Row(3, 422, "the question cannot be read"),
    Code.QUESTION_UNSUPPORTED: Row(3, 422, "the question asks for something this federation does not answer"),
    Code.BUDGET_EXHAUSTED: Row(8, 429, "the region's privacy budget does not cover this question"),
    Code.EPOCH_UNKNOWN: Row(9, 409, "the feed has a new epoch, pull it afresh"),
    Code.PEER_REFUSED: Row(16, 401, "the peer's certificate was refused"),
    Code.INVITE_REFUSED: Row(16, 401, "the invite was refused"),
    Code.PEER_UNREACHABLE: Row(14, 503, "the peer cannot be reached"),
    Code.DEADLINE_EXCEEDED: Row(4, 504, "the peer did not answer in time"),
    Code.MESSAGE_TRUNCATED: Row(3, 400, "the message is not well formed"),
    Code.STORE_UNAVAILABLE: Row(14, 503, "the store cannot be reached"),
    Code.STORE_FULL: Row(8, 507, "the store has no space left"),
    Code.STORE_VERSION: Row(9, 503, "the store and the program do not fit together"),
    Code.LEDGER_BROKEN: Row(15, 500, "the ledger does not verify, so nothing leaves"),
    Code.KEY_MISSING: Row(9, 503, "a key is missing"),
    Code.RATE_LIMITED: Row(8, 429, "too many requests, wait before the next"),
    Code.ANALYSIS_MISSING: Row(12, 501, "this installation cannot analyse policies"),
    Code.INTERNAL: Row(13, 500, "something went wrong on this side"),
}


class DomicileError(Exception):
    """An error with a row in the catalogue. `where`, `what`, `remedy`: lowercase, no full stop, input in backticks."""

    code: Code = Code.INTERNAL

    def __init__(self, what: str, *, where: str = "", remedy: str = "", code: Code | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        if code is not None:
            self.code = code

    @property
    def row(self) -> Row:
        """How this error is told."""
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        """One line: where, what, remedy."""
        place = f"{self.where}: " if self.where else ""
        mend = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{mend}"
