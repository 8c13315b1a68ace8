-- Every message that arrived with a valid signature, in the order of arrival.
CREATE TABLE message (
    id         INTEGER PRIMARY KEY,
    address    BLOB    NOT NULL,   -- of the signer
    epoch      INTEGER NOT NULL,
    numbering  INTEGER NOT NULL,   -- 0 reports, 1 states
    number     INTEGER NOT NULL,
    variant    INTEGER NOT NULL,   -- 0; 1, 2, ... for other bytes under the same identity: a cloned card
    standing   INTEGER NOT NULL,   -- 0 accepted, 1 signed with a revoked key
    kind       INTEGER NOT NULL,
    urgency    INTEGER NOT NULL,
    time       INTEGER NOT NULL,   -- of the header
    received_s INTEGER NOT NULL,   -- unix time at the inbox
    age_s      INTEGER,            -- how old it was when it arrived; NULL: not known
    publisher  TEXT    NOT NULL,   -- the node that brought it
    heard      BLOB,               -- how that node heard it, if by radio (MessagePack)
    copy_of    INTEGER,            -- the same report under an earlier epoch: not shown again
    envelope   BLOB    NOT NULL
);
CREATE UNIQUE INDEX message_identity ON message (address, epoch, numbering, number, variant);
CREATE INDEX message_report ON message (address, time) WHERE numbering = 0;

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
    status_s    INTEGER,           -- unix time at the inbox when it arrived
    status_age  INTEGER,
    heard_s     INTEGER NOT NULL,  -- unix time at the inbox when anything new of it last arrived
    heard_boot  TEXT    NOT NULL,  -- the same by a clock that does not step: boot id and seconds in it
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

CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
