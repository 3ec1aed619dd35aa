/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads IMA policies, see imapolicy.h. The first rule that fits a file decides whether it is
 * measured, the first that fits decides whether it is appraised: a "dont_" rule without conditions
 * makes all later ones of its function dead.
 */
#include <errno.h>
#include <string.h>

#include "attest/imapolicy.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *name;
	enum imapolicy_func func;
} func_rows[] = {
	{"FILE_CHECK", IMAPOLICY_FILE_CHECK},
	{"MMAP_CHECK", IMAPOLICY_MMAP_CHECK},
	{"MMAP_CHECK_REQPROT", IMAPOLICY_MMAP_CHECK_REQPROT},
	{"BPRM_CHECK", IMAPOLICY_BPRM_CHECK},
	{"CREDS_CHECK", IMAPOLICY_CREDS_CHECK},
	{"MODULE_CHECK", IMAPOLICY_MODULE_CHECK},
	{"FIRMWARE_CHECK", IMAPOLICY_FIRMWARE_CHECK},
	{"KEXEC_KERNEL_CHECK", IMAPOLICY_KEXEC_KERNEL_CHECK},
	{"KEXEC_INITRAMFS_CHECK", IMAPOLICY_KEXEC_INITRAMFS_CHECK},
	{"POLICY_CHECK", IMAPOLICY_POLICY_CHECK},
	{"KEXEC_CMDLINE", IMAPOLICY_KEXEC_CMDLINE},
	{"KEY_CHECK", IMAPOLICY_KEY_CHECK},
	{"CRITICAL_DATA", IMAPOLICY_CRITICAL_DATA},
	{"SETXATTR_CHECK", IMAPOLICY_SETXATTR_CHECK},
	{"PATH_CHECK", IMAPOLICY_FILE_CHECK},
	{"FILE_MMAP", IMAPOLICY_MMAP_CHECK},
};

#define ALL_FUNCS ((1u << IMAPOLICY_FUNCS) - 1)

/* Kernel include/uapi/linux/magic.h, as far as policies name them. */
static const struct {
	int64_t magic;
	const char *name;
} magics[] = {
	{0x9fa0, "proc"},	    {0x62656572, "sysfs"},
	{0x64626720, "debugfs"},    {0x01021994, "tmpfs"},
	{0x1cd1, "devpts"},	    {0x42494e4d, "binfmt_misc"},
	{0x73636673, "securityfs"}, {0xf97cff8c, "selinuxfs"},
	{0x43415d53, "smackfs"},    {0x27e0eb, "cgroup"},
	{0x63677270, "cgroup2"},    {0x6e736673, "nsfs"},
	{0xde5e81e4, "efivarfs"},   {0x858458f6, "ramfs"},
	{0x794c7630, "overlay"},    {0x6165676c, "pstore"},
	{0x74726163, "tracefs"},    {0xcafe4a11, "bpf"},
	{0x58465342, "xfs"},	    {0xef53, "ext4"},
	{0x9123683e, "btrfs"},	    {0x6969, "nfs"},
	{0x65735546, "fuse"},	    {0x958458f6, "hugetlbfs"},
};

enum action { ACTION_MEASURE, ACTION_APPRAISE, ACTION_OTHER };

struct rule {
	enum action action;
	bool dont, conditions, not_known;
	uint32_t funcs; /* bit by enum imapolicy_func */
	uint32_t pcr;
	char filesystem[32]; /* of fsmagic= or fsname=; "" none */
};

/* Words that say how and not whether. mask is treated apart. */
static const char *const manners[] = {"pcr",	       "template",	 "appraise_type",
				      "appraise_flag", "appraise_algos", "permit_directio",
				      "digest_type"};
/* Words that narrow a rule. */
static const char *const narrowings[] = {
	"fsuuid",   "fs_subtype", "uid",       "euid",	    "gid",	"egid",
	"fowner",   "fgroup",	  "keyrings",  "label",	    "obj_user", "obj_role",
	"obj_type", "subj_user",  "subj_role", "subj_type",
};

