-- One file holds every log of a shard. A position is packed with its log into the row id, so that entries, checkpoints
-- and tiles are written in key order and need no second index.

-- Logs, agencies and jurisdictions by small numbers.
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE heads (
    log INTEGER PRIMARY KEY REFERENCES names,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    recorded_at INTEGER NOT NULL -- nanoseconds since 1970
) STRICT;

CREATE TABLE entries (
    position INTEGER PRIMARY KEY, -- log << 40 | index
    batch_size INTEGER NOT NULL,  -- size of the tree at the end of the entry's batch
    leaf BLOB NOT NULL,
    audience TEXT NOT NULL,
    clear BLOB NOT NULL,          -- openings of what is never personal
    sealed BLOB NOT NULL,         -- openings of the rest, bound to every other column
    answer BLOB                   -- answer to the write, sealed
) STRICT;

CREATE TABLE checkpoints (
    position INTEGER PRIMARY KEY, -- log << 40 | size
    note TEXT NOT NULL
) STRICT;

CREATE TABLE tiles (
    position INTEGER PRIMARY KEY, -- log << 44 | level << 40 | index
    hashes BLOB NOT NULL
) STRICT;

CREATE TABLE cases (
    jurisdiction INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,             -- UUIDv7, so in the order of making
    issuer INTEGER,               -- of a detainer
    holder INTEGER,               -- custodian or addressee; none: the jurisdiction
    data_key BLOB NOT NULL,       -- wrapped; destroyed on expungement
    sealed BLOB NOT NULL,         -- the case as it stands
    PRIMARY KEY (jurisdiction, kind, id)
) STRICT, WITHOUT ROWID;

-- What a case is found by. A term is a digest under a key that is not in the file: nothing of whom or of what it is can be
-- read here.
CREATE TABLE search (
    jurisdiction INTEGER NOT NULL,
    kind INTEGER NOT NULL,        -- of the case, as is the id
    term BLOB NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (jurisdiction, kind, term, id)
) STRICT, WITHOUT ROWID;

-- Under which key the terms are digested.
CREATE TABLE search_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    mark BLOB NOT NULL
) STRICT;

-- What is open about a case, by when it is due. Nothing personal: it is in the clear.
CREATE TABLE agenda (
    jurisdiction INTEGER NOT NULL,
    case_kind INTEGER NOT NULL,
    case_id BLOB NOT NULL,
    kind TEXT NOT NULL,           -- clock
    key TEXT NOT NULL,            -- which of its kind
    due_at INTEGER NOT NULL,      -- nanoseconds since 1970
    holder INTEGER,               -- who must act; none: the jurisdiction
    PRIMARY KEY (jurisdiction, case_kind, case_id, kind, key)
) STRICT, WITHOUT ROWID;

-- For the writer what is due, for readers the list.
CREATE INDEX agenda_by_due ON agenda (jurisdiction, kind, due_at, case_kind, case_id, key);
-- When the appeals of an issuer are due.
CREATE TABLE appeals (
    jurisdiction INTEGER NOT NULL,
    issuer INTEGER NOT NULL,
    due_at INTEGER NOT NULL,      -- nanoseconds since 1970, to the next full hour
    id BLOB NOT NULL,
    PRIMARY KEY (jurisdiction, issuer, due_at, id)
) STRICT, WITHOUT ROWID;

-- Which detainers are in which appeal, and what was answered of each.
CREATE TABLE appeal_items (
    jurisdiction INTEGER NOT NULL,
    appeal BLOB NOT NULL,
    detainer BLOB NOT NULL,
    bar INTEGER,                  -- what bars it by law, as both sides know; none: nothing
    answer BLOB,                  -- by the custodian, sealed under the detainer's key; none: nothing was answered
    PRIMARY KEY (jurisdiction, appeal, detainer)
) STRICT, WITHOUT ROWID;

-- What bars detainers of an appeal by law: never personal.
CREATE TABLE appeal_bars (
    jurisdiction INTEGER NOT NULL,
    appeal BLOB NOT NULL,
    number INTEGER NOT NULL,
    bar TEXT NOT NULL,
    PRIMARY KEY (jurisdiction, appeal, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    agency INTEGER NOT NULL,
    request_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    position INTEGER NOT NULL,    -- of the entry that recorded it
    PRIMARY KEY (agency, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    agency INTEGER NOT NULL,
    log INTEGER NOT NULL,
    position INTEGER NOT NULL,    -- entries before it were received
    start INTEGER NOT NULL,       -- from this one on
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (agency, log, position, start)
) STRICT, WITHOUT ROWID;

CREATE TABLE consumers (
    id INTEGER PRIMARY KEY,
    agency INTEGER NOT NULL,
    jurisdiction INTEGER NOT NULL,
    name TEXT NOT NULL,
    exchange INTEGER NOT NULL,    -- entries of the log before it were confirmed
    custody INTEGER NOT NULL,
    UNIQUE (agency, jurisdiction, name)
) STRICT;

-- Entries that were sent to a consumer and not confirmed with what came before them.
CREATE TABLE attempts (
    consumer INTEGER NOT NULL REFERENCES consumers,
    position INTEGER NOT NULL,    -- of the entry
    tries INTEGER NOT NULL,
    since INTEGER NOT NULL,
    standing TEXT NOT NULL,       -- tried, parked or received
    PRIMARY KEY (consumer, position)
) STRICT, WITHOUT ROWID;

-- The policy set in force: the newest activation, so that a start need not look for it in the logs.
CREATE TABLE policy (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    digest BLOB NOT NULL,
    files TEXT NOT NULL,          -- the digest of each, as JSON
    since INTEGER NOT NULL        -- nanoseconds since 1970
) STRICT;

-- Logs of a store that was restored, which must be held against a checkpoint from outside before it is served.
CREATE TABLE restored (
    log INTEGER PRIMARY KEY,
    size INTEGER NOT NULL         -- of the log in the backup
) STRICT;

CREATE TABLE disclosures (
    id INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    officer TEXT,                 -- pseudonym
    method TEXT NOT NULL,
    resources TEXT NOT NULL,
    classes INTEGER NOT NULL
) STRICT;
