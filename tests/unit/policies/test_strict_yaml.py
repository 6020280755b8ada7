"""The loader guesses nothing and says where."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import policies as shipped
from policies.engine import strict_yaml
from policies.engine.checker import check_text
from policies.engine.diagnostics import PolicyError
from policies.engine.strict_yaml import MAX_BYTES, MAX_DEPTH, parse_documents, plain


def value(text):
    (node,) = parse_documents(text, "x.yaml")
    return plain(node)


@pytest.mark.parametrize(
    "word", ["NO", "ON", "yes", "off", "True", "FALSE", "012", "10:30", "0x1F", "1_000", "2026-11-22", "0.5", "1e3", ".inf"]
)
def test_yaml_1_1_traps_stay_text(word):
    assert value(f"a: {word}") == {"a": word}


def test_only_true_false_null_and_plain_integers_have_a_type():
    assert value('[true, false, null, ~, 10, -3, 0, "true", "10"]') == [True, False, None, None, 10, -3, 0, "true", "10"]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key `a`"),
        ("a: &x 1\n", 1, 4, "anchor `&x`"),
        ("a: *x\n", 1, 4, "alias `*x`"),
        ("a: !!str 1\n", 1, 4, "tag"),
        ("<<: {a: 1}\n", 1, 1, "merge key"),
        ("a:\n\t- 1\n", 2, 1, "a tab"),
        ("a: [1, 2\n", 2, 1, "YAML syntax"),
        ("a: b: c\n", 1, 5, "YAML syntax"),
        ("? [a]\n: 1\n", 1, 3, "a key that is not text"),
        ("a: \x07\n", 1, 4, "a character that YAML does not allow"),
    ],
)
def test_a_trap_is_one_error_at_its_place_with_a_remedy(text, line, column, says):
    with pytest.raises(PolicyError) as caught:
        parse_documents(text, "x.yaml")
    finding = caught.value.diagnostics[0]
    assert says in finding.message
    assert (finding.line, finding.column) == (line, column)
    assert finding.remedy
    assert str(caught.value).startswith(f"x.yaml:{line}:{column}: ")


def test_an_alias_bomb_is_refused_at_its_first_anchor():
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(PolicyError, match="anchor"):
        parse_documents(bomb, "x.yaml")


def test_size_and_depth_are_limited():
    with pytest.raises(PolicyError, match="larger"):
        parse_documents("a" * (MAX_BYTES + 1), "x.yaml")
    with pytest.raises(PolicyError, match="nested deeper"):
        parse_documents("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "x.yaml")
    with pytest.raises(PolicyError):
        parse_documents("[" * 20_000, "x.yaml")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF), max_size=120))
def test_any_text_loads_or_is_refused_with_a_place(text):
    for finding in check_text(text, "x.yaml"):
        assert finding.line >= 1
        assert finding.column >= 1


_SCRAPS = [
    "policy: ",
    "law: EU",
    "when:",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "\n",
    "  ",
    "- ",
    "---\n",
    "effect: permit",
    "importer.region",
    "a",
    "&a ",
    "*a",
    "!x ",
    "'",
    '"',
    "in",
    "1",
    "~",
    "|",
    ">",
    "#",
    "kind",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_SCRAPS), max_size=40).map("".join))
def test_any_heap_of_policy_scraps_loads_or_is_refused(text):
    check_text(text, "x.yaml")


SHIPPED_TEXTS = sorted(Path(shipped.__file__).parent.rglob("*.yaml"))
PIECES = st.sampled_from(
    [
        "a",
        "b",
        ": ",
        ":",
        "\n",
        "  ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        '"',
        "'",
        "NO",
        "012",
        "#",
        " # c",
        "|\n  t\n",
        "true",
        "---\n",
        "ü",
    ]
)


@pytest.mark.parametrize("path", SHIPPED_TEXTS, ids=lambda path: path.name)
def test_both_parsers_read_a_shipped_file_alike_places_and_all(path):
    text = path.read_text(encoding="utf-8")
    assert strict_yaml._quickly(text, path.name) == strict_yaml._exactly(text, path.name, strict_yaml.Place(path.name, 1, 1))


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=300, deadline=None)
def test_what_the_quick_parser_accepts_the_exact_one_reads_alike(text):
    quick = strict_yaml._quickly(text, "x.yaml")
    if quick is not None:
        try:
            exact = strict_yaml._exactly(text, "x.yaml", strict_yaml.Place("x.yaml", 1, 1))
        except PolicyError:
            return  # the one in C knows a few more writings of the same YAML; it never reads one differently
        assert [plain(node) for node in quick] == [plain(node) for node in exact]
