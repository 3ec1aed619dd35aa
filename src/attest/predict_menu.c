/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The menu that grub measures: each entry and submenu is one command, with all that stands in it.
 * A new kernel changes the text of a submenu and adds entries to it, so they are taken from the
 * configuration as it is now. Not for what an entry runs (predict.c).
 * Source: grub 2.06, script/execute.c (a block is handed on as it stands in the file).
 */
#include <errno.h>
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- what stands in the configuration ---- */

/* The title is the first argument, and has blanks: options or the block come behind it. */
bool predict_title_is(struct rf_slice text, struct rf_slice title)
{
	const uint8_t *blank = text.len ? memchr(text.data, ' ', text.len) : NULL;
	size_t left = blank ? text.len - (size_t)(blank - text.data) - 1 : 0;

	if (!blank || left < title.len || memcmp(blank + 1, title.data, title.len) != 0)
		return false;
	const uint8_t *behind = blank + 1 + title.len;

	return left == title.len || (left >= title.len + 2 && behind[0] == ' ' &&
				     (behind[1] == '-' || behind[1] == '{'));
}

/* The body of the submenu of that title in the menu; empty when there is none. */
static struct rf_slice find_submenu(struct rf_slice menu, struct rf_slice title)
{
	struct predict_entry entry;

	for (size_t i = 0; predict_config_entry(menu, i, &entry); i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		if (entry.submenu && predict_entry_head(&entry, &text) &&
		    predict_title_is(rf_buf_slice(&text), title))
			/* Without its braces. */
			return (struct rf_slice){entry.body.data + 1, entry.body.len - 2};
	}
	return (struct rf_slice){0};
}

/* ---- the last boot's menu, item by item ---- */

bool predict_is_entry(const struct boot_item *item)
{
	return item->source == BOOT_FIRMWARE_LOG && item->pcr == 8 &&
	       item->component == COMPONENT_LOADER_COMMAND &&
	       (strcmp(item->name, "menuentry") == 0 || strcmp(item->name, "submenu") == 0);
}

/* The text of the next entry of this menu; 1, 0 when there is none or it cannot be told. */
static int next_text(struct prediction *p, struct rf_buf *out)
{
	struct predict_entry entry;

	if (!predict_config_entry(p->menu, p->menu_next, &entry) ||
	    !predict_entry_head(&entry, out))
		return 0;
	p->menu_next++;
	rf_buf_add_byte(out, ' ');
	rf_buf_add(out, entry.body.data, entry.body.len);
	return out->failed ? -ENOMEM : 1;
}

int predict_menu_entry(struct prediction *p, struct boot_item *item)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_slice old = diff_text(item);
	int nuls = predict_digest_rule(p, item, old);
	int rc = p->menu.len && nuls >= 0 ? next_text(p, &text) : 0;

	if (rc <= 0)
		return rc;
	RF_AUTOBUF struct rf_buf same = {0};
	RF_AUTOFREE char *flat = predict_config_flat(rf_buf_slice(&text));

	predict_substitute(old, p->from, p->to, &same);
	if (!flat || same.failed)
		return -ENOMEM;
	/* Where both say the same, blanks are as they were measured. */
	const struct rf_buf *chosen = predict_config_has(flat, rf_buf_slice(&same)) ? &same : &text;

	if (rf_slice_equal(rf_buf_slice(chosen), old))
		return 1;
	rc = predict_put_text(p, item, chosen, (size_t)nuls);
	return rc < 0 ? rc : 1;
}

/* What a submenu has more than before is measured before one of its entries starts. */
static int add_rest(struct prediction *p, const struct boot_item *like)
{
	for (int rc = 1; rc == 1;) {
		RF_AUTOBUF struct rf_buf text = {0};

		rc = next_text(p, &text);
		if (rc <= 0)
			return rc;
		struct boot_item *item = boot_add(p->out);

		if (!item)
			return -ENOMEM;
		*item = *like;
		rc = predict_put_text(p, item, &text, 0);
		if (rc < 0)
			return rc;
		rc = 1;
	}
	return 0;
}

int predict_menu_enter(struct prediction *p, const struct boot_item *item)
{
	static const char command[] = "setparams ";
	const struct boot_item *like = NULL;
	struct rf_slice title = diff_text(item);
	int rc = 0;

	/* Where the entry is known, its way says all (predict_entry.c). */
	if (p->way || item->pcr != 8 || strcmp(item->name, "setparams") != 0 ||
	    title.len < sizeof(command))
		return 0;
	for (size_t i = 0; i < p->out->count; i++)
		like = predict_is_entry(&p->out->items[i]) ? &p->out->items[i] : like;
	if (p->menu_depth > 0 && like) {
		struct boot_item copy = *like;

		rc = add_rest(p, &copy);
	}
	title.data += sizeof(command) - 1;
	title.len -= sizeof(command) - 1;
	p->menu = find_submenu(p->menu, title);
	p->menu_next = 0;
	p->menu_depth++;
	return rc;
}
