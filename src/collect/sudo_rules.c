/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector sudo, rules: one row for each user and command of a user specification, aliases
 * replaced. Rules for other hosts are left out, and so are users that a list takes out with `!`.
 * Source: sudoers(5).
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/sudo.h"

#define SUDO_MAX_ROWS 20000u

/* Programs from which a shell or any other program can be started. */
static const struct {
	const char *name;
	bool always; /* also with arguments that sudoers fixes: editors and pagers take commands */
} escapes[] = {
	{"sh", false},
	{"bash", false},
	{"rbash", false},
	{"dash", false},
	{"ash", false},
	{"zsh", false},
	{"ksh", false},
	{"mksh", false},
	{"csh", false},
	{"tcsh", false},
	{"fish", false},
	{"busybox", false},
	{"su", false},
	{"sudo", false},
	{"runuser", false},
	{"vi", true},
	{"vim", true},
	{"nvim", true},
	{"view", true},
	{"vimdiff", true},
	{"ex", true},
	{"ed", true},
	{"nano", true},
	{"pico", true},
	{"emacs", true},
	{"emacsclient", true},
	{"joe", true},
	{"jed", true},
	{"mcedit", true},
	{"mc", true},
	{"editor", true},
	{"sensible-editor", true},
	{"less", true},
	{"more", true},
	{"most", true},
	{"pager", true},
	{"sensible-pager", true},
	{"man", true},
	{"crontab", false},
	{"visudo", true},
	{"vipw", true},
	{"vigr", true},
	{"python", false},
	{"pypy", false},
	{"perl", false},
	{"ruby", false},
	{"irb", false},
	{"lua", false},
	{"luajit", false},
	{"php", false},
	{"node", false},
	{"tclsh", false},
	{"expect", false},
	{"awk", false},
	{"gawk", false},
	{"mawk", false},
	{"nawk", false},
	{"gdb", false},
	{"strace", false},
	{"ltrace", false},
	{"env", false},
	{"nice", false},
	{"nohup", false},
	{"timeout", false},
	{"setsid", false},
	{"xargs", false},
	{"find", false},
	{"watch", false},
	{"script", false},
	{"screen", false},
	{"tmux", false},
	{"chroot", false},
	{"nsenter", false},
	{"unshare", false},
	{"ssh", false},
	{"git", false},
	{"tar", false},
	{"zip", false},
	{"rsync", false},
	{"nmap", false},
	{"ftp", false},
	{"make", false},
	{"socat", false},
	{"tcpdump", false},
};

/* The rest of a versioned name, or a pattern for it: python3.11, lua5.4, python3*. */
static bool is_version(const char *text)
{
	return text[strspn(text, "0123456789.-*?[]")] == '\0';
}

static bool program_matches(const char *pattern, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(pattern, name, n) == 0 && is_version(pattern + n))
		return true;
	return strpbrk(pattern, "*?[") && rf_glob(pattern, name);
}

/* True when the command line gives a way to start another program. */
static bool is_escape(const char *command)
{
	char path[512];
	size_t n = strcspn(command, " ");
	const char *args = command[n] ? command + n + 1 : NULL;
	/* Arguments without a pattern are all that may be given; `""` says none at all. */
	bool fixed = args && strcmp(args, "\"\"") != 0 && !strpbrk(args, "*?[^");

	if (!rf_format(path, sizeof(path), "%.*s", (int)n, command))
		return true;
	const char *slash = strrchr(path, '/');

	if (!slash)
		return false; /* sudoedit, list */
	if (slash[1] == '\0')
		return true; /* every program of a directory */
	for (size_t i = 0; i < RF_COUNT(escapes); i++) {
		if (program_matches(slash + 1, escapes[i].name) && (escapes[i].always || !fixed))
			return true;
	}
	return false;
}

/* One grant's commands for one user. */
struct cell {
	struct sudo_run *run;
	const struct sudoers_rule *rule;
	const struct sudoers_command *command; /* tags and runas */
	int64_t item;			       /* counts on over the whole rule */
};

static bool is_nopasswd(const struct cell *cell, const struct sudo_subject *subject)
{
	const char *exempt = sudo_text(cell->run, "exempt_group", subject);

	if (cell->command->nopasswd != SUDOERS_TAG_UNSET)
		return cell->command->nopasswd == SUDOERS_TAG_ON;
	if (exempt && subject->who[0] == '%' && strcmp(exempt, subject->who + 1) == 0)
		return true;
	return !sudo_flag(cell->run, "authenticate", true, subject);
}

static void runas_text(const struct cell *cell, const struct sudoers_list *users,
		       struct rf_buf *text)
{
	const struct sudoers_list *groups = cell->command->runas_groups;

	for (size_t i = 0; i < users->count; i++)
		rf_buf_printf(text, "%s%s%s", i ? "," : "", users->items[i].negated ? "!" : "",
			      users->items[i].text);
	for (size_t i = 0; users->count == 0 && groups && i < groups->count; i++)
		rf_buf_printf(text, "%s%s", i ? "," : ":", groups->items[i].text);
}

