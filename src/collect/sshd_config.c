/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sshd_config; see sshd_config.h. Defaults are ssh_defaults.c's part. Source: sshd_config(5), and
 * servconf.c and argv_split of OpenSSH 9.2 for quoting, order and includes within Match blocks.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/sshd_config.h"

#define SSH_DIR "/etc/ssh"

/* How the arguments of a line become one text. The rest: the first value of a single argument. */
enum shape {
	SINGLE, /* one argument, the first line wins */
	JOIN,	/* all arguments joined by ',', the first line wins */
	WORDS,	/* all arguments joined by a blank, the first line wins */
	MANY,	/* all arguments of all lines joined by ',' */
	LINES,	/* arguments joined by a blank, lines by ',' */
	RAW,	/* the rest of the line as written */
};

static const struct {
	const char *key;
	enum shape shape;
} shapes[] = {
	{"acceptenv", MANY},
	{"allowgroups", MANY},
	{"allowusers", MANY},
	{"authenticationmethods", WORDS},
	{"authorizedkeyscommand", RAW},
	{"authorizedkeysfile", JOIN},
	{"authorizedprincipalscommand", RAW},
	{"channeltimeout", JOIN},
	{"denygroups", MANY},
	{"denyusers", MANY},
	{"forcecommand", RAW},
	{"hostcertificate", MANY},
	{"hostkey", MANY},
	{"ipqos", WORDS},
	{"listenaddress", LINES},
	{"logverbose", JOIN},
	{"permitlisten", JOIN},
	{"permitopen", JOIN},
	{"persourcepenalties", WORDS},
	{"port", MANY},
	{"pubkeyauthoptions", JOIN},
	{"rekeylimit", WORDS},
	{"setenv", MANY},
	{"subsystem", LINES},
	{"versionaddendum", RAW},
};

/* Old names of today's options. */
static const char *const synonyms[][2] = {
	{"challengeresponseauthentication", "kbdinteractiveauthentication"},
	{"skeyauthentication", "kbdinteractiveauthentication"},
	{"dsaauthentication", "pubkeyauthentication"},
	{"pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"},
	{"hostbasedacceptedkeytypes", "hostbasedacceptedalgorithms"},
	{"hostdsakey", "hostkey"},
	{"verifyreversemapping", "usedns"},
	{"reversemappingcheck", "usedns"},
	{"keepalive", "tcpkeepalive"},
	{"rsaminsize", "requiredrsasize"},
};

/* Options whose value is a time, which the table gives in seconds. */
static const char *const times[] = {"logingracetime", "clientaliveinterval"};

struct load {
	struct sys *sys;
	struct fact_sink *out;
	struct sshd_config *config;
	unsigned int depth;
	bool failed; /* no memory */
};

/* Where a line stands, and under which Match blocks. */
struct frame {
	const char *path;
	unsigned int line;
	const char *outer;   /* criteria of the block that includes this file; NULL: none */
	struct rf_buf inner; /* criteria of this file's own block */
	bool in_match;
};

static int word_end(const char **cursor, struct rf_buf *word)
{
	const char *p = *cursor;
	char quote = '\0';

	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (*p == '\\' &&
		    (p[1] == '"' || p[1] == '\'' || p[1] == '\\' || (p[1] == ' ' && !quote))) {
			rf_buf_add_byte(word, (uint8_t) * ++p);
			continue;
		}
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? '\0' : *p;
		else
			rf_buf_add_byte(word, (uint8_t)*p);
	}
	*cursor = p;
	return quote ? RF_E_SYNTAX : 0;
}

int sshd_config_words(const char *text, struct util_paths *words)
{
	const char *p = text;

	for (;;) {
		RF_AUTOBUF struct rf_buf word = {0};

		p += strspn(p, " \t");
		if (*p == '\0' || *p == '#')
			return 0;
		int rc = word_end(&p, &word);

		if (rc == 0)
			rc = word.failed ? -ENOMEM : util_paths_add(words, rf_buf_text(&word));
		if (rc < 0)
			return rc;
	}
}

static enum shape shape_of(const char *key)
{
	for (size_t i = 0; i < RF_COUNT(shapes); i++) {
		if (strcmp(shapes[i].key, key) == 0)
			return shapes[i].shape;
	}
	return SINGLE;
}

static void doubt(struct load *load, const struct frame *frame, const char *key, const char *what)
{
	char where[UTIL_WHERE_BYTES];

	util_where(where, frame->path, frame->line);
	fact_gap(load->out, FACT_T_SSH_OPTION, key, "", where,
		 "%s: %s: sshd -t says whether sshd would start", where, what);
}

