-- SPDX-License-Identifier: Apache-2.0
-- What goes between the manager and the agents.

-- How far an agent is.
CREATE TABLE agent (
	host TEXT NOT NULL REFERENCES host (host), -- its host
	spool INTEGER NOT NULL, -- number of the last thing of its spool that is stored here
	commands INTEGER NOT NULL, -- serial of the last command made for it
	PRIMARY KEY (host)
);

-- An order to an agent.
CREATE TABLE command (
	host TEXT NOT NULL REFERENCES host (host), -- to which host
	serial INTEGER NOT NULL, -- ascending for each host, never given twice
	command TEXT NOT NULL UNIQUE, -- its id
	verb TEXT NOT NULL, -- what is to be done
	arguments TEXT NOT NULL, -- JSON text: with what
	ordered_by TEXT NOT NULL, -- account of who ordered it
	approval TEXT NOT NULL, -- id of the approval; '' where none was asked for
	created_ms INTEGER NOT NULL, -- when
	expires_ms INTEGER NOT NULL, -- not after that
	signature BLOB, -- by the manager's key; NULL until it is signed
	state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'done', 'expired')), -- how far it is
	result INTEGER NOT NULL, -- 0, or the code it failed with
	output TEXT NOT NULL, -- what came of it
	changed_ms INTEGER NOT NULL, -- when the state became so
	PRIMARY KEY (host, serial)
);
CREATE INDEX command_by_state ON command (state, host);
