-- SPDX-License-Identifier: Apache-2.0
-- Who may do what: the rows of a snapshot of permissions, and what a second person said. Counter access grows with each change of the former.

-- What stands in the inventory.
CREATE TABLE object (
	object TEXT NOT NULL, -- its id: host:4c4c45, vm:0f2a ...
	kind TEXT NOT NULL CHECK (kind IN ('site', 'group', 'host', 'vm', 'network', 'storage')), -- what it is
	name TEXT NOT NULL, -- what people call it
	labels TEXT NOT NULL, -- the site's labels as JSON text
	PRIMARY KEY (object)
);

-- Under what an object stands; a VM has two.
CREATE TABLE object_parent (
	object TEXT NOT NULL REFERENCES object (object), -- the object
	place INTEGER NOT NULL CHECK (place IN (0, 1)), -- which of its parents
	parent TEXT NOT NULL REFERENCES object (object), -- what it is below
	PRIMARY KEY (object, place)
);
CREATE INDEX object_parent_by_parent ON object_parent (parent);

-- A set of privileges with a name.
CREATE TABLE role (
	role TEXT NOT NULL, -- its name
	title TEXT NOT NULL, -- what it is for
	changed_by TEXT NOT NULL, -- subject of who changed it last
	changed_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (role)
);

-- A privilege of a role.
CREATE TABLE role_privilege (
	role TEXT NOT NULL REFERENCES role (role), -- the role
	privilege TEXT NOT NULL, -- the privilege's name
	PRIMARY KEY (role, privilege)
);

-- A user or a group that permissions are given to.
CREATE TABLE principal (
	is_group INTEGER NOT NULL CHECK (is_group IN (0, 1)), -- 1: a group
	principal TEXT NOT NULL, -- its name: of a user, the account's
	gone INTEGER NOT NULL CHECK (gone IN (0, 1)), -- 1: no longer in the directory, its permissions count for nothing
	PRIMARY KEY (is_group, principal)
);

-- Who is in which group.
CREATE TABLE member (
	is_group INTEGER NOT NULL CHECK (is_group IN (0, 1)), -- 1: what is in it is a group, too
	principal TEXT NOT NULL, -- who is in it
	in_group TEXT NOT NULL, -- the group
	added_by TEXT NOT NULL, -- subject of who said so, or directory
	added_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (is_group, principal, in_group)
);

-- A role for a principal on an object.
CREATE TABLE permission (
	object TEXT NOT NULL, -- the object; '' is above all of them
	is_group INTEGER NOT NULL CHECK (is_group IN (0, 1)), -- 1: the principal is a group
	principal TEXT NOT NULL, -- to whom
	role TEXT NOT NULL REFERENCES role (role), -- which role
	propagate INTEGER NOT NULL CHECK (propagate IN (0, 1)), -- 1: for what is below, too
	constraints TEXT NOT NULL, -- JSON text: under what circumstances; {} for all
	granted_by TEXT NOT NULL, -- subject of who gave it
	granted_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (object, is_group, principal)
);

-- An approval, as src/govern/approval.h has it: all of the record.
CREATE TABLE approval (
	approval TEXT NOT NULL, -- its id
	operation TEXT NOT NULL, -- what it is for
	state TEXT NOT NULL, -- requested, approved ...
	cause INTEGER NOT NULL, -- why it was cancelled
	level INTEGER NOT NULL, -- how much the rule asked for
	glass INTEGER NOT NULL, -- 1: the glass was broken
	distinct_roles INTEGER NOT NULL, -- 1: its voters come from different roles
	digest BLOB NOT NULL CHECK (length(digest) = 32), -- of the act
	account TEXT NOT NULL, -- who requested it
	subject TEXT NOT NULL, -- the person behind the account
	seq INTEGER NOT NULL, -- of its newest event: counter approval
	seen_ms INTEGER NOT NULL, -- the latest time of its events
	deadline_ms INTEGER NOT NULL, -- of the vote, or the window's end
	start_ms INTEGER NOT NULL, -- the window's begin
	limit_ms INTEGER NOT NULL, -- the earliest end that an approver set
	duration_ms INTEGER NOT NULL, -- the shortest that an approver set
	quorum INTEGER NOT NULL, -- how many have to approve
	uses INTEGER NOT NULL, -- how often it may be used
	used INTEGER NOT NULL, -- how often it was
	todo INTEGER NOT NULL, -- what the last event asked the caller to do
	act BLOB NOT NULL, -- what it is about, as src/govern/approval_act.h encodes it
	reason TEXT NOT NULL, -- what who requested it says
	created_ms INTEGER NOT NULL, -- when it was requested
	PRIMARY KEY (approval)
);
CREATE INDEX approval_by_state ON approval (state, approval);

-- A vote for an approval.
CREATE TABLE approval_vote (
	approval TEXT NOT NULL REFERENCES approval (approval), -- the approval
	vote INTEGER NOT NULL, -- which of its votes, from 0
	account TEXT NOT NULL, -- who voted
	subject TEXT NOT NULL, -- the person behind the account
	role TEXT NOT NULL, -- by which role
	seq INTEGER NOT NULL, -- number of the event
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (approval, vote)
);

-- A waiver, as src/govern/waiver.h has it.
CREATE TABLE waiver (
	waiver TEXT NOT NULL, -- its id
	control TEXT NOT NULL, -- which controls: a glob
	resource TEXT NOT NULL, -- of what: a glob
	reason TEXT NOT NULL, -- why the finding is accepted
	owner TEXT NOT NULL, -- account of who carries the risk
	owner_subject TEXT NOT NULL, -- the person behind it
	approver TEXT, -- account of who accepted it; NULL for a proposal
	approver_subject TEXT, -- the person behind it
	compensating TEXT, -- what holds the risk meanwhile
	since_ms INTEGER NOT NULL, -- its begin; 0 for not said
	expires_ms INTEGER NOT NULL, -- its end
	revoked INTEGER NOT NULL CHECK (revoked IN (0, 1)), -- 1: taken back
	seen_ms INTEGER NOT NULL, -- the latest time at which it was looked at
	seq INTEGER NOT NULL, -- one more with each change
	PRIMARY KEY (waiver)
);
