-- SPDX-License-Identifier: Apache-2.0
-- Columns that follow from several collectors' rows. Run once, after every collector, in this order.
-- Each statement fills only what is NULL, so that a collector that knows better wins.

UPDATE host SET os_support_days = CAST(julianday(os_support_end) - julianday(clock_ms / 1000, 'unixepoch') AS INTEGER) WHERE os_support_days IS NULL;
