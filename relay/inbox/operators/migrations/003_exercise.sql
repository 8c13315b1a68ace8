-- readable from: 1
-- Exercises that VRD ordered. The notice that began one has its name, its sites and who has heard of it; an end
-- by hand is a notice of its own, with a row here that is over from the start.
CREATE TABLE exercise (
    notice   INTEGER PRIMARY KEY,
    until_s  INTEGER NOT NULL,
    began    INTEGER,            -- of an end: the notice that it ends
    ended_s  INTEGER,            -- by hand
    ended_by TEXT
);
