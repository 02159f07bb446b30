def handler(event):
    name = event["query"].get("name", "world")
    return {"message": f"Hello, {name}, from Python"}
