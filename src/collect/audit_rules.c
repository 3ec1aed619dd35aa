/* SPDX-License-Identifier: Apache-2.0 */
/* Audit rules, from text and from the kernel; see audit_rules.h. */
#include <linux/audit.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/audit_rules.h"
#include "collect/conf.h"
#include "collect/syscall_names.h"

void audit_rule_done(struct audit_rule_view *rule)
{
	rf_buf_done(&rule->syscalls);
}

static void set_perms(struct audit_rule_view *rule, bool r, bool w, bool x, bool a)
{
	rf_format(rule->perms, sizeof(rule->perms), "%s%s%s%s", r ? "r" : "", w ? "w" : "",
		  x ? "x" : "", a ? "a" : "");
}

static void set_perms_text(struct audit_rule_view *rule, const char *text)
{
	set_perms(rule, strchr(text, 'r'), strchr(text, 'w'), strchr(text, 'x'), strchr(text, 'a'));
}

/* A path without the slash at its end, so that /etc/libvirt/ and /etc/libvirt are one. */
static void set_path(struct audit_rule_view *rule, const char *text)
{
	rf_copy(rule->path, sizeof(rule->path), text);
	size_t n = strlen(rule->path);

	while (n > 1 && rule->path[n - 1] == '/')
		rule->path[--n] = '\0';
}

static void add_syscall(struct audit_rule_view *rule, const char *name)
{
	if (rule->syscalls.len)
		rf_buf_add_byte(&rule->syscalls, ',');
	rf_buf_add_text(&rule->syscalls, name);
}

/* -F FIELD=VALUE */
static void read_field(struct audit_rule_view *rule, char *text)
{
	char *equals = strchr(text, '=');

	/* `!=` excludes a path: it watches nothing by that name. */
	if (!equals || equals == text || strchr("!<>&", equals[-1]))
		return;
	*equals++ = '\0';
	if (strcmp(text, "path") == 0 || strcmp(text, "dir") == 0)
		set_path(rule, equals);
	else if (strcmp(text, "perm") == 0)
		set_perms_text(rule, equals);
	else if (strcmp(text, "key") == 0)
		rf_copy(rule->key, sizeof(rule->key), equals);
}

/* -a LIST,ACTION in either order. */
static void read_action(struct audit_rule_view *rule, const char *text)
{
	rule->watches = strstr(text, "always") && !strstr(text, "exclude") && !strstr(text, "user");
}

struct rule_option {
	const char *name;
	char letter;
	bool has_value;
};

static const struct rule_option rule_options[] = {
	{"-w", 'w', true},
	{"-a", 'a', true},
	{"-A", 'a', true},
	{"-S", 'S', true},
	{"-F", 'F', true},
	{"-C", 0, true},
	{"-p", 'p', true},
	{"-k", 'k', true},
	{"-e", 'e', true},
	{"-b", 'b', true},
	{"-f", 'f', true},
	{"-r", 'r', true},
	{"-D", 'D', false},
	{"-i", 'i', false},
	{"-c", 'c', false},
	{"-W", 'W', true},
	{"-d", 'd', true},
	{"-q", 'q', true},
	{"-t", 't', false},
	{"--backlog_wait_time", 'B', true},
	{"--reset-lost", 'R', false},
	{"--loginuid-immutable", 'L', false},
};

static const struct rule_option *option_find(const char *word)
{
	for (size_t i = 0; i < RF_COUNT(rule_options); i++) {
		if (strcmp(rule_options[i].name, word) == 0)
			return &rule_options[i];
	}
	return NULL;
}

static void option_apply(struct audit_rule_view *rule, const struct rule_option *option,
			 char *value)
{
	switch (option->letter) {
	case 'w':
		set_path(rule, value);
		rule->watches = true;
		if (!rule->perms[0])
			set_perms_text(rule, "rwxa");
		break;
	case 'a':
		read_action(rule, value);
		break;
	case 'S':
		add_syscall(rule, value);
		break;
	case 'F':
		read_field(rule, value);
		break;
	case 'p':
		set_perms_text(rule, value);
		break;
	case 'k':
		rf_copy(rule->key, sizeof(rule->key), value);
		break;
	case 0:
		break;
	default:
		rule->setting = option->letter;
		rf_copy(rule->setting_value, sizeof(rule->setting_value), value);
	}
}

bool audit_rule_parse_line(char *line, struct audit_rule_view *out, bool *out_broken)
{
	char *word = rf_trim(line);

	*out = (struct audit_rule_view){0};
	*out_broken = false;
	if (*word == '\0' || *word == '#')
		return false;
	char *cursor = word;

	while ((word = conf_word_next(&cursor))) {
		const struct rule_option *option = option_find(word);
		char *value = option && option->has_value ? conf_word_next(&cursor) : NULL;

		if (!option || (option->has_value && !value)) {
			*out_broken = true;
			return false;
		}
		option_apply(out, option, value ? value : (char[]){""});
	}
	/* -a with a path and without permissions asks for all four. */
	if (out->watches && out->path[0] && !out->perms[0] && !out->syscalls.len)
		set_perms_text(out, "rwxa");
	return true;
}

