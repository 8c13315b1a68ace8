CREATE TABLE account (
    name     TEXT PRIMARY KEY,
    role     TEXT    NOT NULL,  -- reader, operator, coordinator, administrator, wall
    password TEXT    NOT NULL,  -- argon2id
    made_s   INTEGER NOT NULL,
    sealed   INTEGER NOT NULL DEFAULT 0,  -- a break-glass account: its use is an alarm in the log
    active   INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

CREATE TABLE session (
    token   BLOB PRIMARY KEY,   -- SHA-256 of the cookie
    account TEXT    NOT NULL,
    csrf    TEXT    NOT NULL,
    made_s  INTEGER NOT NULL,
    used_s  INTEGER NOT NULL    -- by a person's hand, not by a page that refreshes itself
) WITHOUT ROWID;
CREATE INDEX session_of ON session (account);

-- Other systems that may read: the REST API and the metrics.
CREATE TABLE token (
    name   TEXT PRIMARY KEY,
    token  BLOB    NOT NULL UNIQUE,  -- SHA-256
    made_s INTEGER NOT NULL
) WITHOUT ROWID;

-- Sounds of a rule that somebody switched off: never without name, reason and end.
CREATE TABLE mute (
    rule    TEXT PRIMARY KEY,
    by      TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    until_s INTEGER NOT NULL
) WITHOUT ROWID;

-- Reports as lists show them, so that no page ever reads the table of all messages. Filled from it in the
-- order of arrival; `followed` in the table of facts says up to where.
CREATE TABLE report (
    address    BLOB    NOT NULL,
    epoch      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    message    INTEGER NOT NULL,  -- its id in the inbox's own store
    site       TEXT    NOT NULL,  -- key of the site
    kind       TEXT    NOT NULL,
    urgency    INTEGER NOT NULL,
    exercise   INTEGER NOT NULL,
    received_s INTEGER NOT NULL,
    shown      BLOB    NOT NULL,  -- MessagePack of operators.reports.Shown
    PRIMARY KEY (address, epoch, number)
) WITHOUT ROWID;
CREATE INDEX report_newest ON report (exercise, received_s);
CREATE INDEX report_of ON report (site, received_s);

-- How far VRD is with a report. No row: new.
CREATE TABLE handling (
    address   BLOB    NOT NULL,
    epoch     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    version   INTEGER NOT NULL,  -- compared and set: of two operators the second is told who was first
    by        TEXT    NOT NULL,
    at_s      INTEGER NOT NULL,
    assignee  TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    result    TEXT    NOT NULL,
    PRIMARY KEY (address, epoch, number)
) WITHOUT ROWID;
CREATE INDEX handling_open ON handling (state);

CREATE TABLE note (
    id      INTEGER PRIMARY KEY,
    subject TEXT    NOT NULL,   -- a site's key, or a report as address-epoch-number
    by      TEXT    NOT NULL,
    at_s    INTEGER NOT NULL,
    text    TEXT    NOT NULL
);
CREATE INDEX note_of ON note (subject);

-- Situation reports and handovers as they were established: never changed, numbered by kind.
CREATE TABLE document (
    kind    TEXT    NOT NULL,  -- report, handover
    number  INTEGER NOT NULL,
    at_s    INTEGER NOT NULL,
    by      TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    figures BLOB    NOT NULL,  -- MessagePack: what the next one compares with
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TRIGGER document_stays BEFORE UPDATE ON document BEGIN SELECT raise(ABORT, 'a document is frozen'); END;

-- What alarms changed. A notifier claims rows by moving its position, so that a crash can't alert twice.
CREATE TABLE change (
    id      INTEGER PRIMARY KEY,
    unix_s  INTEGER NOT NULL,
    said    BLOB    NOT NULL    -- MessagePack of alarms.state.Change
);
CREATE TABLE notifier (
    name    TEXT PRIMARY KEY,
    claimed INTEGER NOT NULL    -- the last change that it took
) WITHOUT ROWID;

-- Who did what. Each row holds the hash of the one before it: a row that was changed or taken out shows.
CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,
    at_s   INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    hash   BLOB    NOT NULL
);
CREATE TRIGGER journal_stays BEFORE UPDATE ON journal BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
CREATE TRIGGER journal_is_whole BEFORE DELETE ON journal BEGIN SELECT raise(ABORT, 'the log is append-only'); END;

CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- What VRD was told by telephone, portofoon, DARES or courier. Each is a report too, of nobody's key (address
-- 00000000, epoch 0); here stands what only these have.
CREATE TABLE manual (
    number    INTEGER PRIMARY KEY,  -- of the report
    site      TEXT    NOT NULL,     -- its key
    exercise  INTEGER NOT NULL,
    told_s    INTEGER NOT NULL,     -- when VRD was told, by the clock on the wall
    entered_s INTEGER NOT NULL,
    by        TEXT    NOT NULL,
    via       TEXT    NOT NULL,     -- telephone, portofoon, dares, courier, other
    said      TEXT    NOT NULL,     -- as it was pasted, what was not understood included
    facts     BLOB    NOT NULL      -- MessagePack: values by name, without the text
);
CREATE INDEX manual_told ON manual (told_s);

