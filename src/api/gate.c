/* SPDX-License-Identifier: Apache-2.0 */
/* The gate before the HTTP parser; see gate.h. RFC 9112 and 9110 by section beside each rule. */
#include <string.h>

#include "api/gate.h"
#include "base/mem.h"
#include "base/str.h"

#define REFUSE(status, text) ((struct gate_refusal){(status), (text)})
#define GOOD		     ((struct gate_refusal){0, NULL})

/* What is a token character (RFC 9110 5.6.2). */
static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static unsigned hex_value(uint8_t c)
{
	return c <= '9' ? (unsigned)c - '0' : (c | 0x20u) - 'a' + 10u;
}

/* What stands in a path or query as itself (RFC 3986 3.3, 3.4). */
static bool is_path(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("-._~!$&'()*+,;=:@/", c));
}

/* Encoded where it need not be, or where it would be another path once decoded. */
static bool is_disguise(unsigned value)
{
	return value == '/' || value == '\\' || value == '.' || value == '%' || value < 0x20 ||
	       value == 0x7f;
}

/* "", "." and ".." as a part of a path are what others normalise away. */
static bool is_whole_part(struct rf_slice part)
{
	return part.len > 0 && !(part.len == 1 && part.data[0] == '.') &&
	       !(part.len == 2 && part.data[0] == '.' && part.data[1] == '.');
}

static struct gate_refusal path_check(struct rf_slice path)
{
	size_t start = 1;

	if (path.len == 1)
		return GOOD;
	for (size_t i = 1; i <= path.len; i++) {
		if (i < path.len && path.data[i] != '/')
			continue;
		if (!is_whole_part((struct rf_slice){path.data + start, i - start}))
			return REFUSE(400, "the path has an empty part, \".\" or \"..\"; write it "
					   "as the documentation has it");
		start = i + 1;
	}
	return GOOD;
}

struct gate_refusal gate_target_check(struct rf_slice target)
{
	size_t path_len = target.len;

	if (target.len > GATE_MAX_TARGET_BYTES)
		return REFUSE(414, "the path and query are longer than 2048 bytes");
	if (!target.len || target.data[0] != '/')
		return REFUSE(400, "the request's target has to be a path");
	for (size_t i = 0; i < target.len; i++) {
		uint8_t c = target.data[i];
		bool in_path = path_len == target.len;

		if (c == '?') {
			path_len = in_path ? i : path_len;
			continue;
		}
		if (c != '%' && !is_path(c))
			return REFUSE(400, "the path or query has a character that must be "
					   "written as %XX");
		if (c != '%')
			continue;
		if (target.len - i < 3 || !is_hex(target.data[i + 1]) ||
		    !is_hex(target.data[i + 2]))
			return REFUSE(400, "the path or query has a % without two hexadecimal "
					   "digits");
		if (in_path &&
		    is_disguise(hex_value(target.data[i + 1]) * 16 + hex_value(target.data[i + 2])))
			return REFUSE(400, "the path has an encoded character that would make it "
					   "another path");
	}
	return path_check((struct rf_slice){target.data, path_len});
}

/* Methods that we have; others that are known are told apart from nonsense. */
static const struct {
	const char *name;
	bool ours, has_body;
} methods[] = {
	{"GET", true, false},	   {"HEAD", true, false},      {"POST", true, true},
	{"PUT", true, true},	   {"PATCH", true, true},      {"DELETE", true, false},
	{"TRACE", false, false},   {"TRACK", false, false},    {"OPTIONS", false, false},
	{"CONNECT", false, false}, {"PROPFIND", false, false},
};

static struct gate_refusal method_check(struct gate *gate, struct rf_slice method)
{
	for (size_t i = 0; i < RF_COUNT(methods); i++) {
		if (!rf_slice_equal(method, rf_slice_text(methods[i].name)))
			continue;
		gate->has_body_method = methods[i].has_body;
		return methods[i].ours ? GOOD : REFUSE(405, "this method is not served");
	}
	return REFUSE(501, "this method is not known");
}

