# @summary Greets in the language of the browser: /greet?name=Ada
GREETINGS = {"de": "Guten Tag", "es": "Buenos días", "fr": "Bonjour"}


def handler(event):
    language = event["headers"].get("accept-language", "en")[:2]
    name = event["query"].get("name", "you")
    print("greeting", name, "in", language)  # a line in the log, with the id of this request
    return f"{GREETINGS.get(language, 'Hello')}, {name}"