static bool is_key(const char *const *keys, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

static void set_filesystem(struct rule *rule, bool by_magic, const char *value)
{
	int64_t magic;

	if (!by_magic) {
		rf_copy(rule->filesystem, sizeof(rule->filesystem), value);
		return;
	}
	rf_format(rule->filesystem, sizeof(rule->filesystem), "fsmagic=%s", value);
	if (rf_num(value, 0, 0, UINT32_MAX, &magic) < 0)
		return;
	for (size_t i = 0; i < RF_COUNT(magics); i++) {
		if (magics[i].magic == magic)
			rf_copy(rule->filesystem, sizeof(rule->filesystem), magics[i].name);
	}
}

static void set_func(struct rule *rule, const char *name)
{
	rule->funcs = 0;
	for (size_t i = 0; i < RF_COUNT(func_rows); i++) {
		if (strcmp(func_rows[i].name, name) == 0)
			rule->funcs = 1u << func_rows[i].func;
	}
	rule->not_known |= rule->funcs == 0;
}

/* Reading and executing are what the functions are about; only writing and appending narrow. */
static bool mask_narrows(const char *value)
{
	value += value[0] == '^';
	return strcmp(value, "MAY_READ") != 0 && strcmp(value, "MAY_EXEC") != 0;
}

static void read_condition(struct rule *rule, char *word)
{
	size_t len = strcspn(word, "=<>");
	const char *value = word[len] ? word + len + 1 : "";
	int64_t pcr;

	word[len] = '\0';
	if (strcmp(word, "func") == 0)
		set_func(rule, value);
	else if (strcmp(word, "mask") == 0)
		rule->conditions |= mask_narrows(value);
	else if (strcmp(word, "fsmagic") == 0 || strcmp(word, "fsname") == 0)
		set_filesystem(rule, word[2] == 'm', value);
	else if (is_key(narrowings, RF_COUNT(narrowings), word))
		rule->conditions = true;
	else if (!is_key(manners, RF_COUNT(manners), word))
		rule->not_known = true;
	else if (strcmp(word, "pcr") == 0 && rf_num(value, 10, 0, 23, &pcr) == 0)
		rule->pcr = (uint32_t)pcr;
}

static bool read_action(const char *word, struct rule *rule)
{
	static const char *const others[] = {"audit", "hash"};

	rule->dont = rf_starts(word, "dont_");
	word += rule->dont ? 5 : 0;
	rule->action = strcmp(word, "measure") == 0    ? ACTION_MEASURE
		       : strcmp(word, "appraise") == 0 ? ACTION_APPRAISE
						       : ACTION_OTHER;
	return rule->action != ACTION_OTHER || is_key(others, RF_COUNT(others), word);
}

static void note_skip(struct imapolicy *policy, const char *filesystem, uint32_t funcs)
{
	size_t i = 0;

	while (i < policy->skips_count && strcmp(policy->skips[i].name, filesystem) != 0)
		i++;
	if (i == IMAPOLICY_SKIPS) {
		policy->more_skips = true;
		return;
	}
	if (i == policy->skips_count) {
		policy->skips_count++;
		rf_copy(policy->skips[i].name, sizeof(policy->skips[i].name), filesystem);
	}
	policy->skips[i].funcs |= funcs;
}

/* dead: bit n: function n was decided for every file by an earlier rule. */
static void apply(struct imapolicy *policy, const struct rule *rule, uint32_t *dead)
{
	enum imapolicy_cover *covers =
		rule->action == ACTION_MEASURE ? policy->measured : policy->appraised;
	bool narrow = rule->conditions || rule->not_known || rule->filesystem[0];
	uint32_t live = rule->funcs & ~*dead;

	if (rule->funcs && !live)
		policy->unreachable++;
	for (unsigned int i = 0; i < IMAPOLICY_FUNCS && !rule->dont; i++) {
		if (!(live & 1u << i))
			continue;
		enum imapolicy_cover cover = narrow ? IMAPOLICY_SOME : IMAPOLICY_ALL;

		if (covers[i] < cover)
			covers[i] = cover;
	}
	if (!narrow)
		*dead |= live;
	if (rule->action != ACTION_MEASURE)
		return;
	if (!rule->dont && live)
		policy->pcrs |= 1u << rule->pcr;
	if (rule->dont && rule->filesystem[0] && !rule->conditions && !rule->not_known && live)
		note_skip(policy, rule->filesystem, live);
}

static bool read_rule(char *line, struct rule *rule)
{
	char *cursor = line;
	const char *word = rf_word_next(&cursor);

	*rule = (struct rule){.funcs = ALL_FUNCS, .pcr = 10};
	if (!word || !read_action(word, rule))
		return false;
	for (char *next; (next = rf_word_next(&cursor));)
		read_condition(rule, next);
	return true;
}

int imapolicy_parse(struct rf_slice text, struct imapolicy *out, struct rf_err *err)
{
	struct imapolicy policy = {0};
	RF_AUTOFREE char *copy = NULL;
	uint32_t dead[2] = {0, 0};
	unsigned int number = 0;

	if (text.len > IMAPOLICY_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "IMA policy: %zu bytes", text.len);
	copy = rf_strndup((const char *)text.data, text.len);
	if (!copy)
		return rf_fail(err, -ENOMEM, "IMA policy");
	for (char *cursor = copy, *line; (line = rf_line_next(&cursor));) {
		struct rule rule;

		number++;
		line = rf_trim(line);
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (policy.rules++ == IMAPOLICY_MAX_RULES)
			return rf_fail(err, RF_E_LIMIT, "IMA policy: more than %u rules",
				       IMAPOLICY_MAX_RULES);
		if (!read_rule(line, &rule))
			return rf_fail(err, RF_E_SYNTAX,
				       "IMA policy: line %u: \"%.40s\" is no rule", number, line);
		policy.not_known += rule.not_known;
		if (rule.action != ACTION_OTHER)
			apply(&policy, &rule, &dead[rule.action]);
	}
	*out = policy;
	return 0;
}

const char *imapolicy_func_name(enum imapolicy_func func)
{
	for (size_t i = 0; i < RF_COUNT(func_rows); i++) {
		if (func_rows[i].func == func)
			return func_rows[i].name;
	}
	return "unknown";
}

bool imapolicy_skips(const struct imapolicy *policy, const char *filesystem,
		     enum imapolicy_func func)
{
	for (size_t i = 0; i < policy->skips_count; i++) {
		if (strcmp(policy->skips[i].name, filesystem) == 0)
			return policy->skips[i].funcs & 1u << func;
	}
	return false;
}
