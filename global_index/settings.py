"""The index's settings, one sentence each. Reading them opens nothing."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from chassis.settings import Settings
from policies.engine.errors import Code, DomicileError

Address = Annotated[str, Field(pattern=r"^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")]
"""`host:port`; port 0 takes a free one."""


class IndexSettings(Settings):
    """What an operator may decide about the index."""

    reserved_variables: ClassVar[frozenset[str]] = Settings.reserved_variables

    federation: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="The federation's name, a DNS label.")
    organisation: str = Field(
        min_length=1, max_length=64, description="The organisation that runs this index and receives entries."
    )
    jurisdiction: str = Field(
        pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$", description="The jurisdiction whose law binds this index, such as EU."
    )
    state: str = Field(
        default="", pattern=r"^([A-Z]{2})?$", description="The state or member state this index stands in, such as IE."
    )
    database_url: str = Field(default="", description="Where the store is; when empty, the file index.db in the home folder.")
    http_address: Address = Field(default="127.0.0.1:8400", description="Address that the console and the HTTP API listen on.")
    grpc_address: Address = Field(default="127.0.0.1:8410", description="Address that the service for regions listens on.")
    announced_address: str = Field(default="", description="Address under which regions reach that service, if it differs.")
    https: bool = Field(default=False, description="Whether browsers reach the console over HTTPS, behind a proxy too.")
    question_seconds: float = Field(default=10.0, gt=0, le=300, description="How many seconds a question may take in all.")
    entries_seconds: float = Field(default=30.0, ge=1, le=86_400, description="How many seconds lie between two pulls of entries.")
    policies_folder: str = Field(default="", description="The folder of policies used for advice; when empty, those shipped.")
    importers: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Other organisations that analysts act for: id to jurisdiction and state, used for advice.",
    )


def load(home: Path, environ: dict[str, str]) -> IndexSettings:
    """The settings of a home. Raises SETTINGS_INVALID when there is no index in it."""
    if not (home / "settings.toml").exists():
        raise DomicileError(
            "there is no index in this folder",
            where=str(home),
            remedy="run `global-index init`, or give --home",
            code=Code.SETTINGS_INVALID,
        )
    return IndexSettings.load(home, environ)
