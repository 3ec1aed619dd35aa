/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector polkit: who may use libvirt's actions. Rules are programs and are not run (see
 * polkit_rule.h); what they leave open the defaults of the action files decide. Sources: polkit(8),
 * pklocalauthority(8), libvirt's aclpolkit page.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/polkit_rule.h"
#include "collect/util.h"
#include "collect/xml.h"

/* One file, with the number of the next row. */
struct polkit_file {
	struct fact_sink *out;
	const char *path;
	int64_t item;
};

static void put_grant(struct polkit_file *file, const struct polkit_statement *s)
{
	char where[UTIL_WHERE_BYTES], key[UTIL_WHERE_BYTES];
	struct fact_polkit_grant row = {.file = file->path,
					.item = FACT_INT(file->item++),
					.action = s->action,
					.subject = s->subject,
					.result = s->result,
					.source = util_where(where, file->path, s->line)};

	if (s->broad >= 0)
		row.broad = FACT_BOOL(s->broad);
	rf_format(key, sizeof(key), "%s/%lld", file->path, (long long)row.item.v);
	for (int i = 0; i < 2; i++) {
		if (i ? s->broad >= 0 : s->result != NULL)
			continue;
		fact_gap(file->out, FACT_T_POLKIT_GRANT, key, i ? "broad" : "result", where,
			 "%s: the rule is a program that is not of a shape read here: write it as "
			 "if (action.id == \"...\" && subject.isInGroup(\"...\")) return ...",
			 where);
	}
	fact_put_polkit_grant(file->out, &row);
}

static void on_statement(void *ctx, const struct polkit_statement *statement)
{
	put_grant(ctx, statement);
}

static void read_rules(struct sys *sys, struct fact_sink *out, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct polkit_file file = {.out = out, .path = path};

	if (util_read(sys, out, FACT_T_POLKIT_GRANT, path, path, RF_MAX_FILE_BYTES, &text) <= 0)
		return;
	int rc = polkit_rules_parse(rf_buf_text(&text), on_statement, &file);

	if (rc < 0)
		fact_gap(out, FACT_T_POLKIT_GRANT, path, "", path,
			 "%s is not JavaScript that can be read here (%s): polkitd's log says "
			 "whether it can",
			 path, rf_code_text(rc));
}

/* From the least to the most that an answer gives. */
static const char *const results[] = {"no",	   "auth_admin",     "auth_admin_keep",
				      "auth_self", "auth_self_keep", "yes"};

static int result_rank(const char *result)
{
	for (int i = (int)RF_COUNT(results) - 1; i >= 0; i--) {
		if (strcmp(results[i], result) == 0)
			return i;
	}
	return -1;
}

/* A section of a .pkla file. */
struct pkla {
	struct polkit_file *file;
	char section[128], identities[2048], actions[2048];
	int rank;
	unsigned int line;
	bool open;
};

static bool touches_libvirt(const char *pattern)
{
	return rf_starts(pattern, "org.libvirt.") || rf_glob(pattern, "org.libvirt.unix.manage") ||
	       rf_glob(pattern, "org.libvirt.unix.monitor");
}

static void pkla_identity(struct pkla *p, const char *action, const char *identity)
{
	bool any = strcmp(identity, "unix-user:*") == 0 || strcmp(identity, "unix-group:*") == 0 ||
		   strcmp(identity, "*") == 0 || strcmp(identity, "default") == 0;
	struct polkit_statement s = {.action = action,
				     .subject = any ? "any" : identity,
				     .result = results[p->rank],
				     .line = p->line};

	s.broad = any && strcmp(s.result, "yes") == 0;
	put_grant(p->file, &s);
}

static void pkla_end(struct pkla *p)
{
	char *actions = p->actions;

	while (p->open && p->rank >= 0 && actions) {
		char *action = actions, *semicolon = strchr(actions, ';');

		if (semicolon)
			*semicolon = '\0';
		actions = semicolon ? semicolon + 1 : NULL;
		if (!touches_libvirt(rf_trim(action)))
			continue;
		RF_AUTOFREE char *copy = rf_strdup(p->identities);
		char *identities = copy;

		while (identities) {
			char *identity = identities, *end = strchr(identities, ';');

			if (end)
				*end = '\0';
			identities = end ? end + 1 : NULL;
			identity = rf_trim(identity);
			if (*identity)
				pkla_identity(p, rf_trim(action), identity);
		}
	}
	p->open = false;
}

