"""The canonical layout changes how a policy looks and never what it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine.diagnostics import PolicyError
from policies.engine.fmt import WIDTH, canonical, format_policies
from policies.engine.parser import parse_text, policy_files
from policies.engine.registry_parser import SHIPPED
from policies.engine.strict_yaml import parse_documents, plain

ORDINARY = """\
policy: eu-test
law: EU
title: a test
cite: ["GDPR Art. 45"]
effect: permit
when:
  importer.region: US
"""


def test_the_shipped_policies_are_in_canonical_layout_already():
    for file in policy_files([SHIPPED.parent]):
        text = file.read_text(encoding="utf-8")
        assert format_policies(text, file.name) == text


def test_keys_are_put_in_their_order_and_take_their_comments_along():
    shuffled = """\
# about the whole file
effect: permit   # because Art. 45 says so
# which law
law:   EU
when:
    # only there
    importer.region:   US  # the importer
    # nothing more
title: a test
cite:   [ "GDPR Art. 45" ]
policy: eu-test
"""
    assert format_policies(shuffled, "x.yaml") == (
        "# about the whole file\n"
        "policy: eu-test\n"
        "# which law\n"
        "law: EU\n"
        "title: a test\n"
        'cite: ["GDPR Art. 45"]\n'
        "effect: permit  # because Art. 45 says so\n"
        "when:\n"
        "  # only there\n"
        "  importer.region: US  # the importer\n"
        "  # nothing more\n"
    )


def test_policies_are_separated_by_one_line_without_blanks():
    two = ORDINARY + "\n\n---\n\n" + ORDINARY.replace("eu-test", "eu-other") + "\n\n"
    assert format_policies(two, "x.yaml") == ORDINARY + "---\n" + ORDINARY.replace("eu-test", "eu-other")


def test_a_flow_that_is_too_long_becomes_a_block():
    places = ", ".join(f"C{number:03d}" for number in range(40))
    long = ORDINARY.replace("importer.region: US", f"importer.region: {{in: [{places}]}}")
    laid_out = format_policies(long, "x.yaml")
    assert all(len(line) <= WIDTH for line in laid_out.splitlines())
    assert "    in:\n      - C000\n" in laid_out


def test_a_title_that_is_too_long_is_folded():
    long = ORDINARY.replace("a test", "word " * 60 + "end")
    laid_out = format_policies(long, "x.yaml")
    assert all(len(line) <= WIDTH for line in laid_out.splitlines())
    assert parse_text(laid_out, "x.yaml").policies[0].title == "word " * 60 + "end"
    assert format_policies(laid_out, "x.yaml") == laid_out


def test_a_hash_inside_text_is_no_comment():
    text = ORDINARY.replace("a test", "'a # test'").replace("US", "US # here")
    assert format_policies(text, "x.yaml") == text.replace("US # here", "US  # here")


@pytest.mark.parametrize(
    "broken",
    [
        ORDINARY.replace("permit", "permitt"),
        ORDINARY + "law: EU\n",
        ORDINARY.replace("US", "&a US"),
        ORDINARY.replace("  importer", "\timporter"),
        ORDINARY + "surprise: 1\n",
    ],
)
def test_what_the_strict_parser_refuses_is_refused(broken):
    with pytest.raises(PolicyError):
        format_policies(broken, "x.yaml")


TEXTS = st.text(alphabet="ab #:-'\"[]{},&é\u2028\n\t\\", max_size=30)
PLAINS = st.recursive(
    st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.sampled_from(["NO", "012", "10:30", "2026-11-22", "~"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)),
    max_leaves=12,
)
NOISE = st.lists(st.sampled_from(["", "# one", "  # two", "      # three: [x]", "# - 'four"]), max_size=2)


def _written(value, depth, draw):
    """The value as somebody might write it: flow here, block there, odd indentation, comments."""
    if not isinstance(value, dict | list) or not value:
        return " " + _scalar(value, draw)
    if draw(st.booleans()):
        return " " + _flow(value, draw)
    step = depth + draw(st.integers(1, 3))
    lines = []
    for item in value.items() if isinstance(value, dict) else value:
        lines.extend(draw(NOISE))
        head, inner = (f"{item[0]}:", item[1]) if isinstance(value, dict) else ("-", item)
        tail = _written(inner, step, draw)
        beside = "  # beside" if "\n" not in tail and draw(st.booleans()) else ""
        lines.append(" " * step + head + tail + beside)
    return "\n" + "\n".join(lines)


def _scalar(value, draw):
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or value in {"NO", "012", "10:30", "2026-11-22", "~"}:
        return str(value)
    if value.isalnum() and value.isascii() and draw(st.booleans()):
        return value
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\\n\t\u2028' else c for c in value) + '"'


def _flow(value, draw):
    if isinstance(value, dict) and value:
        return "{" + ", ".join(f"{key}: {_flow(inner, draw)}" for key, inner in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(_flow(inner, draw) for inner in value) + "]"
    return _scalar(value, draw)


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), PLAINS, min_size=1, max_size=5), min_size=1, max_size=3), st.data())
@settings(max_examples=200, deadline=None)
def test_any_strict_yaml_keeps_its_content_and_its_comments_and_is_laid_out_once(bodies, data):
    text = "\n---\n".join(_written(body, -1, data.draw).lstrip("\n") if body else "" for body in bodies) + "\n"
    try:
        nodes = parse_documents(text, "x.yaml")
    except PolicyError:
        return
    laid_out = canonical(text, "x.yaml")
    assert [plain(node) for node in parse_documents(laid_out, "x.yaml")] == [plain(node) for node in nodes]
    assert laid_out.count("# ") == text.count("# ")
    assert canonical(laid_out, "x.yaml") == laid_out


@given(st.permutations(ORDINARY.splitlines()[:5]), st.sampled_from(["", "\n", "# remark\n"]))
def test_the_digest_is_unchanged(lines, between):
    text = between.join(f"{line}\n" for line in [*lines, "\n".join(ORDINARY.splitlines()[5:])])
    laid_out = format_policies(text, "x.yaml")
    assert parse_text(laid_out, "x.yaml").digest == parse_text(text, "x.yaml").digest == parse_text(ORDINARY, "x.yaml").digest
