"""A transfer policy as data: conditions, effect, forms, obligations, dates and where each stands. Nothing here decides."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

import rfc8785

from policies.engine.decision import RuleRef
from policies.engine.diagnostics import Diagnostic
from policies.engine.registry import Registry
from policies.engine.request import Fact
from policies.engine.strict_yaml import Plain
from policies.engine.terms import Every, NoneOf, Some, Test
from policies.engine.vocabulary import Effect, Form, Kind

FOREVER = date.max


class Certainty(StrEnum):
    """How settled the law behind a policy is. Grammar: one adjective."""

    FIRM = "firm"
    LIKELY = "likely"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """An obligation that a policy imposes, with its arguments."""

    name: str
    arguments: Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Who must look at the policy again, and by when."""

    by: str
    last: date
    again_before: date
    watch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy. `start` is inclusive, `end` exclusive; `kinds` is what it speaks of; `categories` maps a category to its form."""

    ref: RuleRef
    title: str
    effect: Effect
    kinds: tuple[Kind, ...]
    start: date
    end: date
    when: Every
    categories: Mapping[str, Form]
    duties: tuple[Duty, ...]
    reasons: tuple[str, ...]
    try_instead: tuple[str, ...]
    review: Review | None
    certainty: Certainty

    @property
    def name(self) -> str:
        """The policy's own name, unique in a bundle."""
        return self.ref.policy

    @property
    def law(self) -> str:
        """The jurisdiction whose law it expresses."""
        return self.ref.law


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Parsed policies with the registry they were read against; `content` is what the digest covers.

    `warnings` keep no file from loading.
    """

    policies: tuple[Policy, ...]
    registry: Registry
    content: tuple[Plain, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all policies and the registry as RFC 8785 JSON: independent of layout, comments and file order."""
        bodies = sorted(rfc8785.dumps(body) for body in self.content)
        parts = [hashlib.sha256(body).hexdigest() for body in bodies]
        return hashlib.sha256(rfc8785.dumps({"policies": parts, "registry": self.registry.digest})).hexdigest()


Condition: TypeAlias = Test | Every | Some | NoneOf
