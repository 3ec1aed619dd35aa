/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to the prediction's files: texts with another version, and the loader's configuration.
 */
#ifndef RF_ATTEST_PREDICT_PARTS_H
#define RF_ATTEST_PREDICT_PARTS_H

#include "attest/diff_parts.h"
#include "attest/predict.h"

/* One prediction on its way. */
struct prediction {
	struct attest_hasher *hasher;
	const struct boot *last;
	const struct predict_input *input;
	struct rf_arena *arena;
	struct boot *out;
	struct predict_notes *notes;
	enum eventlog_component *roles;
	const struct boot_item *kernel; /* the file that grub read, in the last boot */
	const struct predict_file *kernel_file, *old_kernel_file;
	char from[128], to[128]; /* versions; "" when the name has none */
	char *config;		 /* flat; NULL: not known */
	int changed;
	struct rf_slice menu; /* the menu whose entries are measured now; empty: not known */
	size_t menu_next;     /* its next entry */
	unsigned int menu_depth;
	struct predict_way *way; /* to the entry that will start; NULL: not known */
};

/* Adds a line to the notes. */
void predict_note(struct predict_notes *notes, const char *fmt, ...) RF_PRINTF(2, 3);
/* Do all digests of the item stand in the list? */
bool predict_all_match(const struct boot_item *item, const struct attest_digest *list,
		       size_t count);
/* Puts the file's digests into every bank of the item; false when one is not known. */
bool predict_replace(struct prediction *p, struct boot_item *item, const struct attest_digest *list,
		     size_t count);
/* The item's name and text with the new version. 0 or -ENOMEM. */
int predict_rename(struct prediction *p, struct boot_item *item) RF_MUST_CHECK;

/* H(text), or H(text and NUL), whichever the item follows: 0 or 1; -1 when neither. */
int predict_digest_rule(struct prediction *p, const struct boot_item *item, struct rf_slice text);
/* Gives the item another text, with so many NULs hashed behind it. 0 or negative. */
int predict_put_text(struct prediction *p, struct boot_item *item, const struct rf_buf *text,
		     size_t nuls) RF_MUST_CHECK;

/* Is this a menu entry or submenu, as grub measures it? */
bool predict_is_entry(const struct boot_item *item);
/* Gives the item the text that the configuration has in its place: 1; 0 when that is not known;
 * negative. */
int predict_menu_entry(struct prediction *p, struct boot_item *item) RF_MUST_CHECK;
/* To be called with each item of the last boot: one that starts an entry (setparams) may enter a
 * submenu, and ends the one before. 0 or negative. */
int predict_menu_enter(struct prediction *p, const struct boot_item *item) RF_MUST_CHECK;

/* Moves over one quoted text; i stands on the quote. */
size_t predict_skip_quoted(struct rf_slice text, size_t i);
/* Moves from a brace behind the one that closes it; text.len when none does. */
size_t predict_skip_block(struct rf_slice text, size_t i);

/* A command of a script, its words as they stand there, with quotes. A block is one word. */
struct predict_command {
	struct rf_slice words[PREDICT_MAX_WORDS];
	size_t count;
	struct rf_slice whole; /* also the words that have no place */
};
/* The next command at *at; false at the end. */
bool predict_command_next(struct rf_slice script, size_t *at, struct predict_command *out);
/* Is the word that text? */
bool predict_word_is(struct rf_slice word, const char *text);
/* Is this `linux`, or one of its other names? */
bool predict_starts_linux(const struct predict_command *command);

/* Title and id of an entry, without quotes. False when one holds a variable or does not fit, and
 * for an entry with more arguments. */
bool predict_entry_name(const struct predict_entry *entry, char title[PREDICT_MAX_TITLE],
			char id[PREDICT_MAX_TITLE]);

/* The index-th entry that stands in no other one; false when there is none. */
bool predict_config_entry(struct rf_slice config, size_t index, struct predict_entry *out);
/* Its head as grub measures it: without quotes, single blanks. False when it holds a variable that
 * is not known, or memory is short. */
bool predict_entry_head(const struct predict_entry *entry, struct rf_buf *out);

/* Does the text of an entry, as grub measures it, begin with that title? */
bool predict_title_is(struct rf_slice text, struct rf_slice title);

/* Works out what the input's choice changes in the commands; nothing without one. 0 or -ENOMEM. */
int predict_way_open(struct prediction *p) RF_MUST_CHECK;
/* To be called with each item of the last boot. 1: it is done, 0: it is not the way's, negative. */
int predict_way_item(struct prediction *p, size_t i) RF_MUST_CHECK;
/* Path of the kernel that the entry starts; "" when it cannot be told, NULL when it starts none. */
const char *predict_way_kernel(const struct predict_choice *choice, char *out, size_t size);
/* The file that takes the place of that one; NULL when none does. */
const char *predict_way_path(const struct prediction *p, const char *path);

/* Was the last boot of a unified kernel image (systemd-stub measured sections into PCR 11)? */
bool predict_is_unified(const struct boot *last);
/* Predicts such a boot: image (PCR 4), sections (PCR 11). 0 or negative. */
int predict_unified(struct prediction *p, struct rf_err *err) RF_MUST_CHECK;

/* Adds text with each whole occurrence of version `from` written as `to` ("6.1.0-5" is none in
 * "6.1.0-55"). Returns how many there were. */
size_t predict_substitute(struct rf_slice text, const char *from, const char *to,
			  struct rf_buf *out);

/* A configuration of grub, made comparable with the commands that grub measures: no quotes, single
 * blanks, no comments. NULL when memory is short. */
char *predict_config_flat(struct rf_slice config) RF_MUST_CHECK;

/* Does the flat configuration hold this command (made flat, too)? */
bool predict_config_has(const char *flat, struct rf_slice command);

/* Menu entries and submenus outside of any other: grub runs each of them as one command. */
size_t predict_config_entries(struct rf_slice config);

/* Newest file of the same kind as name (equal but for numbers); NULL when none is there. */
const struct predict_file *predict_newest(const struct predict_input *input, const char *name);

#endif
