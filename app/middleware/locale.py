"""Finds the language that a person reads the pages in, and remembers the one they chose.

Knows nothing about what the pages say: that there are words in a language is enough.
"""

from __future__ import annotations

from flask import Flask, Response, g, request

from app.translations import TRANSLATIONS

#: The first is for those who asked for none of them.
LANGUAGES = tuple(TRANSLATIONS)
COOKIE = "westlake_language"
_YEAR_S = 365 * 24 * 3600


def select_language(app: Flask) -> None:
    """Hook `g.language`, and `g.chosen_language` for what the address asks for, into `app`.

    The address comes before the cookie, and that before what the browser says of itself.
    """

    @app.before_request
    def choose() -> None:
        asked, kept = request.args.get("lang"), request.cookies.get(COOKIE)
        g.chosen_language = asked if asked in LANGUAGES else None
        remembered = kept if kept in LANGUAGES else None
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
