-- As `recordings`: `record` holds the whole, the columns beside it are for searching.
CREATE TABLE transcriptions (
    sid           TEXT PRIMARY KEY,
    recording_sid TEXT NOT NULL,
    created       INTEGER NOT NULL,
    record        TEXT NOT NULL
) STRICT;

CREATE INDEX transcriptions_by_age ON transcriptions (created DESC, sid DESC);
CREATE INDEX transcriptions_by_recording ON transcriptions (recording_sid);
