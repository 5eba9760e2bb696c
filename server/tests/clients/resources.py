"""Keeps applications, numbers and recordings with a published client library, as a customer's program does.

Usage: resources.py twilio|signalwire STEP < arguments as JSON > result as JSON
Steps: applications, numbers, account, record, recordings (list and delete).
"""

import json
import sys

from calls import client


def applications(library, a):
    c = client(library, a)
    made = c.applications.create(friendly_name="Menu", voice_url=a["url"], voice_method="GET")
    changed = c.applications(made.sid).update(status_callback=a["url"])
    others = [c.applications.create(friendly_name="Other %d" % n).sid for n in range(4)]
    # In pages of two: the library follows the links.
    listed = [app.sid for app in c.applications.list(page_size=2)]
    named = [app.sid for app in c.applications.list(friendly_name="Menu")]
    deleted = [bool(c.applications(sid).delete()) for sid in others]
    return {
        "sid": made.sid,
        "voice_method": made.voice_method,
        "status_callback": changed.status_callback,
        "created": made.date_created.isoformat(),
        "listed": len(listed),
        "distinct": len(set(listed)),
        "named": named,
        "deleted": deleted,
        "left": [app.sid for app in c.applications.list()],
    }


def numbers(library, a):
    c = client(library, a)
    made = c.incoming_phone_numbers.create(phone_number=a["number"], friendly_name="Front desk", voice_url=a["url"])
    changed = c.incoming_phone_numbers(made.sid).update(voice_application_sid=a["application"])
    found = [n.sid for n in c.incoming_phone_numbers.list(phone_number=a["number"])]
    fetched = c.incoming_phone_numbers(made.sid).fetch()
    return {
        "sid": made.sid,
        "number": made.phone_number,
        "name": fetched.friendly_name,
        "voice_url": fetched.voice_url,
        "application": changed.voice_application_sid,
        "voice": made.capabilities["voice"],
        "found": found,
    }


def account(library, a):
    c = client(library, a)
    # The library of the one provider keeps the account's methods where the other's has them.
    fetched = c.api.accounts(a["project"]).fetch()
    return {"sid": fetched.sid, "status": fetched.status, "listed": [x.sid for x in c.api.accounts.list()]}


def record(library, a):
    call = client(library, a).calls(a["sid"])
    made = call.recordings.create(
        recording_channels="dual", recording_status_callback=a["url"], recording_status_callback_event=["completed"]
    )
    paused = call.recordings(made.sid).update(status="paused", pause_behavior="skip")
    resumed = call.recordings("Twilio.CURRENT").update(status="in-progress")
    listed = [r.sid for r in call.recordings.list()]
    return {
        "sid": made.sid,
        "source": made.source,
        "statuses": [made.status, paused.status, resumed.status],
        "same": resumed.sid == made.sid,
        "listed": listed,
    }


def recordings(library, a):
    c = client(library, a)
    found = c.recordings.list(call_sid=a["sid"])
    fetched = c.recordings(found[0].sid).fetch()
    deleted = [bool(c.recordings(r.sid).delete()) for r in found]
    return {
        "found": [r.sid for r in found],
        "status": fetched.status,
        "duration": int(fetched.duration),
        "channels": int(fetched.channels),
        "deleted": deleted,
        "left": [r.sid for r in c.recordings.list(call_sid=a["sid"])],
    }


if __name__ == "__main__":
    steps = {
        "applications": applications,
        "numbers": numbers,
        "account": account,
        "record": record,
        "recordings": recordings,
    }
    json.dump(steps[sys.argv[2]](sys.argv[1], json.load(sys.stdin)), sys.stdout)