-- Two reports that say the same: both are kept, this one is left out of lists.
CREATE TABLE merged (
    address      BLOB    NOT NULL,
    epoch        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    into_address BLOB    NOT NULL,
    into_epoch   INTEGER NOT NULL,
    into_number  INTEGER NOT NULL,
    by           TEXT    NOT NULL,
    at_s         INTEGER NOT NULL,
    PRIMARY KEY (address, epoch, number)
) WITHOUT ROWID;
CREATE INDEX merged_into ON merged (into_address, into_epoch, into_number);

-- What VRD says to its sites. Its name on the wire is (epoch, id); it is signed anew each time it is said.
CREATE TABLE notice (
    id       INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,  -- of the inbox when it was made: a restored backup uses no name twice
    made_s   INTEGER NOT NULL,
    by       TEXT    NOT NULL,
    kind     TEXT    NOT NULL,  -- order, information, question, time
    text     TEXT    NOT NULL,
    answers  TEXT    NOT NULL,  -- buttons of a question, with "|" between them
    urgency  INTEGER NOT NULL,
    exercise INTEGER NOT NULL,
    scope    TEXT    NOT NULL,  -- site, municipality, all
    aim      TEXT    NOT NULL   -- key of the site, name of the municipality, empty
);
CREATE TABLE delivery (
    notice     INTEGER NOT NULL,
    site       TEXT    NOT NULL,  -- its key
    had_s      INTEGER,           -- since when it is known to have it
    answer     INTEGER,           -- the last: 0 read, 1 .. the answer
    answered_s INTEGER,
    PRIMARY KEY (notice, site)
) WITHOUT ROWID;
CREATE INDEX delivery_of ON delivery (site, had_s);

-- Of which step with a report its site is known to have heard.
CREATE TABLE told (
    address BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (address, epoch, number)
) WITHOUT ROWID;

-- Reports that ask for something or are urgent, and that nobody resolved. The watch reads these every second:
-- among all reports of a year they would have to be searched for.
CREATE TABLE call (
    address BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (address, epoch, number)
) WITHOUT ROWID;

CREATE TRIGGER call_comes AFTER INSERT ON report WHEN new.urgency <= 2 OR new.kind = 'request'
BEGIN
    INSERT OR IGNORE INTO call VALUES (new.address, new.epoch, new.number);
END;
CREATE TRIGGER call_is_resolved AFTER INSERT ON handling WHEN new.state = 'resolved'
BEGIN
    DELETE FROM call WHERE address = new.address AND epoch = new.epoch AND number = new.number;
END;
CREATE TRIGGER call_is_reopened AFTER INSERT ON handling WHEN new.state <> 'resolved'
BEGIN
    INSERT OR IGNORE INTO call SELECT address, epoch, number FROM report AS r
        WHERE (urgency <= 2 OR kind = 'request')
        AND r.address = new.address AND r.epoch = new.epoch AND r.number = new.number;
END;

CREATE INDEX handling_of ON handling (assignee) WHERE state <> 'resolved';
