"""Selects the pages' language: ?lang=, then the cookie, then Accept-Language."""

from __future__ import annotations

from flask import Flask, Response, request

from app.translations import TRANSLATIONS

#: The first is the default.
LANGUAGES = tuple(TRANSLATIONS)
COOKIE = "westlake_language"
_YEAR_S = 365 * 24 * 3600


def chosen_language() -> str | None:
    """The language of the current request's ?lang=, if it has one of ours."""
    argument = request.args.get("lang")
    return argument if argument in LANGUAGES else None


def page_language() -> str:
    """The language of the page that answers the current request."""
    cookie = request.cookies.get(COOKIE)
    remembered = cookie if cookie in LANGUAGES else None
    return (
        chosen_language()
        or remembered
        or request.accept_languages.best_match(LANGUAGES, LANGUAGES[0])
    )


def remember_language(app: Flask) -> None:
    """Store the language of ?lang= in a cookie, whenever `app` answers with a page."""

    @app.after_request
    def remember(response: Response) -> Response:
        if response.mimetype != "text/html":
            return response
        chosen = chosen_language()
        response.vary.update(("Accept-Language", "Cookie"))
        if chosen and request.cookies.get(COOKIE) != chosen:
            path = f"{request.script_root}/"
            response.set_cookie(
                COOKIE,
                chosen,
                max_age=_YEAR_S,
                path=path,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure,
            )
        return response
