/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of this folder: the rows, and how each computes the wanted state. See verb.h. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit.h"
#include "change/kinds.h"

/* ---- edit ---- */

/* A new file: who may read it follows from its place; sudo ignores files that others may write. */
static uint32_t new_mode(const struct change_spec *spec)
{
	if (spec->mode != CHANGE_LEAVE)
		return spec->mode;
	return rf_starts(spec->target, "/etc/sudoers.d/") ? 0440 : 0644;
}

static int edit_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct file_state s;
	int rc = file_state_decode(before, &s, err);

	if (rc < 0)
		return rc;
	if (s.type != FILE_REGULAR && s.type != FILE_ABSENT)
		return rf_fail(err, RF_E_DENIED, "%s is no regular file", spec->target);
	rc = edit_apply(spec, s.content, &text, err);
	if (rc < 0)
		return rc;
	if (s.type == FILE_ABSENT && text.len == 0)
		return rf_buf_add(out, before.data, before.len);
	if (rf_slice_equal(rf_buf_slice(&text), s.content))
		return rf_buf_add(out, before.data, before.len);
	/* A file that its reader does not accept as it is may stay so; it may not become so. */
	if (s.type == FILE_ABSENT || edit_check(spec, s.content, NULL) == 0)
		rc = edit_check(spec, rf_buf_slice(&text), err);
	if (!rc && !edit_holds(spec, rf_buf_slice(&text)))
		rc = rf_fail(err, RF_E_MISMATCH,
			     "%s: reading the edited text again does not give "
			     "what was wanted",
			     spec->target);
	if (rc < 0)
		return rc;
	if (s.type == FILE_ABSENT)
		s = (struct file_state){.type = FILE_REGULAR,
					.mode = new_mode(spec),
					.uid = geteuid(),
					.gid = getegid()};
	s.mtime_s = FILE_TIME_NOW;
	s.mtime_ns = 0;
	s.content = rf_buf_slice(&text);
	return file_state_encode(&s, out);
}

static bool edit_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	struct file_state s;

	return file_state_decode(state, &s, NULL) == 0 && s.type == FILE_REGULAR &&
	       edit_get(spec, s.content, out);
}

/* ---- mode ---- */

/* Rights are only taken away: what a file does not grant now it does not grant then. */
static int mode_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	struct file_state s;
	int rc = file_state_decode(before, &s, err);

	if (rc < 0)
		return rc;
	if (s.type == FILE_ABSENT)
		return rf_fail(err, RF_E_MISSING, "%s is not there", spec->target);
	if (s.type == FILE_LINK)
		return rf_fail(err, RF_E_DENIED, "%s is a symbolic link", spec->target);
	s.mode = spec->mode == CHANGE_LEAVE ? s.mode : s.mode & spec->mode;
	s.uid = spec->uid == CHANGE_LEAVE ? s.uid : spec->uid;
	s.gid = spec->gid == CHANGE_LEAVE ? s.gid : spec->gid;
	return file_state_encode(&s, out);
}

static bool mode_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	struct file_state s;

	(void)spec;
	if (file_state_decode(state, &s, NULL) < 0 || s.type == FILE_ABSENT)
		return false;
	rf_buf_printf(out, "%04o, uid %u, gid %u", s.mode, s.uid, s.gid);
	return true;
}

/* ---- link, folder ---- */

static int link_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	struct file_state s;
	const char *value = change_spec_value(spec);
	int rc = file_state_decode(before, &s, err);

	if (rc < 0)
		return rc;
	if (s.type != FILE_LINK && s.type != FILE_ABSENT)
		return rf_fail(err, RF_E_DENIED, "%s is no link: whoever wrote it there meant it",
			       spec->target);
	if (value[0] ? s.type == FILE_LINK && rf_slice_equal(s.content, rf_slice_text(value))
		     : s.type == FILE_ABSENT)
		return rf_buf_add(out, before.data, before.len);
	s = (struct file_state){.type = value[0] ? FILE_LINK : FILE_ABSENT,
				.mode = value[0] ? 0777 : 0,
				.uid = geteuid(),
				.gid = getegid(),
				.mtime_s = FILE_TIME_NOW,
				.content = rf_slice_text(value)};
	return file_state_encode(&s, out);
}

static bool link_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	struct file_state s;

	(void)spec;
	if (file_state_decode(state, &s, NULL) < 0 || s.type != FILE_LINK)
		return false;
	rf_buf_add(out, s.content.data, s.content.len);
	return true;
}

