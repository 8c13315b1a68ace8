-- readable from: 1
-- Reports that their own node took back. A row may be here before its report is.
CREATE TABLE withdrawn (
    address  BLOB    NOT NULL,
    epoch    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    exercise INTEGER NOT NULL,  -- a withdrawal counts in its own lane only
    at_s     INTEGER NOT NULL,  -- when the withdrawal came
    reason   TEXT    NOT NULL,
    PRIMARY KEY (address, epoch, number, exercise)
) WITHOUT ROWID;