static void put_row(struct cell *cell, const char *who, const struct sudoers_item *command,
		    const struct sudoers_list *runas)
{
	RF_AUTOBUF struct rf_buf as = {0}, text = {0};
	char where[UTIL_WHERE_BYTES], path[512];
	struct sudo_subject subject = {.who = who, .command = path, .runas = runas};
	bool all = strcmp(command->text, "ALL") == 0 && !command->quoted;

	rf_format(path, sizeof(path), "%.*s", (int)strcspn(command->text, " "), command->text);
	runas_text(cell, runas, &as);
	rf_buf_printf(&text, "%s%s", command->negated ? "!" : "", command->text);
	util_where(where, cell->rule->path, cell->rule->line);
	struct fact_sudo_rule row = {
		.file = cell->rule->path,
		.line = FACT_INT(cell->rule->line),
		.item = FACT_INT(cell->item++),
		.who = who,
		.is_group = FACT_BOOL(who[0] == '%'),
		.runas = rf_buf_text(&as),
		.command = rf_buf_text(&text),
		.all_commands = FACT_BOOL(all && !command->negated),
		.nopasswd = FACT_BOOL(!command->negated && is_nopasswd(cell, &subject)),
		.source = where,
	};
	bool noexec = cell->command->noexec == SUDOERS_TAG_UNSET
			      ? sudo_flag(cell->run, "noexec", false, &subject)
			      : cell->command->noexec == SUDOERS_TAG_ON;

	if (command->negated || all || noexec) {
		row.shell_escape = FACT_BOOL(0);
	} else if (command->text[0] == '^') {
		char key[UTIL_WHERE_BYTES + 32];

		rf_format(key, sizeof(key), "%s/%u/%lld", cell->rule->path, cell->rule->line,
			  (long long)row.item.v);
		fact_gap(cell->run->out, FACT_T_SUDO_RULE, key, "shell_escape", where,
			 "the command is a regular expression, which is not matched here: name the "
			 "program");
	} else {
		row.shell_escape = FACT_BOOL(is_escape(command->text));
	}
	fact_put_sudo_rule(cell->run->out, &row);
	cell->run->rows_count++;
}

static bool is_enough(const struct sudo_run *run)
{
	return run->rows_count >= SUDO_MAX_ROWS || run->work >= SUDO_MAX_WORK;
}

/* Aliases that cannot be replaced leave the rule unjudged, and say so. */
static void tell_limit(struct cell *cell)
{
	char where[UTIL_WHERE_BYTES];

	cell->run->work += SUDOERS_MAX_ENTRIES;
	util_where(where, cell->rule->path, cell->rule->line);
	fact_gap(cell->run->out, FACT_T_SUDO_RULE, where, "", where,
		 "%s: aliases nest too deeply or give too many items: does one name itself?",
		 where);
}

static int expand_runas(struct cell *cell, struct sudoers_list *out)
{
	const struct sudoers_list *users = cell->command->runas_users;
	const char *standard = sudo_text(cell->run, "runas_default", NULL);
	const struct sudoers_item root = {.text = standard ? standard : "root"};

	if (!users)
		return sudoers_list_add(out, &root);
	return sudoers_expand(&cell->run->tree, SUDOERS_RUNAS, users, out);
}

static void put_command(struct cell *cell, const struct sudoers_list *users)
{
	SUDOERS_AUTOLIST struct sudoers_list commands = {0}, runas = {0};
	struct sudoers_item item = cell->command->item;
	const struct sudoers_list one = {.items = &item, .count = 1};

	if (sudoers_expand(&cell->run->tree, SUDOERS_COMMANDS, &one, &commands) < 0 ||
	    expand_runas(cell, &runas) < 0) {
		tell_limit(cell);
		return;
	}
	cell->run->work += commands.count + runas.count;
	for (size_t u = 0; u < users->count; u++) {
		if (users->items[u].negated)
			continue;
		for (size_t c = 0; c < commands.count; c++) {
			if (is_enough(cell->run))
				return;
			put_row(cell, users->items[u].text, &commands.items[c], &runas);
		}
	}
}

static void put_rule(struct sudo_run *run, const struct sudoers_rule *rule)
{
	SUDOERS_AUTOLIST struct sudoers_list users = {0};
	struct cell cell = {.run = run, .rule = rule};

	if (sudoers_expand(&run->tree, SUDOERS_USERS, &rule->users, &users) < 0) {
		tell_limit(&cell);
		return;
	}
	run->work += users.count;
	for (size_t g = 0; g < rule->count && !is_enough(run); g++) {
		const struct sudoers_grant *grant = &rule->grants[g];

		if (!sudo_host_matches(run, &grant->hosts))
			continue;
		for (size_t c = 0; c < grant->count && !is_enough(run); c++) {
			cell.command = &grant->commands[c];
			put_command(&cell, &users);
		}
	}
}

void sudo_rules_put(struct sudo_run *run)
{
	for (size_t i = 0; i < run->tree.rules_count && !is_enough(run); i++)
		put_rule(run, &run->tree.rules[i]);
	if (is_enough(run))
		fact_gap(
			run->out, FACT_T_SUDO_RULE, "", "", "/etc/sudoers",
			"users times commands are more than %u, or aliases and Defaults too many: the "
			"rest was not looked at",
			SUDO_MAX_ROWS);
}
