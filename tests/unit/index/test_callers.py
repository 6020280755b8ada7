"""Who asks, and for what: the purpose under which the index keeps keys is nobody's to ask with."""

import pytest

from global_index.requests.callers import purpose_of
from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import Purpose


def test_a_purpose_of_the_vocabulary_is_taken():
    assert purpose_of("sales") is Purpose.SALES


@pytest.mark.parametrize("text", ["functional.federation_index", "sale", ""])
def test_any_other_is_refused_with_those_that_may_be_asked_with(text):
    with pytest.raises(DomicileError) as refused:
        purpose_of(text)
    assert refused.value.code is Code.INPUT_UNKNOWN
    assert "`analytics.reporting`" in refused.value.remedy or "`sales`" in refused.value.remedy
    assert "federation_index" not in refused.value.remedy
