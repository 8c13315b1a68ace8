-- readable from: 1
-- What lists sift and search reports by, in the order in which they show them. Kept right by triggers; what a
-- report is found by is written by operators.listing, which reads what it says.
CREATE TABLE listed (
    exercise   INTEGER NOT NULL,
    received_s INTEGER NOT NULL,
    address    BLOB    NOT NULL,
    epoch      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    site       TEXT    NOT NULL,  -- its key
    kind       TEXT    NOT NULL,
    urgency    INTEGER NOT NULL,
    state      TEXT    NOT NULL,  -- of its handling
    link       TEXT,              -- NULL, as the next: not written yet
    words      TEXT,              -- case folded
    PRIMARY KEY (exercise, received_s, address, epoch, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX listed_of ON listed (address, epoch, number);
CREATE INDEX listed_unread ON listed (address, epoch, number) WHERE words IS NULL;

INSERT INTO listed SELECT exercise, received_s, address, epoch, number, site, kind, urgency,
    coalesce((SELECT state FROM handling AS h
              WHERE h.address = r.address AND h.epoch = r.epoch AND h.number = r.number), 'new'), NULL, NULL
    FROM report AS r;

CREATE TRIGGER listed_comes AFTER INSERT ON report
BEGIN
    INSERT OR IGNORE INTO listed SELECT new.exercise, new.received_s, new.address, new.epoch, new.number,
        new.site, new.kind, new.urgency,
        coalesce((SELECT state FROM handling AS h WHERE h.address = new.address AND h.epoch = new.epoch
                  AND h.number = new.number), 'new'), NULL, NULL;
END;
CREATE TRIGGER listed_says_more AFTER UPDATE OF site, shown ON report
BEGIN UPDATE listed SET site = new.site, link = NULL, words = NULL
        WHERE address = new.address AND epoch = new.epoch AND number = new.number;
END;
CREATE TRIGGER listed_is_handled AFTER INSERT ON handling
BEGIN UPDATE listed SET state = new.state
        WHERE address = new.address AND epoch = new.epoch AND number = new.number;
END;
