"""Renders pages: the shell's templates and the tower's, in the reader's language, with everything escaped. It decides nothing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from chassis.web import languages
from chassis.web.sessions import Caller
from chassis.web.shell import STATIC_PATH

ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """A line of the navigation, shown to callers with one of `roles` (empty: everybody). `label` is translated; `icon` is
    one of the names in `icons.html`.
    """

    label: str
    path: str
    icon: str = "dot"
    roles: frozenset[str] = frozenset()


class Pages:
    """The renderer of one tower. `title` is the product's name, `place` the node's, `zone` the node's time zone."""

    def __init__(
        self,
        *,
        title: str,
        place: str,
        folders: Sequence[Path] = (),
        nav: Sequence[NavItem] = (),
        zone: tzinfo = UTC,
        https: bool = False,
    ) -> None:
        self.title = title
        self.place = place
        self._folders = tuple(folders)
        self._nav = tuple(nav)
        self._zone = zone
        self._https = https
        self._environments: dict[str, Environment] = {}

    def render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page or a fragment. Remembers the language when the address chose one."""
        lang = languages.choose(request)
        html = self._environment(lang).get_template(template).render(self._context(request, lang) | context)
        response = HTMLResponse(html, status_code=status, headers={"content-language": lang, "vary": "Accept-Language, HX-Request"})
        if request.query_params.get("lang") == lang:
            response.set_cookie(languages.COOKIE, lang, max_age=31_536_000, httponly=True, samesite="lax", secure=self._https)
        return response

    def asset(self, name: str) -> str | None:
        """The address of a bundle (`app.js`), None when bundles were not built: pages then do without."""
        made = self._manifest.get(name)
        return f"{STATIC_PATH}/{made}" if made else None

    @cached_property
    def _manifest(self) -> Mapping[str, str]:
        try:
            manifest: dict[str, str] = json.loads((ASSETS / "static" / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return manifest

    def _context(self, request: Request, lang: str) -> dict[str, Any]:
        caller: Caller | None = getattr(request.state, "caller", None)
        roles = caller.roles if caller else frozenset()
        offered = languages.languages()
        return {
            "request": request,
            "account": caller,
            "roles": roles,
            "csrf": caller.csrf if caller else "",
            "nonce": request.state.nonce,
            "lang": lang,
            "dir": languages.direction(lang),
            "languages": [(code, name, self._in_language(request, code)) for code, name in offered.items()],
            "nav": [item for item in self._nav if caller and (not item.roles or item.roles & roles)],
            "here": request.url.path,
            "title": self.title,
            "place": self.place,
            "asset": self.asset,
        }

    @staticmethod
    def _in_language(request: Request, code: str) -> str:
        kept = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        return "?" + urlencode([*kept, ("lang", code)])

    def _environment(self, lang: str) -> Environment:
        if lang not in self._environments:
            folders = [*self._folders, ASSETS / "templates"]
            environment = Environment(
                loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                extensions=["jinja2.ext.i18n"],
            )
            # Not the new style: that one marks what it returns as safe, so that `_(variable)` would let markup through.
            environment.install_gettext_translations(  # type: ignore[attr-defined]  # added by the extension
                languages.translations(lang), newstyle=False
            )
            environment.filters.update(self._filters(lang))
            self._environments[lang] = environment
        return self._environments[lang]

    def _filters(self, lang: str) -> dict[str, Callable[..., Any]]:
        return {
            "number": partial(_last, languages.number, lang),
            "money": partial(_last, languages.money, lang),
            "percent": partial(_last, languages.percent, lang),
            "date": partial(_last, languages.day, lang),
            "datetime": lambda value, style="medium": languages.moment(value, lang, self._zone, style),
            "words": lambda value: str(value.value if isinstance(value, StrEnum) else value).replace("_", " "),
        }


def _last(shown: Callable[..., str], lang: str, value: Any, *rest: Any) -> str:
    return shown(value, lang, *rest)
