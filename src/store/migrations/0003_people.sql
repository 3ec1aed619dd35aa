-- SPDX-License-Identifier: Apache-2.0
-- Who signs in. No password is ever here, and of a secret only its SHA-256.

-- An account of a person or of a program.
CREATE TABLE account (
	account TEXT NOT NULL, -- the name it signs in with
	subject TEXT NOT NULL, -- the person behind it: two accounts of one person have the same
	source TEXT NOT NULL CHECK (source IN ('local', 'pam')), -- who proves the password: nobody (tokens alone), PAM
	name TEXT NOT NULL, -- what people call them
	disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)), -- 1: its sessions and tokens count for nothing
	created_ms INTEGER NOT NULL, -- when it was made
	PRIMARY KEY (account)
);

-- A sign-in that goes on.
CREATE TABLE session (
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of the secret that the cookie holds
	account TEXT NOT NULL REFERENCES account (account), -- whose
	address TEXT NOT NULL, -- from where it was begun
	created_ms INTEGER NOT NULL, -- when it was begun
	used_ms INTEGER NOT NULL, -- when it was used last, to about a minute
	expires_ms INTEGER NOT NULL, -- it ends then, however much it is used
	PRIMARY KEY (sha256)
);
CREATE INDEX session_by_account ON session (account);

-- A token of a program, or the one-time secret of a first sign-in.
CREATE TABLE token (
	token TEXT NOT NULL, -- its id, which is no secret
	sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32), -- of its secret
	account TEXT NOT NULL REFERENCES account (account), -- as whom it acts
	name TEXT NOT NULL, -- what it is for
	scope TEXT NOT NULL, -- JSON text: the privileges and objects that it is held to
	one_use INTEGER NOT NULL CHECK (one_use IN (0, 1)), -- 1: its first use revokes it
	created_ms INTEGER NOT NULL, -- when it was made
	expires_ms INTEGER NOT NULL, -- it ends then
	used_ms INTEGER NOT NULL, -- when it was used last, to about a minute; 0 for never
	revoked_ms INTEGER NOT NULL, -- when it was taken back; 0 for not
	PRIMARY KEY (token)
);
CREATE INDEX token_by_account ON token (account);

-- Sign-ins that failed: by name and address, so that who guesses locks out nobody else.
CREATE TABLE sign_in_failure (
	account TEXT NOT NULL, -- the name that was tried; there need be none
	address TEXT NOT NULL, -- from where
	failures INTEGER NOT NULL, -- how many in a row
	last_ms INTEGER NOT NULL, -- the last of them
	PRIMARY KEY (account, address)
);
