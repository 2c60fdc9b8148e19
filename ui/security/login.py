"""The login page and its responses."""

from __future__ import annotations

import math
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ui.security.accounts import SESSION_S, Accounts, Throttle

COOKIE = "drivesim_session"
MAX_BODY = 4096
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>drivesim: log in</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0; }}
form {{ display: grid; gap: 12px; width: min(300px, 90vw); }}
h1 {{ font-size: 18px; margin: 0; }}
label {{ display: grid; gap: 3px; }}
input, button {{ font: inherit; padding: 7px 9px; }}
p {{ margin: 0; color: #c0392b; min-height: 1.5em; }}
</style></head><body>
<form method="post" action="/login">
<h1>drivesim</h1>
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p role="alert">{message}</p>
<button>Log in</button>
</form></body></html>
"""


def login_page(message: str = "", status: int = 200) -> Response:
    """Returns the login form with a message."""
    return HTMLResponse(_PAGE.format(message=message), status_code=status)


async def log_in(request: Request, body: bytes, accounts: Accounts, throttle: Throttle) -> Response:
    """Returns the response to a submitted form: a session, the form again, or 429 after too many failed attempts."""
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    name, password = (fields.get(key, [""])[0][:256] for key in ("name", "password"))
    keys = (f"address {request.client.host if request.client else ''}", f"name {name}")
    wait = throttle.wait_s(*keys)
    if wait > 0:
        answer = login_page(f"Too many attempts. Try again in {math.ceil(wait)} s.", 429)
        answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer
    token = accounts.log_in(name, password)
    if token is None:
        throttle.failed(*keys)
        return login_page("The name or the password is wrong.", 401)
    throttle.succeeded(*keys)
    answer = RedirectResponse("/", status_code=303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=secure)
    return answer
