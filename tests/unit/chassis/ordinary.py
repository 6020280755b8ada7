"""One ordinary web application, for the tests of the shell to change one thing of. It holds no test."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine
from starlette.responses import Response

from chassis.web.access import public, require, signed_in
from chassis.web.accounts import Accounts
from chassis.web.app import Shell, create_app
from chassis.web.sessions import Caller, Sessions, Tokens
from chassis.web.tables import SignInTables
from policies.engine.errors import DomicileError

PASSWORD = "a long enough password"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Role(StrEnum):
    SALES = "sales"
    OPERATOR = "operator"


@dataclass
class Clock:
    at: datetime = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Randomness:
    """Predictable bytes, never the same twice."""

    drawn: int = 0

    def __call__(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")


@dataclass(kw_only=True)
class House:
    engine: Engine
    tables: SignInTables
    clock: Clock
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    shell: Shell
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(
            self.shell, routers=[ordinary_routes()], metrics_access=require(Role.OPERATOR), contract_access=public("it")
        )

    def change(self, **parts: Any) -> "House":
        self.shell = replace(self.shell, **parts)
        self.__post_init__()
        return self

    def client(self, **options: Any) -> TestClient:
        base = "https://node.test" if self.shell.https else "http://node.test"
        return TestClient(self.app, base_url=base, follow_redirects=False, **options)

    def sign_in(self, client: TestClient, username: str = "ada", password: str = PASSWORD, **fields: str) -> Any:
        page = client.get("/sign-in", headers={"accept": "text/html"})
        return client.post(
            "/sign-in",
            data={"username": username, "password": password, "csrf": form_token(page.text), **fields},
            headers={"accept": "text/html"},
        )


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    age: int


def form_token(html: str) -> str:
    return html.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def ordinary_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/", dependencies=[signed_in()])
    async def home(request: Request) -> Response:
        shell: Shell = request.app.state.shell
        return shell.pages.render(request, "base.html")

    @router.get("/api/who")
    async def who(caller: Annotated[Caller, require(Role.SALES)]) -> dict[str, str]:
        return {"id": caller.caller_id, "importer": caller.importer, "means": caller.means}

    @router.post("/people")
    async def write(caller: Annotated[Caller, require(Role.SALES)], name: Annotated[str, Form()] = "") -> dict[str, int]:
        return {"letters": len(name)}

    @router.post("/api/people", dependencies=[public("a test")])
    async def create(person: Person) -> dict[str, int]:
        return {"age": person.age}

    @router.get("/operate", dependencies=[require(Role.OPERATOR)])
    async def operate() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/fails/{name}", dependencies=[public("a test")])
    async def fails(name: str) -> None:
        raise RuntimeError(f"cannot greet {name}")  # noqa: EM102 - the message is the bait

    @router.get("/refuses/{name}", dependencies=[public("a test")])
    async def refuses(name: str) -> None:
        raise DomicileError(what=f"`{name}` cannot be greeted", remedy="greet somebody else", where="greeting")

    return router
