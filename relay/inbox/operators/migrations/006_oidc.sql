-- readable from: 1
-- Who of VRD's identity provider is which account. The account has a password of its own, too.
CREATE TABLE oidc (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
