-- Queues that REST made or changed. Those that documents name live in memory.
CREATE TABLE queues (
    sid      TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    size_max INTEGER,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
