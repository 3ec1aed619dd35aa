/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc/PID/smaps. See smaps.h. */
#include "isolate/smaps.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LARGE_BYTES (32ll << 20)

struct mapping {
	uint64_t from, to;
	int64_t swap_bytes;
	bool writable, mergeable;
};

struct run {
	struct mapping now; /* the one that is being read */
	bool reading;
	struct smaps_ram exact, side, large; /* found; side by side so far; all large ones */
	uint64_t side_to;
	int64_t ram_bytes, mergeable_bytes;
	size_t count;
};

static void ram_add(struct smaps_ram *ram, const struct mapping *m)
{
	ram->bytes += (int64_t)(m->to - m->from);
	ram->swap_bytes += m->swap_bytes;
	ram->mergeable |= m->mergeable;
}

/* A policy of NUMA nodes splits one mapping into neighbours. */
static void mapping_end(struct run *r)
{
	const struct mapping *m = &r->now;
	int64_t bytes = (int64_t)(m->to - m->from);

	if (!r->reading)
		return;
	r->count++;
	if (m->mergeable)
		r->mergeable_bytes += bytes;
	if (!m->writable)
		return;
	if (bytes >= LARGE_BYTES)
		ram_add(&r->large, m);
	if (r->side_to != m->from || r->side.bytes >= r->ram_bytes)
		r->side = (struct smaps_ram){0};
	ram_add(&r->side, m);
	r->side_to = m->to;
	if (r->side.bytes == r->ram_bytes || bytes == r->ram_bytes) {
		bool before = r->exact.mergeable;

		r->exact = r->side.bytes == r->ram_bytes ? r->side : (struct smaps_ram){0};
		if (!r->exact.bytes)
			ram_add(&r->exact, m);
		r->exact.found = r->exact.exact = true;
		/* Where two could be it, the worse one counts. */
		r->exact.mergeable |= before;
	}
}

/* "7f13e3e00000-7f13f3e00000 rw-p 00000000 00:00 0 [heap]" */
static bool head_read(const char *line, struct mapping *out)
{
	char from[20], to[20];
	size_t a = strspn(line, "0123456789abcdef");
	size_t b = line[a] == '-' ? strspn(line + a + 1, "0123456789abcdef") : 0;
	int64_t first, last;

	if (!a || !b || a >= sizeof(from) || b >= sizeof(to) || line[a + 1 + b] != ' ')
		return false;
	memcpy(from, line, a);
	from[a] = '\0';
	memcpy(to, line + a + 1, b);
	to[b] = '\0';
	/* The kernel's own page at the top of everything is more than a number of ours. */
	if (rf_num(from, 16, 0, INT64_MAX, &first) < 0 || rf_num(to, 16, 0, INT64_MAX, &last) < 0)
		first = last = 0;
	if (last < first)
		return false;
	*out = (struct mapping){.from = (uint64_t)first, .to = (uint64_t)last};
	out->writable = line[a + b + 2] == 'r' && line[a + b + 3] == 'w';
	return true;
}

static bool has_flag(const char *flags, const char *flag)
{
	for (const char *p = flags; *p; p += *p == ' ') {
		size_t n = strcspn(p, " ");

		if (n == 2 && memcmp(p, flag, 2) == 0)
			return true;
		p += n;
	}
	return false;
}

static int line_take(struct run *r, char *line)
{
	struct mapping next;
	int64_t kib;

	if (head_read(line, &next)) {
		mapping_end(r);
		r->now = next;
		r->reading = true;
		return 0;
	}
	if (!r->reading)
		return RF_E_SYNTAX;
	if (rf_starts(line, "VmFlags:"))
		r->now.mergeable = has_flag(line + strlen("VmFlags:"), "mg");
	if (!rf_starts(line, "Swap:"))
		return 0;
	char *cursor = line + strlen("Swap:");
	const char *number = rf_word_next(&cursor);

	if (!number || rf_num(number, 10, 0, INT64_MAX >> 10, &kib) < 0)
		return RF_E_SYNTAX;
	r->now.swap_bytes = kib << 10;
	return 0;
}

int smaps_read(struct rf_slice text, int64_t ram_bytes, struct smaps_ram *out, struct rf_err *err)
{
	RF_AUTOFREE char *copy = rf_strndup((const char *)text.data, text.len);
	struct run r = {.ram_bytes = ram_bytes};
	char *cursor = copy;
	int rc = 0;

	if (!copy)
		return rf_fail(err, -ENOMEM, "no memory");
	for (char *line; rc == 0 && (line = rf_line_next(&cursor));)
		rc = line_take(&r, line);
	mapping_end(&r);
	if (rc < 0 || r.count == 0 || ram_bytes <= 0)
		return rf_fail(err, RF_E_SYNTAX, "this is no smaps of a process");
	*out = r.exact;
	if (!r.exact.found) {
		*out = r.large;
		out->found = r.large.bytes >= ram_bytes;
	}
	out->mergeable_bytes = r.mergeable_bytes;
	return 0;
}
