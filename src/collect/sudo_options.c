/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector sudo, Defaults: which lines hold for whom, and the options in effect for all users.
 * Source: sudoers(5) (SUDOERS OPTIONS), `sudo -V` of Debian's build and of upstream's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/dpkg.h"
#include "collect/sudo.h"

enum kind { FLAG, NUMBER, TEXT, LIST };

/* debian NULL: as upstream. since: from that version on the flag is on. */
static const struct {
	const char *name;
	enum kind kind;
	const char *upstream, *debian, *since;
} options[] = {
	{"always_set_home", FLAG, "0", NULL, NULL},
	{"authenticate", FLAG, "1", NULL, NULL},
	{"closefrom_override", FLAG, "0", NULL, NULL},
	{"env_editor", FLAG, "1", NULL, NULL},
	{"env_reset", FLAG, "1", NULL, NULL},
	{"exempt_group", TEXT, "", NULL, NULL},
	{"fast_glob", FLAG, "0", NULL, NULL},
	{"ignore_logfile_errors", FLAG, "1", NULL, NULL},
	{"insults", FLAG, "0", NULL, NULL},
	{"intercept", FLAG, "0", NULL, NULL},
	{"iolog_dir", TEXT, "/var/log/sudo-io", NULL, NULL},
	{"lecture", TEXT, "once", NULL, NULL},
	{"listpw", TEXT, "any", NULL, NULL},
	{"log_allowed", FLAG, "1", NULL, NULL},
	{"log_denied", FLAG, "1", NULL, NULL},
	{"log_host", FLAG, "0", NULL, NULL},
	{"log_input", FLAG, "0", NULL, NULL},
	{"log_output", FLAG, "0", NULL, NULL},
	{"log_subcmds", FLAG, "0", NULL, NULL},
	{"log_year", FLAG, "0", NULL, NULL},
	{"logfile", TEXT, "", NULL, NULL},
	{"log_servers", LIST, "", NULL, NULL},
	{"mail_always", FLAG, "0", NULL, NULL},
	{"mail_badpass", FLAG, "0", NULL, NULL},
	{"mail_no_user", FLAG, "1", NULL, NULL},
	{"noexec", FLAG, "0", NULL, NULL},
	{"passwd_timeout", NUMBER, "5", "0", NULL},
	{"passwd_tries", NUMBER, "3", NULL, NULL},
	{"pwfeedback", FLAG, "0", NULL, NULL},
	{"requiretty", FLAG, "0", NULL, NULL},
	{"root_sudo", FLAG, "1", NULL, NULL},
	{"rootpw", FLAG, "0", NULL, NULL},
	{"runas_allow_unknown_id", FLAG, "0", NULL, NULL},
	{"runas_default", TEXT, "root", NULL, NULL},
	{"runaspw", FLAG, "0", NULL, NULL},
	{"secure_path", TEXT, "", NULL, NULL},
	{"set_home", FLAG, "0", NULL, NULL},
	{"setenv", FLAG, "0", NULL, NULL},
	{"shell_noargs", FLAG, "0", NULL, NULL},
	{"syslog", TEXT, "authpriv", NULL, NULL},
	{"syslog_badpri", TEXT, "alert", NULL, NULL},
	{"syslog_goodpri", TEXT, "notice", NULL, NULL},
	{"targetpw", FLAG, "0", NULL, NULL},
	{"timestamp_timeout", NUMBER, "5", "15", NULL},
	{"timestamp_type", TEXT, "tty", NULL, NULL},
	{"tty_tickets", FLAG, "1", NULL, NULL},
	{"umask", TEXT, "0022", NULL, NULL},
	{"umask_override", FLAG, "0", NULL, NULL},
	{"use_pty", FLAG, "0", NULL, "1.9.14"},
	{"verifypw", TEXT, "all", NULL, NULL},
	{"visiblepw", FLAG, "0", NULL, NULL},
	{"env_keep", LIST, NULL, NULL, NULL},
	{"env_check", LIST, NULL, NULL, NULL},
	{"env_delete", LIST, NULL, NULL, NULL},
};

static enum kind kind_of(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(options); i++) {
		if (strcmp(options[i].name, name) == 0)
			return options[i].kind;
	}
	return FLAG;
}

static bool user_in_group(const struct sudo_run *run, const char *user, const char *group)
{
	const struct util_user *account = util_user_named(&run->users, user);

	for (size_t i = 0; i < run->users.groups_count; i++) {
		const struct util_group *g = &run->users.groups[i];
		size_t n = strlen(user);

		if (strcmp(g->name, group) != 0)
			continue;
		if (account && account->gid >= 0 && account->gid == g->gid)
			return true;
		for (const char *m = g->members; m;
		     m = strchr(m, ',') ? strchr(m, ',') + 1 : NULL) {
			if (strncmp(m, user, n) == 0 && (m[n] == ',' || m[n] == '\0'))
				return true;
		}
	}
	return false;
}

