# @summary Wants a session cookie: curl -b session_id=abc …/session-python
import json
from http.cookies import CookieError, SimpleCookie


def handler(event):
    try:
        session = SimpleCookie(event["headers"].get("cookie", "")).get("session_id")
    except CookieError:
        session = None
    if session is None or not session.value:
        return answer(401, {"error": "missing session"})
    return answer(200, {"ok": True})


def answer(status, body):
    return {"status": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
