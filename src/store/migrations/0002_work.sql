-- SPDX-License-Identifier: Apache-2.0
-- How several managers share the work, and what they tell others.

-- Who may act for something now.
CREATE TABLE lease (
	lease TEXT NOT NULL, -- what it is for: the host that an agent's manager serves, a sink
	holder TEXT NOT NULL, -- the manager
	epoch INTEGER NOT NULL, -- one more at each taking: who wrote with an older one is fenced off
	until_ms INTEGER NOT NULL, -- by the database's clock; later another may take it
	PRIMARY KEY (lease)
);

-- Work that waits for a manager. Done work is deleted.
CREATE TABLE work (
	work TEXT NOT NULL, -- its id
	kind TEXT NOT NULL, -- what is to be done
	body BLOB NOT NULL, -- with what
	due_ms INTEGER NOT NULL, -- not before; whoever takes it moves it on, so that what a dead manager took is given again
	tries INTEGER NOT NULL, -- how often it was given: only who holds the latest may end it
	PRIMARY KEY (work)
);
CREATE INDEX work_by_due ON work (kind, due_ms);

-- What happened, for others to hear of: written in the transaction in which it happened.
CREATE TABLE event (
	seq INTEGER NOT NULL, -- counter event
	kind TEXT NOT NULL, -- host.state, finding ...
	host TEXT NOT NULL, -- the host, or ''
	about TEXT NOT NULL, -- control and resource, or ''
	old_state TEXT NOT NULL, -- before
	new_state TEXT NOT NULL, -- after
	text TEXT NOT NULL, -- one sentence
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (seq)
);

-- Who is told, and how far.
CREATE TABLE sink (
	sink TEXT NOT NULL, -- its name in the configuration
	seq INTEGER NOT NULL, -- the last event that it confirmed
	PRIMARY KEY (sink)
);
