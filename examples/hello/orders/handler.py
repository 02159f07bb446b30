from six.moves.urllib.parse import urlencode

ORDERS = [1, 2, 3, 4, 5]
PAGE_SIZE = 3


def handler(event):
    page = event["query"].get("page", "1")
    if not page.isdecimal() or int(page) < 1:
        return {"status": 400, "body": {"error": "page must be a number from 1"}}
    end = int(page) * PAGE_SIZE
    has_more = end < len(ORDERS)
    following = "/orders?" + urlencode({"page": int(page) + 1}) if has_more else None
    return {"orders": ORDERS[end - PAGE_SIZE : end], "next": following}
