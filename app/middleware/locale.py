"""Selects the pages' language: ?lang=, then the cookie, then Accept-Language."""

from __future__ import annotations

from flask import Flask, Response, g, request

from app.translations import TRANSLATIONS

#: The first is the default.
LANGUAGES = tuple(TRANSLATIONS)
COOKIE = "westlake_language"
_YEAR_S = 365 * 24 * 3600


def select_language(app: Flask) -> None:
    """Set `g.language` for each request of `app`, and `g.chosen_language`, the language of
    ?lang=, which is stored in the cookie.
    """

    @app.before_request
    def choose() -> None:
        argument, cookie = request.args.get("lang"), request.cookies.get(COOKIE)
        g.chosen_language = argument if argument in LANGUAGES else None
        remembered = cookie if cookie in LANGUAGES else None
        accepted = request.accept_languages.best_match(LANGUAGES, LANGUAGES[0])
        g.language = g.chosen_language or remembered or accepted

    @app.after_request
    def remember(response: Response) -> Response:
        if response.mimetype != "text/html" or "chosen_language" not in g:
            return response
        response.vary.update(("Accept-Language", "Cookie"))
        if g.chosen_language and request.cookies.get(COOKIE) != g.chosen_language:
            path = f"{request.script_root}/"
            response.set_cookie(
                COOKIE,
                g.chosen_language,
                max_age=_YEAR_S,
                path=path,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure,
            )
        return response