/* RFC 9112 3: exactly one blank between the three parts. */
static struct gate_refusal request_line(struct gate *gate, struct rf_slice line)
{
	const uint8_t *first = line.len ? memchr(line.data, ' ', line.len) : NULL;
	const uint8_t *end = line.data + line.len;

	if (!first)
		return REFUSE(400, "the request's first line is none");
	const uint8_t *second = memchr(first + 1, ' ', (size_t)(end - first - 1));

	if (!second)
		return REFUSE(400, "the request's first line is none");
	struct rf_slice target = {first + 1, (size_t)(second - first - 1)};
	struct rf_slice version = {second + 1, (size_t)(end - second - 1)};
	struct gate_refusal refusal =
		method_check(gate, (struct rf_slice){line.data, (size_t)(first - line.data)});

	if (refusal.status)
		return refusal;
	if (!rf_slice_equal(version, rf_slice_text("HTTP/1.1")))
		return REFUSE(505, "only HTTP/1.1 is spoken here");
	return gate_target_check(target);
}

/* RFC 9110 8.6: digits alone; a list of equal lengths is refused, too. */
static struct gate_refusal content_length(struct gate *gate, struct rf_slice value)
{
	uint64_t length = 0;

	if (!value.len || value.len > 10)
		return REFUSE(400, "Content-Length is no number");
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return REFUSE(400, "Content-Length is no number");
		length = length * 10 + (uint64_t)(value.data[i] - '0');
	}
	if (length > GATE_MAX_BODY_BYTES)
		return REFUSE(413, "the body is larger than 256 KiB");
	gate->length = length;
	return GOOD;
}

static struct gate_refusal transfer_encoding(struct gate *gate, struct rf_slice value)
{
	(void)gate;
	(void)value;
	return REFUSE(411, "bodies have a Content-Length here, and no Transfer-Encoding");
}

static struct gate_refusal host_field(struct gate *gate, struct rf_slice value)
{
	(void)gate;
	for (size_t i = 0; i < value.len; i++)
		if (!is_path(value.data[i]) && value.data[i] != '[' && value.data[i] != ']')
			return REFUSE(400, "Host is no name");
	return value.len && value.len < 256 ? GOOD : REFUSE(400, "Host is no name");
}

static struct gate_refusal expect_field(struct gate *gate, struct rf_slice value)
{
	(void)gate;
	return rf_slice_equal(value, rf_slice_text("100-continue"))
		       ? GOOD
		       : REFUSE(417, "only 100-continue may be expected");
}

static struct gate_refusal upgrade_field(struct gate *gate, struct rf_slice value)
{
	(void)gate;
	(void)value;
	return REFUSE(400, "no other protocol is spoken here");
}

/* Fields that stand once at most, since two parsers may take different ones of two. */
static const struct field {
	const char *name;
	struct gate_refusal (*check)(struct gate *gate, struct rf_slice value);
} fields[] = {
	{"content-length", content_length},
	{"transfer-encoding", transfer_encoding},
	{"host", host_field},
	{"expect", expect_field},
	{"upgrade", upgrade_field},
	{"authorization", NULL},
	{"content-type", NULL},
	{"cookie", NULL},
	{"connection", NULL},
	{"if-none-match", NULL},
	{"last-event-id", NULL},
	{"origin", NULL},
	{"x-ringfence-csrf", NULL},
	{"x-ringfence-approval", NULL},
};
#define FIELD_LENGTH 0u
#define FIELD_HOST   2u

static bool name_is(struct rf_slice name, const char *small)
{
	size_t i = 0;

	for (; i < name.len && small[i]; i++) {
		uint8_t c = name.data[i];

		if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != small[i])
			return false;
	}
	return i == name.len && !small[i];
}

/* RFC 9112 5.1: no blank before the colon; 5.2: no folding; RFC 9110 5.5: what a value has. */
static struct gate_refusal field_line(struct gate *gate, struct rf_slice line)
{
	size_t colon = 0;

	if (++gate->fields > GATE_MAX_FIELDS)
		return REFUSE(431, "more than 64 header fields");
	while (colon < line.len && is_token(line.data[colon]))
		colon++;
	if (!colon || colon == line.len || line.data[colon] != ':')
		return REFUSE(400, "a header line is no field");
	struct rf_slice name = {line.data, colon};
	struct rf_slice value = {line.data + colon + 1, line.len - colon - 1};