/* A word of the kernel's struct, wherever it stands in the bytes. */
static uint32_t word_at(struct rf_slice data, size_t offset)
{
	uint32_t n = 0;

	if (offset + sizeof(n) <= data.len)
		memcpy(&n, data.data + offset, sizeof(n));
	return n;
}

#define RULE_AT(field) offsetof(struct audit_rule_data, field)

static int syscall_number(const struct syscall_name *name, uint32_t arch)
{
	if (arch == AUDIT_ARCH_I386)
		return name->i386;
	return arch == AUDIT_ARCH_AARCH64 ? name->arm64 : name->x86_64;
}

static void add_syscall_number(struct audit_rule_view *rule, unsigned int number, uint32_t arch)
{
	char text[16];

	for (size_t i = 0; i < syscall_names_count; i++) {
		if (syscall_number(&syscall_names[i], arch) == (int)number) {
			add_syscall(rule, syscall_names[i].name);
			return;
		}
	}
	rf_format(text, sizeof(text), "%u", number);
	add_syscall(rule, text);
}

/* Returns true when every system call is in the mask. */
static bool read_mask(struct audit_rule_view *rule, struct rf_slice data, uint32_t arch)
{
	bool all = true;

	for (unsigned int i = 0; i < AUDIT_BITMASK_SIZE - 1; i++)
		all = all && word_at(data, RULE_AT(mask) + i * 4) == UINT32_MAX;
	if (all)
		return true;
	for (unsigned int i = 0; i < AUDIT_BITMASK_SIZE * 32; i++) {
		if (word_at(data, RULE_AT(mask) + i / 32 * 4) & (1u << i % 32))
			add_syscall_number(rule, i, arch);
	}
	return false;
}

/* Fields whose value is the length of a text in buf, in order. */
static bool field_has_text(uint32_t field)
{
	return (field >= AUDIT_SUBJ_USER && field <= AUDIT_SUBJ_CLR) ||
	       (field >= AUDIT_OBJ_USER && field <= AUDIT_OBJ_LEV_HIGH) || field == AUDIT_WATCH ||
	       field == AUDIT_DIR || field == AUDIT_EXE || field == AUDIT_FILTERKEY;
}

static void copy_text(char *out, size_t size, struct rf_slice text)
{
	size_t n = text.len < size - 1 ? text.len : size - 1;

	memcpy(out, text.data, n);
	out[n] = '\0';
}

static void kernel_text(struct audit_rule_view *rule, uint32_t field, struct rf_slice text)
{
	char path[sizeof(rule->path)];

	if (field == AUDIT_FILTERKEY)
		copy_text(rule->key, sizeof(rule->key), text);
	if (field != AUDIT_WATCH && field != AUDIT_DIR)
		return;
	copy_text(path, sizeof(path), text);
	set_path(rule, path);
}

/* Reads the fields; false when a text reaches behind the end. */
static bool read_fields(struct audit_rule_view *rule, struct rf_slice data, uint32_t *out_arch)
{
	uint32_t count = word_at(data, RULE_AT(field_count));
	size_t text_at = sizeof(struct audit_rule_data);

	if (count > AUDIT_MAX_FIELDS)
		return false;
	for (size_t i = 0; i < count; i++) {
		uint32_t field = word_at(data, RULE_AT(fields) + i * 4);
		uint32_t value = word_at(data, RULE_AT(values) + i * 4);
		uint32_t op = word_at(data, RULE_AT(fieldflags) + i * 4) & AUDIT_OPERATORS;

		if (field == AUDIT_ARCH)
			*out_arch = value;
		if (field == AUDIT_PERM)
			set_perms(rule, value & AUDIT_PERM_READ, value & AUDIT_PERM_WRITE,
				  value & AUDIT_PERM_EXEC, value & AUDIT_PERM_ATTR);
		if (!field_has_text(field))
			continue;
		if (text_at > data.len || value > data.len - text_at)
			return false;
		if (op == AUDIT_EQUAL)
			kernel_text(rule, field, (struct rf_slice){data.data + text_at, value});
		text_at += value;
	}
	return true;
}

bool audit_rule_parse_kernel(struct rf_slice data, struct audit_rule_view *out)
{
	uint32_t arch = AUDIT_ARCH_X86_64;

	*out = (struct audit_rule_view){0};
	if (data.len < sizeof(struct audit_rule_data) || !read_fields(out, data, &arch))
		return false;
	uint32_t list = word_at(data, RULE_AT(flags)) & 7u;

	out->watches = word_at(data, RULE_AT(action)) == AUDIT_ALWAYS &&
		       list != AUDIT_FILTER_EXCLUDE && list != AUDIT_FILTER_USER;
	bool all = read_mask(out, data, arch);

	/* auditctl -w is a rule over all system calls: it is shown as a watch. */
	if (all && !out->path[0] && list == AUDIT_FILTER_EXIT)
		add_syscall(out, "all");
	return true;
}
