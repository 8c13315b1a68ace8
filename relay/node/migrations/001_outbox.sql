-- Every message of this node, as signed. Epochs that have ended stay until retention takes them.
CREATE TABLE message (
    epoch     INTEGER NOT NULL,
    numbering INTEGER NOT NULL,  -- 0 reports, 1 states
    number    INTEGER NOT NULL,
    urgency   INTEGER NOT NULL,
    boot      INTEGER NOT NULL,  -- the run of the machine in which it was composed
    elapsed_s INTEGER NOT NULL,  -- how long the node had run in its life by then
    envelope  BLOB NOT NULL,
    PRIMARY KEY (epoch, numbering, number)
) WITHOUT ROWID;

-- What is known of each epoch: where its messages stand, what the inbox said (MessagePack).
CREATE TABLE log (
    epoch INTEGER PRIMARY KEY,
    state BLOB NOT NULL
);

-- Single facts: whose outbox this is, how long the node has run, which boot.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
