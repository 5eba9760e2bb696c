-- As `recordings`: `record` holds the whole, the columns beside it are for searching.
CREATE TABLE conferences (
    sid      TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    status   TEXT NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    record   TEXT NOT NULL
) STRICT;

CREATE INDEX conferences_by_age ON conferences (created DESC, sid DESC);
CREATE INDEX conferences_open ON conferences (sid) WHERE status <> 'completed';
