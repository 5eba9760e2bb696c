-- Notifications that were accepted and are not delivered yet, oldest first. `request` is JSON.
CREATE TABLE status_jobs (
    id      INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    request TEXT NOT NULL
) STRICT;

-- What was asked of customers' servers, and what they answered. `entry` is JSON; the oldest go when there are too many.
CREATE TABLE webhook_log (
    seq      INTEGER PRIMARY KEY,
    call_sid TEXT,
    at       INTEGER NOT NULL,
    entry    TEXT NOT NULL
) STRICT;

CREATE INDEX webhook_log_by_call ON webhook_log (call_sid, seq);
