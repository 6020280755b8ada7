"""A console in a real browser: what it serves, what the page did, and what axe finds. It knows neither console and holds no test.

axe comes in before the page's own scripts run, by the debugging protocol, so the page's security policy stays as it is.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
MANIFEST = ROOT / "chassis" / "assets" / "static" / "manifest.json"
CHROMIUM = os.environ.get("DOMICILE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_REPORT = (
    "document.addEventListener('securitypolicyviolation', e => window.reportOfPolicy(`${e.effectiveDirective} ${e.blockedURI}`));"
)
_STARTS_WITHIN = 15.0


def missing() -> str:
    """What a browser test needs and is not here, in words; empty when all is here."""
    lacking = [
        what
        for there, what in (
            (bool(CHROMIUM), "chromium is not installed (Debian: `apt install chromium`)"),
            (AXE.is_file(), f"{AXE.relative_to(ROOT)} is missing (`make test` installs it)"),
            (MANIFEST.is_file(), f"{MANIFEST.relative_to(ROOT)} is missing (`make install` builds the bundles)"),
        )
        if not there
    ]
    return "; ".join(lacking)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of `app` on a free port of the loopback, until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, name="console", daemon=True)
    thread.start()
    ends = monotonic() + _STARTS_WITHIN
    while not server.started:
        assert thread.is_alive(), "the console did not start"
        assert monotonic() < ends, "the console did not start in time"
        sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@dataclass(kw_only=True)
class Visit:
    """One browser profile at one console, and everything it did that it should not have."""

    base: str
    context: BrowserContext
    page: Page
    lang: str = "en"
    policy_reports: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)

    def sign_in(self, username: str, password: str) -> None:
        """Sign in by the form."""
        self.go("/sign-in")
        self.page.fill("#username", username)
        self.page.fill("#password", password)
        self.page.click("form[action='/sign-in'] button[type=submit]")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def go(self, path: str) -> None:
        """Open a page in the visit's language and wait until its scripts have run."""
        separator = "&" if "?" in path else "?"
        answer = self.page.goto(f"{self.base}{path}{separator}lang={self.lang}", wait_until="load")
        assert answer is not None
        assert answer.status < 500, f"{path} answered {answer.status}"
        self.settled()

    def settled(self) -> None:
        """Wait until nothing is loading."""
        self.page.wait_for_load_state("networkidle")

    def axe(self) -> list[str]:
        """What axe finds on the page as it is now: rule, target, help."""
        found: dict[str, Any] = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']} at {node['target']}: {violation['help']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def scrolls_sideways(self) -> bool:
        """Whether the page itself, not a box in it, is wider than the window."""
        return bool(self.page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def require_clean(self) -> None:
        """Nothing for axe, no report of the security policy, no foreign request, no error in the browser's console."""
        assert not self.axe()
        self.require_quiet()
        assert not self.scrolls_sideways()

    def require_quiet(self) -> None:
        """The same without axe, which needs JavaScript."""
        assert not self.policy_reports
        assert not self.foreign_requests
        assert not self.console_errors

    def require_quiet_but_for_refusals(self) -> None:
        """The same after forms that were refused: the browser tells the status of such a page as an error."""
        refused = "the server responded with a status of 4"
        self.console_errors[:] = [text for text in self.console_errors if refused not in text]
        self.require_quiet()


@contextmanager
def visiting(browser: Browser, base: str, *, lang: str = "en", javascript: bool = True, **options: Any) -> Iterator[Visit]:
    """A fresh profile at `base`. `options` go to Playwright: viewport, color_scheme, ..."""
    context = browser.new_context(java_script_enabled=javascript, reduced_motion="reduce", **options)
    page = context.new_page()
    visit = Visit(base=base, context=context, page=page, lang=lang)

    def watch(request: Any) -> None:
        if not request.url.startswith((f"{base}/", "data:", "blob:")):
            visit.foreign_requests.append(request.url)

    def hear(message: Any) -> None:
        if message.type == "error":
            visit.console_errors.append(message.text)

    context.on("request", watch)
    page.on("console", hear)
    page.on("pageerror", lambda error: visit.console_errors.append(str(error)))
    if javascript:
        context.expose_function("reportOfPolicy", partial(list.append, visit.policy_reports))
        context.add_init_script(_REPORT)
        context.add_init_script(AXE.read_text(encoding="utf-8"))
    try:
        yield visit
    finally:
        context.close()
