ALTER TABLE project ADD COLUMN dialect TEXT NOT NULL DEFAULT 'signalwire';
ALTER TABLE project ADD COLUMN media_protected INTEGER NOT NULL DEFAULT 0;
-- In milliseconds since 1970. When a project from before was made is not known any more.
ALTER TABLE project ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
UPDATE project SET created = 1000 * unixepoch();

CREATE TABLE applications (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    fields   TEXT NOT NULL
) STRICT;

-- How often a bin was asked for is counted beside it, and changes no revision.
CREATE TABLE laml_bins (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    revision      INTEGER NOT NULL,
    requests      INTEGER NOT NULL DEFAULT 0,
    last_accessed INTEGER,
    fields        TEXT NOT NULL
) STRICT;

CREATE TABLE phone_numbers (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    number   TEXT NOT NULL UNIQUE,
    fields   TEXT NOT NULL
) STRICT;

-- As `calls`: `record` holds the whole, the columns beside it are for searching.
CREATE TABLE recordings (
    sid            TEXT PRIMARY KEY,
    call_sid       TEXT,
    conference_sid TEXT,
    is_final       INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    deleted        INTEGER NOT NULL DEFAULT 0,
    record         TEXT NOT NULL
) STRICT;

CREATE INDEX recordings_by_age ON recordings (created DESC, sid DESC) WHERE deleted = 0;
CREATE INDEX recordings_by_call ON recordings (call_sid) WHERE call_sid IS NOT NULL;
CREATE INDEX recordings_by_conference ON recordings (conference_sid) WHERE conference_sid IS NOT NULL;
CREATE INDEX recordings_unfinished ON recordings (sid) WHERE is_final = 0;
