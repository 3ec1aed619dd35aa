-- SPDX-License-Identifier: Apache-2.0
-- What a site asks for where ours is not enough.

-- A site's rule for an operation that can want a second person: src/govern/approval_rule.h.
CREATE TABLE approval_rule (
	operation TEXT NOT NULL, -- which operation
	rule TEXT NOT NULL, -- JSON text: level, numbers, roles
	changed_by TEXT NOT NULL, -- subject of who said so
	changed_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (operation)
);