static int folder_predict(const struct change_spec *spec, struct rf_slice before,
			  struct rf_buf *out, struct rf_err *err)
{
	struct file_state s;
	int rc = file_state_decode(before, &s, err);

	if (rc < 0)
		return rc;
	if (s.type == FILE_FOLDER)
		return rf_buf_add(out, before.data, before.len);
	if (s.type != FILE_ABSENT)
		return rf_fail(err, RF_E_DENIED, "%s is there and no folder", spec->target);
	s = (struct file_state){.type = FILE_FOLDER,
				.mode = spec->mode == CHANGE_LEAVE ? 0755 : spec->mode,
				.uid = geteuid(),
				.gid = getegid(),
				.mtime_s = FILE_TIME_NOW};
	return file_state_encode(&s, out);
}

/* ---- value ---- */

static int value_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf now = {0}, wanted = {0}, text = {0};

	if (!value_state_text(before, &now))
		return rf_fail(err, RF_E_MISSING, "%s: this kernel has no such value",
			       spec->target);
	rf_buf_printf(&text, "%s\n", change_spec_value(spec));
	int rc = value_state_encode(rf_buf_text(&text), &wanted);

	rf_buf_reset(&text);
	if (rc < 0 || !value_state_text(rf_buf_slice(&wanted), &text))
		return rf_fail(err, -ENOMEM, "no memory");
	if (rf_slice_equal(rf_buf_slice(&now), rf_buf_slice(&text)))
		return rf_buf_add(out, before.data, before.len);
	return rf_buf_add(out, wanted.data, wanted.len);
}

static bool value_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	return value_state_text(state, out);
}

/* ---- flags of a link, as /sys/class/net/NAME/flags shows them: <net/if.h> ---- */

static int64_t link_flag(const char *name)
{
	return strcmp(name, "up") == 0 ? 0x1 : strcmp(name, "promisc") == 0 ? 0x100 : 0;
}

static int link_flag_check(const struct verb_env *env, const struct change_spec *spec,
			   struct rf_err *err)
{
	(void)env;
	if (!rf_glob("/sys/class/net/*/flags", spec->target) || !link_flag(change_spec_value(spec)))
		return rf_fail(err, RF_E_DENIED, "%s: no flag of a link that we take away",
			       spec->target);
	return 0;
}

static int link_flag_predict(const struct change_spec *spec, struct rf_slice before,
			     struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf now = {0}, text = {0};
	int64_t flags, flag = link_flag(change_spec_value(spec));

	if (!value_state_text(before, &now) ||
	    rf_num(rf_buf_text(&now), 0, 0, UINT32_MAX, &flags) < 0)
		return rf_fail(err, RF_E_MISSING, "%s: the link is not there", spec->target);
	if (!(flags & flag))
		return rf_buf_add(out, before.data, before.len);
	rf_buf_printf(&text, "0x%llx\n", (unsigned long long)(flags & ~flag));
	return text.failed ? rf_fail(err, -ENOMEM, "no memory")
			   : value_state_encode(rf_buf_text(&text), out);
}

static const struct verb rows[] = {
	{"folder", "make a folder", &kind_file, 0, NEEDS_LIVE, RISK_LOW, allow_folder,
	 folder_predict, NULL, NULL},
	{"edit", "set or remove an option in a file", &kind_file, 0, NEEDS_RESTART, RISK_LOW,
	 allow_edit, edit_predict, edit_show, NULL},
	{"link", "make or remove a link that switches a unit", &kind_file, 0, NEEDS_RESTART,
	 RISK_MEDIUM, allow_link, link_predict, link_show, NULL},
	{"mode", "take rights on a file away, give it to root", &kind_meta, 0, NEEDS_LIVE, RISK_LOW,
	 allow_mode, mode_predict, mode_show, NULL},
	{"value", "set a live kernel value", &kind_value, 0, NEEDS_LIVE, RISK_MEDIUM, allow_value,
	 value_predict, value_show, NULL},
	{"link-flag-off", "take a flag (up, promisc) of a link away", &kind_value, 0, NEEDS_LIVE,
	 RISK_HIGH, link_flag_check, link_flag_predict, value_show, NULL},
};

const struct verb_table change_verbs = {rows, RF_COUNT(rows)};
