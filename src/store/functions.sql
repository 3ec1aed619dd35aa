-- SPDX-License-Identifier: Apache-2.0
-- What the SQL of controls (src/control/guard.c has the list) uses and PostgreSQL has not: in its schema facts, beside the tables and views.
-- SQLite's are in src/model/store.c; tests/unit/test_control_postgres.c holds the two together.

-- A number of 64 bits, in decimal digits and nothing else; NULL for all else.
CREATE FUNCTION rf_num(text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN $1 ~ '^-?0*[0-9]{1,19}$' THEN CASE WHEN $1::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN $1::bigint END END $$;

-- 1 for the words of yes, 0 for those of no; NULL for all else.
CREATE FUNCTION rf_truth(text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN lower($1 COLLATE "C") IN ('true', 'yes', 'on', '1', 'enabled', 'y') THEN 1 WHEN lower($1 COLLATE "C") IN ('false', 'no', 'off', '0', 'disabled', 'n') THEN 0 END $$;

-- As string_agg, which SQLite has only since 3.44. That one's own transition is for superusers.
CREATE FUNCTION rf_joined(text, text, text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN $2 IS NULL THEN $1 WHEN $1 IS NULL THEN $2 ELSE $1 || COALESCE($3, '') || $2 END $$;
CREATE AGGREGATE group_concat(text, text) (SFUNC = rf_joined, STYPE = text);
