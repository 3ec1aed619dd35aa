/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector auth, shells: TMOUT and umask as the start files of a login shell leave them. The files
 * are programs, and we do not run them: assignments are read in the order of the files; of those
 * below an `if` or behind `&&` the worst counts, because nobody here knows which branch is taken.
 * Sources: bash(1) (TMOUT, INVOCATION), umask(1p), pam_umask(8).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/auth.h"
#include "collect/pam.h"
#include "collect/util.h"

/* What is known of one setting so far. */
struct setting {
	const char *key;
	bool set, readonly, doubtful; /* doubtful: assigned from something that is not a number */
	char value[32];
	char source[UTIL_WHERE_BYTES];
	int64_t badness;
};

struct shell {
	struct setting tmout, mask;
	int depth;	  /* of if, case and loops in this file */
	bool conditional; /* behind && or || */
	const char *path;
	unsigned int line;
};

enum command { COMMAND_NONE, COMMAND_DECLARE, COMMAND_UMASK, COMMAND_UNSET, COMMAND_OTHER };

struct words {
	char *cursor;
	enum command command;
	bool readonly;
};

static void setting_apply(struct shell *sh, struct setting *s, const char *value, int64_t badness,
			  bool doubtful)
{
	bool sure = sh->depth == 0 && !sh->conditional;

	if (s->readonly)
		return;
	if (!sure && s->set && !doubtful && badness <= s->badness)
		return;
	s->set = true;
	s->doubtful = doubtful || (!sure && s->doubtful);
	s->badness = badness;
	rf_copy(s->value, sizeof(s->value), value);
	util_where(s->source, sh->path, sh->line);
}

static void take_tmout(struct shell *sh, char *value, bool readonly)
{
	int64_t n;

	if (rf_num(value, 10, 0, INT32_MAX, &n) == 0)
		setting_apply(sh, &sh->tmout, value, n == 0 ? INT64_MAX : n, false);
	else if (*value == '\0')
		setting_apply(sh, &sh->tmout, "0", INT64_MAX, false);
	else
		setting_apply(sh, &sh->tmout, value, 0, true);
	if (readonly)
		sh->tmout.readonly = true;
}

/* One of u=rwx,g=rx,o= as the bits it leaves open, or -1. */
static int symbolic_mask(const char *text)
{
	static const char who[] = "ugo";
	int mask = 0;

	for (size_t i = 0; i < 3; i++) {
		char want[3] = {who[i], '=', '\0'};
		const char *p = strstr(text, want);
		int open = 0;

		if (!p)
			return -1;
		for (p += 2; *p && *p != ','; p++)
			open |= *p == 'r' ? 4 : *p == 'w' ? 2 : *p == 'x' ? 1 : 8;
		if (open > 7)
			return -1;
		mask |= (7 - open) << (6 - 3 * (int)i);
	}
	return mask;
}

static void take_umask(struct shell *sh, const char *value)
{
	char text[32];
	int64_t n;

	if (rf_num(value, 8, 0, 0777, &n) < 0) {
		n = symbolic_mask(value);
		if (n < 0) {
			setting_apply(sh, &sh->mask, value, 0, true);
			return;
		}
	}
	rf_format(text, sizeof(text), "%03o", (unsigned int)n);
	setting_apply(sh, &sh->mask, text, __builtin_popcount(~(unsigned int)n & 077u), false);
}

/* Words that open or close something, at the place of a command. True when word is one. */
static bool keyword(struct shell *sh, const char *word)
{
	static const char *const opens[] = {"if", "case", "for", "while", "until", "select"};
	static const char *const closes[] = {"fi", "esac", "done"};
	static const char *const between[] = {"then", "else", "elif", "do", "!", "time"};

	for (size_t i = 0; i < RF_COUNT(opens); i++) {
		if (strcmp(word, opens[i]) == 0) {
			sh->depth++;
			return true;
		}
	}
	for (size_t i = 0; i < RF_COUNT(closes); i++) {
		if (strcmp(word, closes[i]) == 0) {
			sh->depth -= sh->depth > 0;
			return true;
		}
	}
	for (size_t i = 0; i < RF_COUNT(between); i++) {
		if (strcmp(word, between[i]) == 0)
			return true;
	}
	return false;
}

static enum command command_of(const char *word)
{
	static const struct {
		const char *word;
		enum command command;
	} commands[] = {
		{"export", COMMAND_DECLARE},  {"readonly", COMMAND_DECLARE},
		{"declare", COMMAND_DECLARE}, {"typeset", COMMAND_DECLARE},
		{"local", COMMAND_OTHER},     {"umask", COMMAND_UMASK},
		{"unset", COMMAND_UNSET},
	};

	for (size_t i = 0; i < RF_COUNT(commands); i++) {
		if (strcmp(word, commands[i].word) == 0)
			return commands[i].command;
	}
	return COMMAND_OTHER;
}

static void take_word(struct shell *sh, struct words *w, char *word)
{
	if (w->command == COMMAND_NONE) {
		if (keyword(sh, word))
			return;
		if (rf_starts(word, "TMOUT=")) {
			take_tmout(sh, word + 6, false);
			return;
		}
		w->command = command_of(word);
		w->readonly = strcmp(word, "readonly") == 0;
		return;
	}
	if (w->command == COMMAND_DECLARE) {
		if (word[0] == '-')
			w->readonly = w->readonly || strchr(word, 'r');
		else if (rf_starts(word, "TMOUT="))
			take_tmout(sh, word + 6, w->readonly);
		else if (strcmp(word, "TMOUT") == 0 && w->readonly)
			sh->tmout.readonly = true;
	} else if (w->command == COMMAND_UMASK && word[0] != '-') {
		take_umask(sh, word);
	} else if (w->command == COMMAND_UNSET && strcmp(word, "TMOUT") == 0) {
		setting_apply(sh, &sh->tmout, "0", INT64_MAX, false);
	}
}

