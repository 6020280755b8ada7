"""However many sign in at once, the rest of the house goes on: few are verified at a time, few wait, the others are sent away."""

import asyncio
import threading
import time

import httpx
import pytest

from chassis.web import turnstile
from chassis.web.accounts import Accounts
from chassis.web.sessions import csrf_token
from chassis.web.turnstile import AT_ONCE, BURST, WAITING, Turnstile, network_of
from policies.engine.errors import Code, DomicileError
from tests.unit.chassis.ordinary import PASSWORD


async def crowd(door: Turnstile, size: int, *, addresses: bool = True) -> tuple[list, int]:
    """So many at once, each from its own address or all from one; what each got, and how many were verified together at most."""
    opened, together, most, lock = threading.Event(), 0, 0, threading.Lock()

    def verify() -> str:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        opened.wait(5)
        with lock:
            together -= 1
        return "in"

    tasks = [
        asyncio.create_task(door.through(verify, address=f"10.0.{n // 250}.{n % 250}" if addresses else "10.0.0.1", at=0))
        for n in range(size)
    ]
    await asyncio.sleep(0.05)
    opened.set()
    return await asyncio.gather(*tasks, return_exceptions=True), most


def codes(results: list) -> list:
    return [result.code for result in results if isinstance(result, DomicileError)]


def test_a_crowd_is_let_in_two_by_two_and_who_finds_the_queue_full_is_sent_away():
    results, most = asyncio.run(crowd(Turnstile(), 100))
    assert most == AT_ONCE
    assert results.count("in") == AT_ONCE + WAITING
    assert codes(results) == [Code.RATE_LIMITED] * (100 - AT_ONCE - WAITING)


def test_a_turnstile_without_its_bound_would_be_noticed(monkeypatch):
    monkeypatch.setattr(turnstile, "WAITING", 1000)
    results, _ = asyncio.run(crowd(Turnstile(), 100))
    assert codes(results) == []


def refused(_: object = None) -> None:
    raise DomicileError("no", code=Code.SIGN_IN_REFUSED)


def tries(door: Turnstile, count: int, *, address: str = "10.0.0.1", at: int = 0, verify=refused) -> list:
    async def one_by_one() -> list:
        found = []
        for _ in range(count):
            try:
                found.append(await door.through(verify, address=address, at=at))
            except DomicileError as error:
                found.append(error.code)
        return found

    return asyncio.run(one_by_one())


def test_one_address_is_slowed_down_and_another_is_not():
    door = Turnstile()
    assert tries(door, BURST + 5) == [Code.SIGN_IN_REFUSED] * BURST + [Code.RATE_LIMITED] * 5
    assert tries(door, 1, address="10.0.0.2") == [Code.SIGN_IN_REFUSED]
    assert tries(door, 3, at=2) == [Code.SIGN_IN_REFUSED] * 2 + [Code.RATE_LIMITED]


def test_who_signs_in_rightly_is_not_slowed_down():
    assert set(tries(Turnstile(), 5 * BURST, verify=lambda: "in")) == {"in"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network


def test_the_memory_of_addresses_is_bounded(monkeypatch):
    monkeypatch.setattr(turnstile, "MOST_ADDRESSES", 10)
    door = Turnstile()
    for number in range(50):
        tries(door, 1, address=f"10.0.1.{number}")
    assert len(door._spent) == 10


async def storm(app, token: str, size: int) -> tuple[list[int], list[int]]:
    """Sign-ins under many names at once, and meanwhile requests of a program."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node.test", timeout=60) as client:
        form = {"username": "nobody", "password": "x" * 12, "csrf": csrf_token("a")}
        cookie = {"cookie": "domicile-eu-de-form=a", "accept": "text/html"}

        async def sign_in(number: int) -> int:
            return (await client.post("/sign-in", data={**form, "username": f"u{number}"}, headers=cookie)).status_code

        tasks = [asyncio.create_task(sign_in(number)) for number in range(size)]
        await asyncio.sleep(0.1)
        reads = [(await client.get("/api/who", headers={"authorization": f"Bearer {token}"})).status_code for _ in range(5)]
        waiting = [task for task in tasks if not task.done()]
        assert waiting, "the program was answered only after the sign-ins, so this proves nothing"
        return reads, list(await asyncio.gather(*tasks))


def test_a_program_is_answered_while_a_hundred_sign_ins_come_at_once(house, monkeypatch):
    def slow(self, username, password):
        time.sleep(0.3)
        return refused()

    monkeypatch.setattr(Accounts, "verify", slow)
    monkeypatch.setattr(turnstile, "BURST", 1000)
    house.change(name="eu-de")
    token = house.tokens.issue("program", ["sales"], lasts=house.clock.at - house.clock.at.replace(hour=8))[1]
    reads, answers = asyncio.run(storm(house.app, token, 100))
    assert reads == [200] * 5
    assert answers.count(429) == 100 - AT_ONCE - WAITING
    assert PASSWORD not in str(answers)
