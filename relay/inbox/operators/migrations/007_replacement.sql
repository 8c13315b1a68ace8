-- readable from: 1
-- Notices that stand in the place of an older one. Each is replaced once: what comes after replaces the newer.
CREATE TABLE replacement (
    notice   INTEGER PRIMARY KEY,
    replaces INTEGER NOT NULL UNIQUE
);
