"""What the HTTP API takes. A value that does not fit is refused without being repeated."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from global_index.queries.text import LONGEST


class Body(BaseModel):
    """The base of what is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QuestionBody(Body):
    """A question in SQL, for a purpose. `as_user` is for the operator at the machine."""

    # longer than a question may be, so that a long one is refused at its place and with its remedy
    sql: str = Field(max_length=50 * LONGEST, description="One SELECT over the published catalogue.")
    purpose: str = Field(max_length=80, description="Why it is asked, such as analytics.reporting.")
    as_user: str | None = Field(default=None, max_length=120, description="The analyst in whose name the local operator asks.")


class PersonBody(Body):
    """A record-level request."""

    pseudonym: str = Field(max_length=40, description="32 hexadecimal digits.")
    region: str = Field(max_length=63, description="The region that holds the person.")
    fields: Annotated[list[str], Field(max_length=64)] = Field(description="The names of the fields.")
    purpose: str = Field(max_length=80, description="Why they are asked for.")
    as_user: str | None = Field(default=None, max_length=120, description="The analyst in whose name the local operator asks.")


class InviteBody(Body):
    """A region to invite."""

    region: str = Field(max_length=63, description="Its name, a DNS label.")
    jurisdiction: str = Field(max_length=8, description="Whose law binds it, such as EU, BR or US-CA.")
    hours: float = Field(default=24.0, gt=0, le=168, description="How long the invite may be used.")