/* Cuts the next word off line, quotes taken away. *separator is what ended the command, or '\0'. */
static bool next_word(char **cursor, char **word, char *separator)
{
	char *p = *cursor + strspn(*cursor, " \t"), *to = p;

	*separator = '\0';
	*word = p;
	if (*p == '\0' || *p == '#')
		return false;
	if (strchr(";&|(){}", *p)) {
		*separator = *p;
		*cursor = p + ((p[1] == *p) ? 2 : 1);
		if (*p != ';' && p[1] == *p)
			*separator = '?'; /* && and || */
		**word = '\0';
		return true;
	}
	char quote = '\0';

	for (; *p && (quote || !strchr(" \t;&|(){}", *p)); p++) {
		if (quote ? *p == quote : (*p == '"' || *p == '\''))
			quote = quote ? '\0' : *p;
		else if (*p == '$' && p[1] == '{' && !quote)
			*to++ = *p++, *to++ = *p, quote = '}';
		else
			*to++ = *p;
	}
	*cursor = p;
	/* The separator behind the word must survive the cut: words never touch it. */
	if (to < p)
		*to = '\0';
	return true;
}

static void scan_line(struct shell *sh, const char *line)
{
	RF_AUTOFREE char *copy = rf_strdup(line);
	struct words w = {.cursor = copy};
	char *word, separator;

	sh->conditional = false;
	while (w.cursor && next_word(&w.cursor, &word, &separator)) {
		if (separator) {
			w = (struct words){.cursor = w.cursor};
			sh->conditional = separator == '?' || (sh->conditional && separator == '{');
			continue;
		}
		char kept = *w.cursor;

		*w.cursor = '\0';
		take_word(sh, &w, word);
		*w.cursor = kept;
	}
}

static void scan_file(struct auth *auth, struct shell *sh, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(auth->sys, path, RF_MAX_FILE_BYTES, &text, NULL);

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR) {
		util_gap(auth->out, FACT_T_AUTH_POLICY, "shell/TMOUT", path, rc);
		util_gap(auth->out, FACT_T_AUTH_POLICY, "shell/umask", path, rc);
		sh->tmout.doubtful = sh->mask.doubtful = true;
	}
	if (rc < 0 || text.len == 0)
		return;
	char *cursor = (char *)text.data, *line;

	sh->path = path;
	sh->line = 0;
	sh->depth = 0;
	while ((line = rf_line_next(&cursor))) {
		sh->line++;
		scan_line(sh, line);
	}
}

static void put_setting(struct auth *auth, const struct setting *s, const char *fallback,
			const char *source)
{
	if (s->doubtful) {
		fact_gap(auth->out, FACT_T_AUTH_POLICY, s->key, "",
			 s->source[0] ? s->source : "/etc/profile",
			 "%s is set from something that only a shell can work out: write a number",
			 s->key);
		return;
	}
	auth_set(auth, s->key, s->set ? s->value : fallback, s->set ? s->source : source);
}

/* pam_umask(8) sets the mask before the shell starts: its argument, else UMASK of login.defs. */
static void pam_mask(struct auth *auth, char *value, size_t size, char *source)
{
	PAM_AUTOSTACK struct pam_stack stack = {0};
	size_t at = 0;

	rf_copy(value, size, "022");
	rf_copy(source, UTIL_WHERE_BYTES, "default");
	if (pam_stack_load(auth->sys, "login", &stack) < 0)
		return;
	const struct pam_rule *rule = pam_rule_next(&stack, "session", "pam_umask.so", &at);

	if (!rule)
		return;
	const char *mask = pam_rule_arg(rule, "umask");
	int64_t n;

	util_where(source, rule->path, rule->line);
	if (!mask)
		mask = auth_get(auth, "login.defs/UMASK");
	if (mask && rf_num(mask, 8, 0, 0777, &n) == 0)
		rf_format(value, size, "%03o", (unsigned int)n);
}

void auth_shell(struct auth *auth)
{
	static const char *const before[] = {"/etc/profile", "/etc/bash.bashrc", "/etc/bashrc"};
	static const char *const dirs[] = {"/etc/profile.d"};
	struct shell sh = {.tmout.key = "shell/TMOUT", .mask.key = "shell/umask"};
	UTIL_AUTOPATHS struct util_paths files = {0};
	char value[16], source[UTIL_WHERE_BYTES];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(before); i++)
		rc = util_paths_add(&files, before[i]);
	if (rc == 0)
		rc = util_dropins(auth->sys, dirs, 1, ".sh", &files);
	if (rc < 0) {
		util_gap(auth->out, FACT_T_AUTH_POLICY, "shell/TMOUT", dirs[0], rc);
		util_gap(auth->out, FACT_T_AUTH_POLICY, "shell/umask", dirs[0], rc);
		return;
	}
	for (size_t i = 0; i < files.count; i++)
		scan_file(auth, &sh, files.paths[i]);
	pam_mask(auth, value, sizeof(value), source);
	put_setting(auth, &sh.tmout, "0", "default");
	put_setting(auth, &sh.mask, value, source);
}
