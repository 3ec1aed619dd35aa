-- SPDX-License-Identifier: Apache-2.0
-- Duties that a site keeps apart beside ours.

-- A set of duties of which a person holds one: src/govern/duty_role.h. Counter access grows with each change.
CREATE TABLE duty_set (
	duty_set TEXT NOT NULL, -- its name
	rule TEXT NOT NULL, -- JSON text: why, same_scope, duties with their privileges
	changed_by TEXT NOT NULL, -- subject of who said so
	changed_ms INTEGER NOT NULL, -- when
	PRIMARY KEY (duty_set)
);
