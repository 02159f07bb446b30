# @summary Says hello
def handler(event, params):
    name = event["query"].get("name", "world")
    return {
        "message": f"Hello, {name}",
        "query": event["query"],
        "params": params,
        "version": event["version"],
    }
