"""Coming in and going out, and what every page shares: session, language, the forms' token, the frame."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.console.rendering import Wording, choose_language, environment
from bridge.console.security import WINDOW, LoginLimit
from bridge.console.session import COOKIE, DEFAULT_NAME, LIFETIME, Session, Sessions, operator_name

CURSOR = re.compile(r"[0-9]{1,16} \S.*")
LANGUAGE_COOKIE = "bridge_lang"
FORM_BYTES = 64 * 1024
YEAR = timedelta(days=365)
LONGEST_PARAMETER = 300


class PageRefused(Exception):
    """A page that cannot be shown. `text`: the key of what is said to the operator."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Visit:
    """One request, its session and its language."""

    def __init__(self, login_pages: LoginPages, request: Request) -> None:
        cookie = request.cookies.get(COOKIE, "")
        known = login_pages.sessions.open(cookie) if cookie else login_pages.bearer(request)
        self.login_pages = login_pages
        self.request = request
        self.fresh = known is None
        self.session: Session = known or login_pages.sessions.begin("")
        lang = choose_language(
            self.asked("lang"),
            request.cookies.get(LANGUAGE_COOKIE, ""),
            request.headers.get("accept-language", ""),
            login_pages.language,
        )
        self.wording = Wording(lang, login_pages.sessions.now())

    @property
    def client(self) -> str:
        """Who is counted; behind a trusted proxy uvicorn has put the client's own address here."""
        return self.request.client.host if self.request.client else ""

    @property
    def secure(self) -> bool:
        """Whether the browser came by https, to us or to the proxy before us."""
        forwarded = self.request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
        return "https" in (self.request.url.scheme, forwarded)

    def asked(self, name: str) -> str:
        """A parameter of the address, "" where there is none."""
        return self.request.query_params.get(name, "").strip()[:LONGEST_PARAMETER]

    def cursor(self) -> str:
        """Where the list goes on; what no list of ours has said is left out."""
        given = self.request.query_params.get("cursor", "")
        return given if CURSOR.fullmatch(given) else ""

    async def form(self) -> FormData:
        """The form that was sent. Raises PageRefused when it is not one of this session's own."""
        length = self.request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > FORM_BYTES:
            raise PageRefused(413, "error.form")
        kind = self.request.headers.get("content-type", "").split(";")[0]
        if kind != "application/x-www-form-urlencoded":
            raise PageRefused(400, "error.form")
        form = await self.request.form()
        if not self.login_pages.sessions.is_csrf(self.session, field(form, "csrf")):
            raise PageRefused(403, "error.csrf")
        return form

    def here_in(self, lang: str) -> str:
        """This very page in another language."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "lang"]
        return f"{self.request.url.path}?{urlencode([*kept, ('lang', lang)])}"

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """The template as the answer."""
        templates, words = self.login_pages.templates, self.wording.words()
        text = templates.get_template(template).render(
            **words,
            parts=templates.get_template("parts.html").make_module(words),
            session=self.session,
            here_in=self.here_in,
            csrf_field=Markup('<input type="hidden" name="csrf" value="{}">').format(
                self.login_pages.sessions.csrf(self.session)
            ),
            **{"section": "", "said": None} | values,
        )
        response = Response(text, status, media_type="text/html; charset=utf-8")
        if self.fresh:
            self.keep(response, self.session)
        if self.asked("lang"):
            self._set_cookie(response, LANGUAGE_COOKIE, self.wording.lang, YEAR)
        return response

    def keep(self, response: Response, session: Session) -> None:
        """Gives the browser this session."""
        sealed = self.login_pages.sessions.seal(session)
        self._set_cookie(response, COOKIE, sealed, LIFETIME)

    def _set_cookie(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(lasts.total_seconds()),
            path="/console",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )


class LoginPages:
    """Login, logout, and the way to every other page. `language`: what the console speaks to who wishes for
    none."""

    def __init__(self, sessions: Sessions, limit: LoginLimit, language: str) -> None:
        self.sessions = sessions
        self.language = language
        self.templates: Environment = environment()
        self._limit = limit

    def bearer(self, request: Request) -> Session | None:
        """Who sends the token with a request is let in for this one; nothing is kept in a cookie."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        known = kind.lower() == "bearer" and self.sessions.knows(token.strip())
        return self.sessions.begin(DEFAULT_NAME) if known else None

    def page(self, show: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that shows its page to operators and leads everybody else to the login."""

        async def endpoint(request: Request) -> Response:
            visit = Visit(self, request)
            if visit.session.who:
                return await show(visit)
            if request.method != "GET":
                raise PageRefused(403, "error.ended")
            query = f"?{request.url.query}" if request.url.query else ""
            there = urlencode({"next": request.url.path + query})
            return RedirectResponse(f"/console/login?{there}", 303)

        return endpoint

    async def login(self, request: Request) -> Response:
        """The form, and what it sends."""
        visit = Visit(self, request)
        if request.method != "POST":
            return visit.page("login.html", next=_inside(request.query_params.get("next", "")), error="")
        form = await visit.form()
        target, text = _inside(field(form, "next")), visit.wording.text
        if not await self._limit.admit(visit.client):
            minutes = int(WINDOW.total_seconds() // 60)
            page = visit.page("login.html", 429, next=target, error=text("login.wait", minutes=minutes))
            page.headers["Retry-After"] = str(int(WINDOW.total_seconds()))
            return page
        if not self.sessions.knows(field(form, "token")):
            return visit.page("login.html", 401, next=target, error=text("login.wrong"))
        await self._limit.succeeded(visit.client)
        response = RedirectResponse(target, 303)
        visit.keep(response, self.sessions.begin(operator_name(field(form, "who"))))
        return response

    async def logout(self, request: Request) -> Response:
        """Takes the cookie back."""
        await Visit(self, request).form()
        response = RedirectResponse("/console/login", 303)
        response.delete_cookie(COOKIE, path="/console")
        return response


def field(form: FormData | Mapping[str, Any], name: str) -> str:
    """A text of the form, "" where there is none."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _inside(target: str) -> str:
    """Where to go after the login: only to the console's own pages."""
    inside = target == "/console" or target.startswith(("/console/", "/console?"))
    harmless = "\\" not in target and not any(ord(c) < 33 for c in target)
    return target if inside and harmless and not target.startswith("/console/log") else "/console"
