-- SPDX-License-Identifier: Apache-2.0
-- How a host joins, and what is known of its TPM and its boots.

-- A token with which one host may join.
CREATE TABLE invite (
	invite TEXT NOT NULL, -- its id, which is no secret
	sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32), -- of the token
	parent TEXT NOT NULL, -- the object below which the host will stand; '' for none
	labels TEXT NOT NULL, -- JSON text: the labels that it will have
	created_by TEXT NOT NULL, -- subject of who invited
	created_ms INTEGER NOT NULL, -- when it was made
	expires_ms INTEGER NOT NULL, -- it ends then
	used_ms INTEGER NOT NULL, -- when a host used it; 0 for not yet
	used_by TEXT REFERENCES host (host), -- which host
	revoked_ms INTEGER NOT NULL, -- when it was taken back; 0 for not
	PRIMARY KEY (invite)
);

-- A certificate that the manager's authority gave to a host.
CREATE TABLE certificate (
	serial TEXT NOT NULL, -- its number as hexadecimal
	host TEXT NOT NULL REFERENCES host (host), -- whose
	sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32), -- of its DER bytes
	not_before_ms INTEGER NOT NULL, -- its begin
	not_after_ms INTEGER NOT NULL, -- its end
	revoked_ms INTEGER NOT NULL, -- when it was revoked; 0 for not
	reason TEXT NOT NULL, -- why; '' when it was not
	PRIMARY KEY (serial)
);
CREATE INDEX certificate_by_host ON certificate (host, not_after_ms);

-- What is known of a host's TPM, and remembered of it between two quotes (src/attest/verdict.h, struct verdict_memory).
CREATE TABLE host_tpm (
	host TEXT NOT NULL REFERENCES host (host), -- the host
	ek_state TEXT NOT NULL CHECK (ek_state IN ('vendor', 'site', 'unproven')), -- whose roots prove the EK certificate
	ek_certificate BLOB, -- its DER bytes; NULL when there is none
	ek_public BLOB NOT NULL, -- the endorsement key's public area
	ak_public BLOB NOT NULL, -- the attestation key's public area
	ak_name BLOB NOT NULL, -- its TPM name
	known INTEGER NOT NULL CHECK (known IN (0, 1)), -- 1: a quote was judged; what follows is of the last one
	clock_ms INTEGER NOT NULL, -- the TPM's clock
	firmware INTEGER NOT NULL, -- its firmware version, 64 bits
	resets INTEGER NOT NULL, -- its resetCount
	restarts INTEGER NOT NULL, -- its restartCount
	ima_entries INTEGER NOT NULL, -- entries of the IMA list gone through in this boot
	PRIMARY KEY (host)
);

-- What a site approved for a host: a baseline of its boot, a policy. The newest of a kind counts.
CREATE TABLE host_document (
	seq INTEGER NOT NULL, -- counter document
	host TEXT NOT NULL REFERENCES host (host), -- the host
	kind TEXT NOT NULL CHECK (kind IN ('baseline', 'policy')), -- what it is
	content BLOB NOT NULL, -- the document; no bytes: from here on there is none
	approved_by TEXT NOT NULL, -- subject of who put it in force
	approval TEXT NOT NULL, -- id of the approval; '' where none was asked for
	at_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (seq)
);
CREATE INDEX host_document_by_host ON host_document (host, kind, seq);
