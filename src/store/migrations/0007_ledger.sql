-- SPDX-License-Identifier: Apache-2.0
-- The fleet's ledger (src/govern/ledger.h): lines of its file, in order of commit. Nothing of it is ever deleted.

-- An entry.
CREATE TABLE ledger_entry (
	n INTEGER NOT NULL, -- its number, from 0 without a gap: counter ledger
	line BLOB NOT NULL, -- its line, which is the leaf
	PRIMARY KEY (n)
);

-- A signed checkpoint.
CREATE TABLE ledger_checkpoint (
	size INTEGER NOT NULL, -- how many entries it covers
	line BLOB NOT NULL, -- its line: the signed note and the tree's nodes
	PRIMARY KEY (size)
);

-- An entry of an agent's ledger; an entry of the fleet's countersigns it with its digest.
CREATE TABLE ledger_agent (
	host TEXT NOT NULL REFERENCES host (host), -- the agent's host
	entry INTEGER NOT NULL, -- its number there
	line BLOB NOT NULL, -- its line there
	n INTEGER NOT NULL REFERENCES ledger_entry (n), -- the fleet's entry
	PRIMARY KEY (host, entry)
);