/* "1h30m" as seconds in text; what is no time stays. */
static void normal_time(char *text, size_t size)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	int64_t total = 0;
	const char *p = text;

	while (*p) {
		size_t digits = strspn(p, "0123456789"), i = 0;
		char number[16];
		int64_t n;

		if (!rf_format(number, sizeof(number), "%.*s", (int)digits, p) ||
		    rf_num(number, 10, 0, INT32_MAX, &n) < 0)
			return;
		p += digits;
		while (*p && i < RF_COUNT(units) && units[i].unit != (*p | 0x20))
			i++;
		if (i == RF_COUNT(units))
			return;
		total += n * units[*p ? i : 0].seconds;
		p += *p != '\0';
	}
	if (*text)
		rf_format(text, size, "%lld", (long long)total);
}

/* Words that sshd takes in any case, and an old spelling, written in one way. */
static void normal_word(const char *key, char *text, size_t size)
{
	static const char *const words[] = {"yes",
					    "no",
					    "any",
					    "none",
					    "all",
					    "local",
					    "remote",
					    "prohibit-password",
					    "forced-commands-only",
					    "shosts-only",
					    "point-to-point",
					    "ethernet",
					    "clientspecified",
					    "delayed",
					    "sandbox"};

	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (rf_equal_nocase(text, words[i])) {
			rf_lower(text);
			return;
		}
	}
	if (strcmp(key, "permitrootlogin") == 0 && rf_equal_nocase(text, "without-password"))
		rf_copy(text, size, "prohibit-password");
	for (size_t i = 0; i < RF_COUNT(times); i++) {
		if (strcmp(key, times[i]) == 0)
			normal_time(text, size);
	}
}

static void value_join(const char *key, enum shape shape, const struct util_paths *words,
		       const char *raw, struct rf_buf *value)
{
	if (shape == RAW) {
		rf_buf_add_text(value, raw);
		return;
	}
	for (size_t i = 0; i < words->count && (i == 0 || shape != SINGLE); i++) {
		if (i)
			rf_buf_add_byte(value, shape == WORDS || shape == LINES ? ' ' : ',');
		rf_buf_add_text(value, words->paths[i]);
	}
	if (shape == SINGLE && value->len && value->len < 64) {
		char text[80];

		rf_copy(text, sizeof(text), rf_buf_text(value));
		normal_word(key, text, sizeof(text));
		rf_buf_reset(value);
		rf_buf_add_text(value, text);
	}
}

static void match_add(struct load *load, const struct frame *frame, const char *key,
		      const char *value)
{
	struct sshd_config *config = load->config;
	void *array = config->matches;
	char where[UTIL_WHERE_BYTES];
	const char *inner = rf_buf_text(&frame->inner);

	if (config->matches_count >= SSHD_MAX_MATCHES) {
		doubt(load, frame, "match", "more options in Match blocks than we read");
		return;
	}
	if (rf_grow(&array, &config->matches_capacity, config->matches_count + 1,
		    sizeof(*config->matches)) < 0) {
		load->failed = true;
		return;
	}
	config->matches = array;
	struct sshd_match *m = &config->matches[config->matches_count++];

	*m = (struct sshd_match){
		.criteria = frame->outer && frame->in_match
				    ? rf_asprintf("%s, %s", frame->outer, inner)
				    : rf_strdup(frame->outer ? frame->outer : inner),
		.key = rf_strdup(key),
		.value = rf_strdup(value),
		.source = rf_strdup(util_where(where, frame->path, frame->line)),
	};
	if (!m->criteria || !m->key || !m->value || !m->source)
		load->failed = true;
}

static void option_set(struct load *load, const struct frame *frame, const char *key,
		       enum shape shape, const char *value)
{
	struct conf_options *options = &load->config->options;
	const struct conf_option *old = conf_find(options, key);
	bool adds = shape == MANY || shape == LINES;

	if (old && !adds)
		return; /* the first value wins */
	if (!old) {
		conf_put_at(options, key, value, frame->path, frame->line);
		return;
	}
	RF_AUTOFREE char *joined = rf_asprintf("%s,%s", old->value, value);
	RF_AUTOFREE char *source = rf_strdup(old->source);

	if (!joined || !source || strlen(joined) > RF_MAX_LINE_BYTES)
		load->failed = !joined || !source;
	else
		conf_put(options, key, joined, source);
}

static void load_file(struct load *load, const char *path, const char *outer, bool must_exist);

