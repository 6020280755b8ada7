"""What the index's commands print: a refusal with its place and what would have allowed it, and CSV that no spreadsheet runs."""

import io

from rich.console import Console

from global_index.cli import shown

RULE = {"policy": "eu-test-stop", "law": "EU", "place": "gdpr.yaml:307", "cite": ["GDPR Art. 5"]}
REFUSED = {
    "region": "eu-de",
    "status": "refused",
    "reason": "no_permit",
    "detail": "not let out",
    "remedy": "",
    "epoch": None,
    "noise": [],
    "suppressed": 0,
    "recorded": False,
    "rho": "0",
    "rules": [RULE],
    "try_instead": ["lift:eu-test-stop"],
}


def test_a_refused_aggregate_is_told_with_place_and_what_would_have_allowed_it():
    out = Console(file=io.StringIO(), width=200)
    shown.coverage(out, {"coverage": [REFUSED], "rows_per_subject": 1, "budget": {"charged": "0"}})
    told = out.file.getvalue()
    assert "rule eu-test-stop (gdpr.yaml:307), cites GDPR Art. 5" in told
    assert "would have allowed it: lift:eu-test-stop" in told


def test_a_declared_word_that_looks_like_a_formula_is_written_as_text():
    facts = [{"name": "product", "kind": "key", "unit": ""}, {"name": "count", "kind": "count", "unit": ""}]
    rows = [["=cmd()", 120], ["Crane", -3]]
    body = {"columns": ["product", "count"], "facts": facts, "rows": rows, "margins": [[None, 28]] * 2, "marks": [["", ""]] * 2}
    assert shown.as_csv(body).splitlines()[1:] == ["'=cmd(),120,28,", "Crane,-3,28,"]
