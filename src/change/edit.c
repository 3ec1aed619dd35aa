/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of syntaxes, and whether a result would be accepted by its reader. See edit.h.
 *
 * Sources: sshd_config(5) (first value wins, Match ends the global part), login.defs(5),
 * faillock.conf(5), journald.conf(5), sysctl.d(5), modprobe.d(5), fstab(5), libvirt's
 * src/util/virconf.c, open-vm-tools lib/dict/dictll.c.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit_parts.h"
#include "collect/sudoers.h"
#include "collect/virtconf.h"
#include "collect/vmx.h"
#include "collect/xml.h"

#define KEYS edit_keys_apply, edit_keys_get
#define LIST edit_list_apply, edit_list_get

static const struct edit_style styles[] = {
	{"equals", KEYS, .assign = " = ", .comments = "#;", .equals = true},
	{"space", KEYS, .assign = "\t", .comments = "#"},
	{"ini", KEYS, .assign = "=", .comments = "#;", .equals = true, .sections = true},
	{"shell", KEYS, .assign = "=", .comments = "#", .equals = true, .quote = edit_quote_shell,
	 .unquote = edit_unquote_shell},
	{"sshd", KEYS, .assign = " ", .comments = "#", .stop = "match", .nocase = true,
	 .first_wins = true, .at_top = true},
	{"virtconf", KEYS, .assign = " = ", .comments = "#", .equals = true,
	 .quote = edit_quote_virtconf, .unquote = edit_unquote_virtconf},
	{"vmx", KEYS, .assign = " = ", .comments = "#", .equals = true, .nocase = true,
	 .quote = edit_quote_vmx, .unquote = edit_unquote_vmx},
	{"shellwords", LIST},
	{"words", LIST},
	{"fstab", LIST},
	{"modprobe", LIST},
	{"line", edit_line_apply, edit_line_get},
	{"xml", edit_xml_apply, edit_xml_get},
};

static const struct edit_style *style_find(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(styles); i++) {
		if (strcmp(styles[i].name, name) == 0)
			return &styles[i];
	}
	return NULL;
}

int edit_apply(const struct change_spec *spec, struct rf_slice in, struct rf_buf *out,
	       struct rf_err *err)
{
	const struct edit_style *style = style_find(spec->style);

	if (!style)
		return rf_fail(err, RF_E_UNKNOWN, "there is no style %s", spec->style);
	if (in.len > EDIT_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%s is larger than we edit", spec->target);
	if (in.len && memchr(in.data, '\0', in.len))
		return rf_fail(err, RF_E_SYNTAX, "%s is no text", spec->target);
	size_t start = out->len;
	int rc = style->apply(style, spec, in, out, err);

	if (rc < 0)
		return rc;
	/* In a file that its own reader would not understand (a list that never ends, a quote left
	 * open) an edit may change the meaning of what stands beside it. Then it does not hold. */
	RF_AUTOBUF struct rf_buf again = {0};
	const struct rf_slice first = {out->data + start, out->len - start};

	rc = style->apply(style, spec, first, &again, err);
	if (rc == 0 && !rf_slice_equal(first, rf_buf_slice(&again)))
		rc = rf_fail(err, RF_E_SYNTAX,
			     "%s is not well-formed around this setting: mend it by hand first",
			     spec->target);
	return rc;
}

bool edit_get(const struct change_spec *spec, struct rf_slice in, struct rf_buf *out)
{
	const struct edit_style *style = style_find(spec->style);

	return style && in.len <= EDIT_MAX_BYTES && style->get(style, spec, in, out);
}

bool edit_holds(const struct change_spec *spec, struct rf_slice in)
{
	RF_AUTOBUF struct rf_buf out = {0};

	return edit_apply(spec, in, &out, NULL) == 0 && rf_slice_equal(rf_buf_slice(&out), in);
}

/* ---- would its reader accept it? ---- */

/* Each gets a NUL-terminated copy that it may change. */
static int virtconf_check(const char *path, char *text, size_t len, struct rf_err *err)
{
	CONF_AUTOOPTIONS struct conf_options options = {0};
	struct virtconf_problem problem = {0};

	(void)len;
	virtconf_parse(text, path, &options, &problem);
	if (options.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	return problem.line
		       ? rf_fail(err, RF_E_SYNTAX, "%s:%u: %s", path, problem.line, problem.what)
		       : 0;
}

static int vmx_check(const char *path, char *text, size_t len, struct rf_err *err)
{
	VMX_AUTO struct vmx vmx = {0};
	int rc = vmx_parse(&vmx, text, len, err);

	if (rc == 0 && vmx.problems_count)
		rc = rf_fail(err, RF_E_SYNTAX, "%s:%u: %s", path, vmx.problems[0].line,
			     vmx.problems[0].what);
	return rc;
}

static int xml_check(const char *path, char *text, size_t len, struct rf_err *err)
{
	XML_AUTODOC struct xml_doc doc = {0};

	return xml_parse((struct rf_slice){(uint8_t *)text, len}, path, &doc, err);
}

static void sudoers_error(void *ctx, unsigned int line, const char *what)
{
	struct rf_err *err = ctx;

	if (!err->code)
		rf_fail(err, RF_E_SYNTAX, "line %u: %s", line, what);
}

static int sudoers_check(const char *path, char *text, size_t len, struct rf_err *err)
{
	struct rf_err why = {0};
	const struct sudoers_hooks hooks = {.ctx = &why, .error = sudoers_error};
	struct sudoers sudoers = {0};

	(void)len;
	sudoers_parse(&sudoers, path, text, &hooks);
	sudoers_done(&sudoers);
	return why.code ? rf_fail(err, why.code, "%s: %s", path, why.text) : 0;
}

static const struct {
	const char *style;
	const char *path; /* a pattern; NULL: any */
	int (*check)(const char *path, char *text, size_t len, struct rf_err *err);
} checks[] = {
	{"virtconf", NULL, virtconf_check},
	{"vmx", NULL, vmx_check},
	{"xml", NULL, xml_check},
	{"space", "/etc/sudoers.d/*", sudoers_check},
};

int edit_check(const struct change_spec *spec, struct rf_slice text, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(checks); i++) {
		if (strcmp(checks[i].style, spec->style) != 0 ||
		    (checks[i].path && !rf_glob(checks[i].path, spec->target)))
			continue;
		RF_AUTOFREE char *copy = rf_strndup((const char *)text.data, text.len);

		if (!copy)
			return rf_fail(err, -ENOMEM, "no memory");
		return checks[i].check(spec->target, copy, text.len, err);
	}
	return 0;
}