static void include_all(struct load *load, struct frame *frame, const struct util_paths *words)
{
	RF_AUTOFREE char *both = NULL;
	const char *outer = frame->outer;

	if (frame->in_match) {
		both = outer ? rf_asprintf("%s, %s", outer, rf_buf_text(&frame->inner))
			     : rf_strdup(rf_buf_text(&frame->inner));
		outer = both;
		load->failed = load->failed || !both;
	}
	if (load->depth >= RF_MAX_INCLUDE_DEPTH ||
	    load->config->files_count >= RF_MAX_INCLUDE_FILES) {
		load->config->incomplete = true;
		doubt(load, frame, "", "files within files nest too deeply: one includes itself");
		return;
	}
	for (size_t i = 0; i < words->count; i++) {
		UTIL_AUTOPATHS struct util_paths files = {0};
		char pattern[RF_MAX_PATH_BYTES];

		if (!rf_format(pattern, sizeof(pattern), "%s%s",
			       words->paths[i][0] == '/' ? "" : SSH_DIR "/", words->paths[i]))
			continue;
		int rc = conf_glob(load->sys, pattern, &files);

		if (rc < 0) {
			load->config->incomplete = true;
			util_gap(load->out, FACT_T_SSH_OPTION, "", pattern, rc);
		}
		load->depth++;
		for (size_t k = 0; k < files.count; k++)
			load_file(load, files.paths[k], outer, false);
		load->depth--;
	}
}

static void match_begin(struct load *load, struct frame *frame, const struct util_paths *words)
{
	rf_buf_reset(&frame->inner);
	for (size_t i = 0; i < words->count; i++)
		rf_buf_printf(&frame->inner, "%s%s", i ? " " : "", words->paths[i]);
	frame->in_match = true;
	load->failed = load->failed || frame->inner.failed;
}

/* The keyword ends at a blank or at one =; it may stand in quotes. Returns what follows. */
static char *cut_keyword(char *line, char **keyword)
{
	char *p = line, *end;

	if (*p == '"') {
		*keyword = ++p;
		end = strchr(p, '"');
		if (!end)
			return NULL;
		*end++ = '\0';
	} else {
		*keyword = p;
		end = p + strcspn(p, " \t=");
	}
	bool equals = *end == '=';

	if (*end)
		*end++ = '\0';
	end += strspn(end, " \t");
	if (!equals && *end == '=')
		end += 1 + strspn(end + 1, " \t");
	return end;
}

static const char *option_name(char *keyword)
{
	rf_lower(keyword);
	for (size_t i = 0; i < RF_COUNT(synonyms); i++) {
		if (strcmp(synonyms[i][0], keyword) == 0)
			return synonyms[i][1];
	}
	return keyword;
}

static void load_line(struct load *load, struct frame *frame, char *line)
{
	UTIL_AUTOPATHS struct util_paths words = {0};
	RF_AUTOBUF struct rf_buf value = {0};
	char *keyword, *rest;

	line = rf_trim(line);
	if (*line == '\0' || *line == '#')
		return;
	rest = cut_keyword(line, &keyword);
	int rc = rest ? sshd_config_words(rest, &words) : RF_E_SYNTAX;

	if (rc == -ENOMEM) {
		load->failed = true;
		return;
	}
	const char *key = option_name(keyword);

	if (rc < 0 || words.count == 0) {
		doubt(load, frame, key, rc < 0 ? "a quote is not closed" : "no value is given");
		return;
	}
	if (strcmp(key, "include") == 0) {
		include_all(load, frame, &words);
		return;
	}
	if (strcmp(key, "match") == 0) {
		match_begin(load, frame, &words);
		return;
	}
	enum shape shape = shape_of(key);

	value_join(key, shape, &words, rest, &value);
	load->failed = load->failed || value.failed;
	if (frame->in_match || frame->outer)
		match_add(load, frame, key, rf_buf_text(&value));
	else
		option_set(load, frame, key, shape, rf_buf_text(&value));
}

static void load_file(struct load *load, const char *path, const char *outer, bool must_exist)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct frame frame = {.path = path, .outer = outer};
	int rc = util_read(load->sys, load->out, FACT_T_SSH_OPTION, "", path, RF_MAX_FILE_BYTES,
			   &text);

	load->config->files_count++;
	if (rc < 0 || (rc == 0 && must_exist))
		load->config->incomplete = true;
	if (rc == 0 && must_exist)
		util_gap(load->out, FACT_T_SSH_OPTION, "", path, -ENOENT);
	if (rc <= 0 || text.len == 0)
		return;
	char *cursor = (char *)text.data, *line;

	while (!load->failed && (line = rf_line_next(&cursor))) {
		frame.line++;
		load_line(load, &frame, line);
	}
	rf_buf_done(&frame.inner);
}

int sshd_config_load(struct sys *sys, struct fact_sink *out, const char *path,
		     struct sshd_config *config)
{
	struct load load = {.sys = sys, .out = out, .config = config};

	load_file(&load, path, NULL, true);
	return load.failed || config->options.failed ? -ENOMEM : 0;
}

void sshd_config_done(struct sshd_config *config)
{
	conf_options_done(&config->options);
	for (size_t i = 0; i < config->matches_count; i++) {
		rf_free(config->matches[i].criteria);
		rf_free(config->matches[i].key);
		rf_free(config->matches[i].value);
		rf_free(config->matches[i].source);
	}
	rf_free(config->matches);
	*config = (struct sshd_config){0};
}
