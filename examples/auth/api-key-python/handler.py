# @summary Lets in who knows the key: curl -H 'X-Api-Key: demo-key' …/api-key-python
import hmac
import json


def handler(event):
    expected = event["env"].get("API_KEY", "")
    given = event["headers"].get("x-api-key", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        return answer(401, {"error": "unauthorized"})
    return answer(200, {"ok": True})


def answer(status, body):
    return {"status": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
