"""The life of a policy bundle at headquarters: drafts, approvals, keys, stops, and what regions fetch. No SQL, wire or web."""
