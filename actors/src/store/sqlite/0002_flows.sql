-- SHA-512-256 needs the password: endpoints from before have none until theirs is set again.
ALTER TABLE endpoints ADD COLUMN ha1_sha512_256 TEXT NOT NULL DEFAULT '';

-- Several flows of one client may register one contact (RFC 5626). Expiry has no index of its own: it would be written at
-- every refresh, to be read once in a while.
CREATE TABLE bindings_by_flow (
    aor        TEXT NOT NULL,
    contact    TEXT NOT NULL,
    flow       TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    fields     TEXT NOT NULL,
    PRIMARY KEY (aor, contact, flow)
) STRICT, WITHOUT ROWID;

INSERT INTO bindings_by_flow (aor, contact, flow, expires_at, fields)
    SELECT aor, contact, '', expires_at, fields FROM bindings;

DROP TABLE bindings;
ALTER TABLE bindings_by_flow RENAME TO bindings;
