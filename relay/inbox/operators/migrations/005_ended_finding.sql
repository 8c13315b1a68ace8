-- readable from: 1
-- Findings about a node (a second card, a revoked key that speaks) that an administrator looked into and ended.
-- It comes back when it happens once more.
CREATE TABLE ended_finding (
    address BLOB    NOT NULL,
    code    TEXT    NOT NULL,
    count   INTEGER NOT NULL,  -- how often it had happened by then
    last_s  INTEGER NOT NULL,  -- and when last
    at_s    INTEGER NOT NULL,
    by      TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (address, code)
) WITHOUT ROWID;
