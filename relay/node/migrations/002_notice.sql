-- readable from: 1
-- What VRD said, once under each name: a notice under its own, handling under each report that it is about.
CREATE TABLE notice (
    handled    INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    said_epoch INTEGER NOT NULL,  -- inbox epoch and sequence of the envelope
    said       INTEGER NOT NULL,
    boot       INTEGER NOT NULL,  -- when it was heard, as in `message`
    elapsed_s  INTEGER NOT NULL,
    seen       INTEGER NOT NULL DEFAULT 0,  -- somebody here has looked at it
    answer     INTEGER,           -- the last that was given
    envelope   BLOB    NOT NULL,
    PRIMARY KEY (handled, epoch, number)
) WITHOUT ROWID;