static bool user_item_matches(const struct sudo_run *run, const char *item, const char *who)
{
	if (strcmp(item, "ALL") == 0 || strcmp(item, who) == 0)
		return true;
	return item[0] == '%' && who[0] != '%' && user_in_group(run, who, item + 1);
}

/* Of a list the last member that matches decides, and a member with ! says no. */
static bool users_match(const struct sudo_run *run, const struct sudoers_list *list,
			const char *who)
{
	bool matches = false;

	for (size_t i = 0; i < list->count; i++) {
		if (user_item_matches(run, list->items[i].text, who))
			matches = !list->items[i].negated;
	}
	return matches;
}

static bool runas_match(const struct sudoers_list *list, const struct sudoers_list *runas)
{
	bool matches = false;

	for (size_t i = 0; i < list->count; i++) {
		for (size_t k = 0; k < runas->count; k++) {
			if (strcmp(list->items[i].text, "ALL") == 0 ||
			    strcmp(list->items[i].text, runas->items[k].text) == 0)
				matches = !list->items[i].negated;
		}
	}
	return matches;
}

static bool commands_match(const struct sudoers_list *list, const char *command)
{
	bool matches = false;

	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->items[i].text;
		char path[512];

		rf_format(path, sizeof(path), "%.*s", (int)strcspn(item, " "), item);
		if (strcmp(path, "ALL") == 0 || strcmp(path, command) == 0 ||
		    rf_glob(path, command))
			matches = !list->items[i].negated;
	}
	return matches;
}

/* Names are compared; for an address or a netgroup nobody here can tell, and yes is the safe
 * answer: a rule is shown rather than hidden. */
bool sudo_host_matches(struct sudo_run *run, const struct sudoers_list *hosts)
{
	SUDOERS_AUTOLIST struct sudoers_list flat = {0};
	const char *name = sys_host_name(run->sys);
	char brief[256];
	bool matches = false;

	rf_format(brief, sizeof(brief), "%.*s", (int)strcspn(name, "."), name);
	if (sudoers_expand(&run->tree, SUDOERS_HOSTS, hosts, &flat) < 0)
		return true;
	run->work += flat.count + 1;
	for (size_t i = 0; i < flat.count; i++) {
		const char *item = flat.items[i].text;
		size_t numeric = strspn(item, "0123456789./");
		bool unclear = item[0] == '+' || strchr(item, ':') || item[numeric] == '\0';
		bool here = strcmp(item, "ALL") == 0 || rf_glob(item, name) ||
			    rf_glob(item, brief) ||
			    (rf_starts(item, brief) && item[strlen(brief)] == '.');

		if (unclear && !flat.items[i].negated)
			return true;
		if (here)
			matches = !flat.items[i].negated;
	}
	return matches;
}

bool sudo_default_applies(struct sudo_run *run, const struct sudoers_default *d,
			  const struct sudo_subject *subject)
{
	SUDOERS_AUTOLIST struct sudoers_list flat = {0};
	static const enum sudoers_alias_kind kinds[] = {['@'] = SUDOERS_HOSTS,
							[':'] = SUDOERS_USERS,
							['>'] = SUDOERS_RUNAS,
							['!'] = SUDOERS_COMMANDS};

	if (d->scope == '\0')
		return true;
	if (d->scope == '@')
		return sudo_host_matches(run, d->bound);
	if (!subject ||
	    sudoers_expand(&run->tree, kinds[(unsigned char)d->scope], d->bound, &flat) < 0)
		return false;
	run->work += flat.count + 1;
	if (d->scope == ':')
		return subject->who && users_match(run, &flat, subject->who);
	if (d->scope == '>')
		return subject->runas && runas_match(&flat, subject->runas);
	return subject->command && commands_match(&flat, subject->command);
}

