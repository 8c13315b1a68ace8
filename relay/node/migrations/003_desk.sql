-- readable from: 1
-- What people posted at the site's page: each form becomes messages once, or is undone before.
-- state: 0 held (until due_s, as elapsed_s), 1 sent, 2 undone, 3 values of the site
-- boot, elapsed_s: when it was kept, as in `message`; time: the same by a clock, s since 2025, 0: there was none
-- what: what it says; messages: their numbers, and a mark of each by which it is known under another one (MessagePack)
CREATE TABLE form (
    id        TEXT    NOT NULL PRIMARY KEY,
    state     INTEGER NOT NULL,
    boot      INTEGER NOT NULL,
    elapsed_s REAL    NOT NULL,
    time      INTEGER NOT NULL,
    due_s     REAL    NOT NULL,
    what      BLOB    NOT NULL,
    messages  BLOB    NOT NULL
) WITHOUT ROWID;

-- Receipts that covered messages of people for the first time; said_s: the inbox's time in it (unix).
CREATE TABLE receipted (
    id        INTEGER PRIMARY KEY,
    epoch     INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    link      TEXT    NOT NULL,
    said_s    INTEGER,
    boot      INTEGER NOT NULL,
    elapsed_s REAL    NOT NULL,
    time      INTEGER NOT NULL
);

-- What somebody has typed and not sent yet, by who asks (MessagePack).
CREATE TABLE draft (
    device    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    boot      INTEGER NOT NULL,
    elapsed_s REAL    NOT NULL,
    time      INTEGER NOT NULL,
    typed     BLOB    NOT NULL,
    PRIMARY KEY (device, name)
) WITHOUT ROWID;
