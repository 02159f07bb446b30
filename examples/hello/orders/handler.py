# @summary A page of orders: /orders?page=2
from six.moves.urllib.parse import urlencode

PAGE_SIZE = 2
ORDERS = [{"id": number, "total": number * 12.5} for number in range(1, 6)]


def handler(event):
    page = event["query"].get("page", "1")
    if not page.isdecimal() or int(page) < 1:
        return {"status": 400, "body": {"error": "page must be a number from 1"}}
    end = int(page) * PAGE_SIZE
    has_more = end < len(ORDERS)
    return {
        "orders": ORDERS[end - PAGE_SIZE : end],
        "next": "/orders?" + urlencode({"page": int(page) + 1}) if has_more else None,
    }
