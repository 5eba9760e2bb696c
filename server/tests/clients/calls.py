"""Drives the REST API with a published client library, as a customer's program does.

Usage: calls.py twilio|signalwire STEP < arguments as JSON > result as JSON
Steps: create, finish (fetch, list, complete), validate (callback signatures), refused, queues (made, changed, members sent elsewhere, deleted),
notifications (of a call and of all).
"""

import json
import sys


def client(library, a):
    if library == "twilio":
        from twilio.rest import Client

        c = Client(a["project"], a["token"])
        c.api.base_url = a["base"]
    else:
        from signalwire.rest import Client

        c = Client(a["project"], a["token"], signalwire_space_url=a["base"])
        c._api.base_url = a["base"]
    return c


def create(library, a):
    call = client(library, a).calls.create(**a["call"])
    return {"sid": call.sid, "status": call.status, "to": call.to, "direction": call.direction}


def finish(library, a):
    c = client(library, a)
    fetched = c.calls(a["sid"]).fetch()
    listed = [call.sid for call in c.calls.list(limit=20)]
    running = [call.sid for call in c.calls.list(status="in-progress", limit=20)]
    ended = c.calls(a["sid"]).update(status="completed")
    return {
        "fetched": {"sid": fetched.sid, "status": fetched.status, "to": fetched.to},
        "listed": listed,
        "running": running,
        "ended": ended.sid,
    }


def validate(library, a):
    if library == "twilio":
        from twilio.request_validator import RequestValidator
    else:
        from signalwire.request_validator import RequestValidator
    validator = RequestValidator(a["key"])
    return [bool(validator.validate(r["url"], r["params"], r["signature"])) for r in a["requests"]]


def notifications(library, a):
    """The warnings and errors of a call: its own list, errors alone, all there are, in pages of one, and the oldest itself."""
    c = client(library, a)
    api = c.api if library == "twilio" else c._api
    of_call = c.calls(a["sid"]).notifications.list()
    everything = api.v2010.account.notifications
    oldest = everything(of_call[-1].sid).fetch()
    return {
        "of_call": [{"error_code": n.error_code, "log": n.log, "text": n.message_text} for n in of_call],
        "errors": [n.error_code for n in c.calls(a["sid"]).notifications.list(log=0)],
        "all": len(everything.list()),
        "paged": len(everything.list(page_size=1)),
        "fetched": {
            "request_url": oldest.request_url,
            "request_method": oldest.request_method,
            "request_variables": oldest.request_variables,
        },
    }


def refused(library, a):
    """What a program sees of an error: its code and HTTP status."""
    from twilio.base.exceptions import TwilioRestException as Refusal

    try:
        client(library, a).calls.create(**a["call"])
    except Refusal as e:
        return {"code": e.code, "status": e.status}
    return {}


def queues(library, a):
    from twilio.base.exceptions import TwilioRestException as Refusal

    c = client(library, a)
    made = c.queues.create(friendly_name="sdk_queue", max_size=5)
    changed = c.queues(made.sid).update(max_size=6)
    waiting = next(q for q in c.queues.list(limit=20) if q.friendly_name == a["queue"])
    members = c.queues(waiting.sid).members.list(limit=20)
    try:
        c.queues(waiting.sid).delete()
        refused = None
    except Refusal as e:
        refused = {"code": e.code, "status": e.status}
    front = c.queues(waiting.sid).members("Front").update(url=a["url"], method="GET")
    return {
        "made": {"name": made.friendly_name, "size": made.current_size, "max": made.max_size},
        "changed": changed.max_size,
        "members": [{"call_sid": m.call_sid, "position": m.position} for m in members],
        "refused": refused,
        "front": front.call_sid,
        "deleted": c.queues(made.sid).delete(),
    }


if __name__ == "__main__":
    steps = [create, finish, validate, refused, queues, notifications]
    step = {each.__name__: each for each in steps}[sys.argv[2]]
    json.dump(step(sys.argv[1], json.load(sys.stdin)), sys.stdout)
