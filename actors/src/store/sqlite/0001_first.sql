CREATE TABLE project (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    id           TEXT NOT NULL,
    token_sha256 BLOB,
    signing_key  TEXT,
    realm        TEXT NOT NULL
) STRICT;

CREATE TABLE sip_profile (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    fields   TEXT NOT NULL
) STRICT;

CREATE TABLE endpoints (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    revision   INTEGER NOT NULL,
    username   TEXT NOT NULL UNIQUE COLLATE NOCASE,
    ha1_md5    TEXT NOT NULL,
    ha1_sha256 TEXT NOT NULL,
    fields     TEXT NOT NULL
) STRICT;

CREATE TABLE domain_applications (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    fields   TEXT NOT NULL
) STRICT;

CREATE TABLE carriers (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    revision        INTEGER NOT NULL,
    sealed_password TEXT,
    fields          TEXT NOT NULL
) STRICT;

CREATE TABLE bindings (
    aor        TEXT NOT NULL,
    contact    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (aor, contact)
) STRICT, WITHOUT ROWID;

CREATE INDEX bindings_by_expiry ON bindings (expires_at);

-- Times are milliseconds since 1970. `record` holds the whole call; the columns beside it are for searching.
CREATE TABLE calls (
    sid        TEXT PRIMARY KEY,
    parent_sid TEXT,
    status     TEXT NOT NULL,
    is_final   INTEGER NOT NULL,
    to_addr    TEXT NOT NULL,
    from_addr  TEXT NOT NULL,
    created    INTEGER NOT NULL,
    started    INTEGER,
    ended      INTEGER,
    deleted    INTEGER NOT NULL DEFAULT 0,
    record     TEXT NOT NULL
) STRICT;

CREATE INDEX calls_by_age ON calls (created DESC, sid DESC) WHERE deleted = 0;
CREATE INDEX calls_by_parent ON calls (parent_sid) WHERE parent_sid IS NOT NULL;
CREATE INDEX calls_unfinished ON calls (sid) WHERE is_final = 0;

CREATE TABLE call_events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    call_sid TEXT NOT NULL,
    at       INTEGER NOT NULL,
    level    TEXT NOT NULL,
    code     INTEGER NOT NULL,
    message  TEXT NOT NULL,
    line     INTEGER
) STRICT;

CREATE INDEX call_events_by_call ON call_events (call_sid, seq);