	while (value.len && (value.data[0] == ' ' || value.data[0] == '\t'))
		value = (struct rf_slice){value.data + 1, value.len - 1};
	while (value.len && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
		value.len--;
	for (size_t i = 0; i < value.len; i++)
		if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] >= 0x7f)
			return REFUSE(400, "a header field has a character that none may have");
	for (size_t i = 0; i < RF_COUNT(fields); i++) {
		if (!name_is(name, fields[i].name))
			continue;
		if (gate->seen & (1u << i))
			return REFUSE(400, "a header field is given twice that may stand once");
		gate->seen |= 1u << i;
		return fields[i].check ? fields[i].check(gate, value) : GOOD;
	}
	return GOOD;
}

static struct gate_refusal head_end(struct gate *gate)
{
	if (!(gate->seen & (1u << FIELD_HOST)))
		return REFUSE(400, "the request has no Host");
	if (!gate->has_body_method && gate->length)
		return REFUSE(400, "this method has no body");
	gate->body_left = gate->length;
	gate->phase = gate->body_left ? GATE_BODY : GATE_WHOLE;
	rf_buf_done(&gate->line);
	return GOOD;
}

/* One line of a head with its line end. */
static struct gate_refusal head_line(struct gate *gate, struct rf_slice line)
{
	if (line.len < 2 || line.data[line.len - 2] != '\r')
		return REFUSE(400, "lines end with CR LF");
	line.len -= 2;
	if (memchr(line.data, '\r', line.len) || memchr(line.data, '\0', line.len))
		return REFUSE(400, "a header line has a CR or NUL in it");
	if (!gate->begun) {
		gate->begun = true;
		return request_line(gate, line);
	}
	return line.len ? field_line(gate, line) : head_end(gate);
}

/* Takes bytes of a head up to the end of a line; *taken says how many. */
static struct gate_refusal head_bytes(struct gate *gate, struct rf_slice bytes, size_t *taken)
{
	const uint8_t *end = memchr(bytes.data, '\n', bytes.len);
	size_t count = end ? (size_t)(end - bytes.data) + 1 : bytes.len;

	*taken = count;
	gate->phase = GATE_HEAD;
	if (count > GATE_MAX_HEAD_BYTES - gate->head_bytes)
		return REFUSE(431, "the request's head is larger than 8 KiB");
	gate->head_bytes += count;
	if (rf_buf_add(&gate->line, bytes.data, count) < 0)
		return REFUSE(503, "no memory for this request");
	if (!end)
		return GOOD;
	struct gate_refusal refusal = head_line(gate, rf_buf_slice(&gate->line));

	rf_buf_reset(&gate->line);
	return refusal;
}

bool gate_feed(struct gate *gate, struct rf_slice bytes)
{
	while (bytes.len && gate->phase != GATE_REFUSED) {
		struct gate_refusal refusal = GOOD;
		size_t taken = bytes.len;

		if (gate->phase == GATE_WHOLE) {
			/* Nobody has to send a second request before the first is answered. */
			gate->phase = GATE_REFUSED;
			return false;
		}
		if (gate->phase == GATE_BODY) {
			taken = gate->body_left < bytes.len ? (size_t)gate->body_left : bytes.len;
			gate->body_left -= taken;
			gate->phase = gate->body_left ? GATE_BODY : GATE_WHOLE;
		} else {
			refusal = head_bytes(gate, bytes, &taken);
		}
		if (refusal.status) {
			gate->phase = GATE_REFUSED;
			gate->refusal = refusal;
		}
		bytes = (struct rf_slice){bytes.data + taken, bytes.len - taken};
	}
	return gate->phase != GATE_REFUSED;
}

void gate_answered(struct gate *gate)
{
	if (gate->phase == GATE_REFUSED)
		return;
	rf_buf_done(&gate->line);
	*gate = (struct gate){0};
}

void gate_done(struct gate *gate)
{
	rf_buf_done(&gate->line);
}