static void pkla_setting(void *ctx, const struct util_setting *s)
{
	struct pkla *p = ctx;

	if (!p->open || strcmp(p->section, s->section) != 0) {
		pkla_end(p);
		rf_copy(p->section, sizeof(p->section), s->section);
		p->identities[0] = p->actions[0] = '\0';
		p->rank = -1;
		p->open = true;
		p->line = s->line;
	}
	if (strcmp(s->key, "Identity") == 0) {
		rf_copy(p->identities, sizeof(p->identities), s->value);
	} else if (strcmp(s->key, "Action") == 0) {
		rf_copy(p->actions, sizeof(p->actions), s->value);
	} else if (rf_starts(s->key, "Result")) {
		int rank = result_rank(s->value);

		p->rank = rank > p->rank ? rank : p->rank;
	}
}

static void read_pkla(struct sys *sys, struct fact_sink *out, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct polkit_file file = {.out = out, .path = path};
	struct pkla pkla = {.file = &file};

	if (util_read(sys, out, FACT_T_POLKIT_GRANT, path, path, RF_MAX_FILE_BYTES, &text) <= 0 ||
	    text.len == 0)
		return;
	util_settings_walk((char *)text.data, path, "#", false, pkla_setting, &pkla);
	pkla_end(&pkla);
}

/* The loader takes no DOCTYPE, and every action file has one: blanks in its place keep lines. */
static void blank_doctype(struct rf_buf *text)
{
	char *p = text->len ? strstr((char *)text->data, "<!DOCTYPE") : NULL;
	size_t n = p ? strcspn(p, ">[") : 0;

	if (!p || p[n] != '>')
		return; /* one with a subset of its own stays, and is refused */
	for (size_t i = 0; i <= n; i++)
		p[i] = p[i] == '\n' ? '\n' : ' ';
}

static void put_action(struct polkit_file *file, const struct xml_node *action, const char *id)
{
	static const char *const names[] = {"allow_any", "allow_inactive", "allow_active"};
	const struct xml_node *defaults = xml_child(action, "defaults");
	int rank = 0;

	/* polkit(8): what is not said is no. */
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		const struct xml_node *allow = xml_child(defaults, names[i]);
		int one = allow ? result_rank(allow->text) : 0;

		rank = one > rank ? one : rank;
	}
	struct polkit_statement s = {.action = id,
				     .subject = "any",
				     .result = results[rank],
				     .broad = strcmp(results[rank], "yes") == 0,
				     .line = action->line};

	put_grant(file, &s);
}

static void read_actions(struct sys *sys, struct fact_sink *out, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	XML_AUTODOC struct xml_doc doc = {0};
	struct polkit_file file = {.out = out, .path = path};
	struct rf_err err = {0};

	if (util_read(sys, out, FACT_T_POLKIT_GRANT, path, path, RF_MAX_FILE_BYTES, &text) <= 0 ||
	    !strstr(rf_buf_text(&text), "org.libvirt."))
		return;
	blank_doctype(&text);
	if (xml_parse(rf_buf_slice(&text), path, &doc, &err) < 0) {
		fact_gap(out, FACT_T_POLKIT_GRANT, path, "", path, "%s", rf_err_text(&err));
		return;
	}
	for (const struct xml_node *n = xml_child(doc.root, "action"); n;
	     n = xml_next(n, "action")) {
		const char *id = xml_attr(n, "id");

		if (id && rf_starts(id, "org.libvirt."))
			put_action(&file, n, id);
	}
}

int collect_polkit(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	static const struct {
		const char *pattern;
		void (*read)(struct sys *sys, struct fact_sink *out, const char *path);
	} places[] = {
		{"/etc/polkit-1/rules.d/*.rules", read_rules},
		{"/run/polkit-1/rules.d/*.rules", read_rules},
		{"/usr/local/share/polkit-1/rules.d/*.rules", read_rules},
		{"/usr/share/polkit-1/rules.d/*.rules", read_rules},
		{"/etc/polkit-1/localauthority/*/*.pkla", read_pkla},
		{"/var/lib/polkit-1/localauthority/*/*.pkla", read_pkla},
		{"/etc/polkit-1/actions/*.policy", read_actions},
		{"/usr/local/share/polkit-1/actions/*.policy", read_actions},
		{"/usr/share/polkit-1/actions/*.policy", read_actions},
	};

	(void)req;
	for (size_t i = 0; i < RF_COUNT(places); i++) {
		UTIL_AUTOPATHS struct util_paths files = {0};
		int rc = conf_glob(sys, places[i].pattern, &files);

		if (rc == -ENOMEM)
			return rf_fail(err, rc, "polkit: no memory");
		if (rc < 0)
			util_gap(out, FACT_T_POLKIT_GRANT, places[i].pattern, places[i].pattern,
				 rc);
		for (size_t k = 0; k < files.count; k++)
			places[i].read(sys, out, files.paths[k]);
	}
	return fact_sink_check(out, err);
}
