-- SPDX-License-Identifier: Apache-2.0
-- The fleet: hosts, what was proven of them and found on them. Times are ms since 1970-01-01 UTC.

-- Numbers handed out in order of commit: the row is locked until its transaction ends, so that whoever reads up to n has missed none below n.
CREATE TABLE counter (
	name TEXT NOT NULL, -- what is counted: event, change
	value INTEGER NOT NULL, -- the number given last
	PRIMARY KEY (name)
);

-- A host of the fleet.
CREATE TABLE host (
	host TEXT NOT NULL, -- its id, given once and never used again
	name TEXT NOT NULL, -- what people call it
	state TEXT NOT NULL CHECK (state IN ('NEW', 'TRUSTED', 'WARNING', 'UNTRUSTED', 'STALE', 'NO_TPM', 'RETIRED')), -- last known
	state_ms INTEGER NOT NULL, -- since when
	ek_sha256 BLOB UNIQUE, -- digest of the TPM's endorsement key: one TPM is one host for ever; NULL without a TPM
	agent_version TEXT NOT NULL, -- of the agent that spoke last; '' before it did
	labels TEXT NOT NULL, -- the site's labels as JSON text
	created_ms INTEGER NOT NULL, -- when it was made known
	seen_ms INTEGER NOT NULL, -- when its agent spoke last; 0 for never
	PRIMARY KEY (host)
);

-- A change of a host's state.
CREATE TABLE host_change (
	seq INTEGER NOT NULL, -- counter change
	host TEXT NOT NULL REFERENCES host (host), -- the host
	old_state TEXT NOT NULL, -- before
	new_state TEXT NOT NULL, -- after
	reason TEXT NOT NULL, -- one sentence
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (seq)
);
CREATE INDEX host_change_by_host ON host_change (host, seq);

-- Raw evidence, once for each content.
CREATE TABLE evidence (
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- SHA-256 of content
	content BLOB NOT NULL, -- the bytes as the agent sent them
	stored_ms INTEGER NOT NULL, -- when these bytes came last
	PRIMARY KEY (sha256)
);

-- A verdict over a host's evidence.
CREATE TABLE verdict (
	verdict TEXT NOT NULL, -- its id, made with the job: a job that is done twice gives one verdict
	host TEXT NOT NULL REFERENCES host (host), -- the host
	state TEXT NOT NULL CHECK (state IN ('TRUSTED', 'WARNING', 'UNTRUSTED', 'STALE', 'NO_TPM')), -- what the host is by it
	reason TEXT NOT NULL, -- the worst reason, one sentence; '' when trusted
	evidence BLOB REFERENCES evidence (sha256), -- what was judged; NULL where nothing came
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (verdict)
);
CREATE INDEX verdict_by_host ON verdict (host, at_ms);
CREATE INDEX verdict_by_evidence ON verdict (evidence);

-- A control's last known answer about one resource of a host.
CREATE TABLE finding (
	host TEXT NOT NULL REFERENCES host (host), -- the host
	control TEXT NOT NULL, -- id of the control
	resource TEXT NOT NULL, -- what it is about
	state TEXT NOT NULL CHECK (state IN ('PASS', 'FAIL', 'UNKNOWN', 'NOT_APPLICABLE', 'WAIVED', 'ERROR')), -- the answer
	evidence TEXT NOT NULL, -- what it rests on
	since_ms INTEGER NOT NULL, -- when the state became so
	PRIMARY KEY (host, control, resource)
);

-- A change of a finding.
CREATE TABLE finding_change (
	seq INTEGER NOT NULL, -- counter change
	host TEXT NOT NULL REFERENCES host (host), -- the host
	control TEXT NOT NULL, -- id of the control
	resource TEXT NOT NULL, -- what it is about
	old_state TEXT NOT NULL, -- '' for a finding that was not there
	new_state TEXT NOT NULL, -- '' for a finding that is there no more
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (seq)
);
CREATE INDEX finding_change_by_host ON finding_change (host, seq);