bool sudo_flag(struct sudo_run *run, const char *name, bool otherwise,
	       const struct sudo_subject *subject)
{
	bool on = otherwise;

	run->work += run->tree.defaults_count;
	/* Lines for a command come last, wherever they stand. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < run->tree.defaults_count; i++) {
			const struct sudoers_default *d = &run->tree.defaults[i];

			if ((d->scope == '!') == (pass == 1) && strcmp(d->name, name) == 0 &&
			    sudo_default_applies(run, d, subject))
				on = !d->negated;
		}
	}
	return on;
}

const char *sudo_text(struct sudo_run *run, const char *name, const struct sudo_subject *subject)
{
	const char *text = NULL;

	for (size_t i = 0; i < run->tree.defaults_count; i++) {
		const struct sudoers_default *d = &run->tree.defaults[i];

		if (strcmp(d->name, name) == 0 && sudo_default_applies(run, d, subject))
			text = d->negated ? NULL : d->value;
	}
	return text;
}

struct option_value {
	struct rf_buf text;
	const struct sudoers_default *from; /* the last line that spoke; NULL: none */
};

static bool has_word(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strcspn(p, " ") == len && strncmp(p, word, len) == 0)
			return true;
	}
	return false;
}

/* Lists: += adds words that are not there, -= takes words away. */
static void change_list(struct rf_buf *text, char op, const char *words)
{
	RF_AUTOBUF struct rf_buf changed = {0};
	const char *base = op == '+' ? rf_buf_text(text) : words;
	const char *more = op == '+' ? words : rf_buf_text(text);

	if (op == '+')
		rf_buf_add_text(&changed, base);
	for (const char *p = more + strspn(more, " "); *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (!has_word(base, p, n)) {
			if (changed.len)
				rf_buf_add_byte(&changed, ' ');
			rf_buf_add(&changed, p, n);
		}
		p += n;
	}
	rf_buf_reset(text);
	rf_buf_add_text(text, rf_buf_text(&changed));
}

static void apply(struct option_value *v, const struct sudoers_default *d)
{
	enum kind kind = kind_of(d->name);

	v->from = d;
	if (kind == LIST && d->op && d->op != '=') {
		change_list(&v->text, d->op, d->value);
		return;
	}
	rf_buf_reset(&v->text);
	if (d->op && !d->negated)
		rf_buf_add_text(&v->text, d->value);
	else if (strcmp(d->name, "lecture") == 0)
		rf_buf_add_text(&v->text, d->negated ? "never" : "once");
	else if (strcmp(d->name, "syslog") == 0 && !d->negated)
		rf_buf_add_text(&v->text, "authpriv");
	else if (kind == FLAG || kind == NUMBER)
		rf_buf_add_text(&v->text, d->negated ? "0" : "1");
}

/* The value that the lines for all users give name; from stays NULL when none speaks. */
static void option_find(struct sudo_run *run, const char *name, struct option_value *v)
{
	for (size_t i = 0; i < run->tree.defaults_count; i++) {
		const struct sudoers_default *d = &run->tree.defaults[i];

		if (strcmp(d->name, name) == 0 && sudo_default_applies(run, d, NULL))
			apply(v, d);
	}
}

static void option_put(struct sudo_run *run, const char *name, const struct option_value *v)
{
	char where[UTIL_WHERE_BYTES];

	fact_put_sudo_option(run->out,
			     &(struct fact_sudo_option){
				     .key = name,
				     .value = rf_buf_text(&v->text),
				     .source = util_where(where, v->from->path, v->from->line)});
}

static void put_known(struct sudo_run *run, size_t i, const char *version, bool debian)
{
	struct option_value v = {0};
	const char *name = options[i].name, *value = options[i].upstream;

	option_find(run, name, &v);
	if (debian && options[i].debian)
		value = options[i].debian;
	if (v.from) {
		option_put(run, name, &v);
	} else if (options[i].since && *version == '\0') {
		fact_gap(run->out, FACT_T_SUDO_OPTION, name, "", "default",
			 "no Defaults line sets %s, and what sudo does then depends on its version "
			 "(from %s on it is on), which could not be found: set it",
			 name, options[i].since);
	} else if (value) {
		if (options[i].since && dpkg_version_compare(version, options[i].since) >= 0)
			value = "1";
		fact_put_sudo_option(run->out, &(struct fact_sudo_option){.key = name,
									  .value = value,
									  .source = "default"});
	}
	rf_buf_done(&v.text);
}

void sudo_options_put(struct sudo_run *run, const char *version, bool debian)
{
	RF_AUTOMAP struct rf_map done = {0};

	for (size_t i = 0; i < RF_COUNT(options); i++) {
		if (rf_map_set(&done, options[i].name, run) == 0)
			put_known(run, i, version, debian);
	}
	for (size_t i = 0; i < run->tree.defaults_count; i++) {
		const char *name = run->tree.defaults[i].name;
		struct option_value v = {0};

		if (rf_map_has(&done, name) || rf_map_set(&done, name, run) < 0)
			continue;
		option_find(run, name, &v);
		if (v.from)
			option_put(run, name, &v);
		rf_buf_done(&v.text);
	}
}
