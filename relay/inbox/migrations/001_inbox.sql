-- Every message that arrived with a valid signature, in the order of arrival.
CREATE TABLE message (
    id         INTEGER PRIMARY KEY,
    address    BLOB    NOT NULL,   -- of the signer
    epoch      INTEGER NOT NULL,
    numbering  INTEGER NOT NULL,   -- 0 reports, 1 states, 2 neither: a kind that is not counted
    number     INTEGER NOT NULL,
    standing   INTEGER NOT NULL,   -- 0 accepted; apart, so never receipted: 1 revoked key, 2 not counted
    variant    INTEGER NOT NULL,   -- 0; 1, 2, ... for other bytes under the same identity: a cloned card
    kind       INTEGER NOT NULL,
    urgency    INTEGER NOT NULL,
    time       INTEGER NOT NULL,   -- of the header
    received_s INTEGER NOT NULL,   -- unix time at the inbox
    age_s      INTEGER,            -- how old it was when it arrived; NULL: not known
    publisher  TEXT    NOT NULL,   -- the node that brought it
    heard      BLOB,               -- how that node heard it, if by radio (MessagePack)
    copy_of    INTEGER,            -- the row that says the same (another epoch's, or its own once accepted): not shown
    envelope   BLOB    NOT NULL
);
CREATE UNIQUE INDEX message_identity ON message (address, epoch, numbering, number, standing, variant);
CREATE INDEX message_of ON message (address);  -- costs 1.4 us a message: one site's history, by id
CREATE INDEX message_report ON message (address, time) WHERE numbering = 0 AND standing = 0;
-- Statuses are nearly all rows and have no entry in these.
CREATE INDEX message_shown ON message (id) WHERE numbering <> 1 AND copy_of IS NULL;
CREATE INDEX message_shown_of ON message (address) WHERE numbering <> 1 AND copy_of IS NULL;
CREATE INDEX message_copy ON message (copy_of) WHERE copy_of IS NOT NULL;
CREATE INDEX message_apart ON message (address) WHERE standing <> 0;

-- What is held of each epoch of each node: flat runs of numbers (MessagePack).
CREATE TABLE holding (
    address BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    reports BLOB    NOT NULL,
    states  BLOB    NOT NULL,
    PRIMARY KEY (address, epoch)
) WITHOUT ROWID;

-- One row per node: its current state, so that an overview never reads the message table.
CREATE TABLE node (
    address     BLOB PRIMARY KEY,
    epoch       INTEGER NOT NULL,  -- of the current state
    state       INTEGER NOT NULL,  -- its number
    status      BLOB,              -- its envelope
    status_age  INTEGER,           -- how old it was when it arrived; NULL: not known
    status_s    INTEGER,           -- when that was: unix time at the inbox, and
    status_boot TEXT,              -- the same by a clock that does not step: boot id and seconds in it
    status_at   REAL,
    heard_s     INTEGER NOT NULL,  -- the three of when anything new of it last arrived
    heard_boot  TEXT    NOT NULL,
    heard_at    REAL    NOT NULL,
    publisher   TEXT    NOT NULL,
    link        TEXT    NOT NULL
) WITHOUT ROWID;

-- What an operator or technician should know of a node beside what it says itself.
CREATE TABLE finding (
    address BLOB    NOT NULL,
    code    TEXT    NOT NULL,  -- clone, rollback, clock, revoked
    first_s INTEGER NOT NULL,
    last_s  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    detail  TEXT    NOT NULL,
    PRIMARY KEY (address, code)
) WITHOUT ROWID;

-- Envelopes of signers that the roster does not know: not receipted, judged again when it changes.
CREATE TABLE quarantine (
    id         INTEGER PRIMARY KEY,
    address    BLOB    NOT NULL,
    publisher  TEXT    NOT NULL,
    received_s INTEGER NOT NULL,
    age_s      INTEGER,
    heard      BLOB,
    envelope   BLOB    NOT NULL UNIQUE
);
CREATE INDEX quarantine_address ON quarantine (address);

CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
