/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next boot will measure: the story of the last one with what changed on disk in its
 * place. Only what can be worked out is changed; the rest is said in words and stays as it was.
 */
#ifndef RF_ATTEST_PREDICT_H
#define RF_ATTEST_PREDICT_H

#include "attest/boot.h"
#include "attest/grubenv.h"
#include "base/arena.h"

#define PREDICT_MAX_FILES   4096u
#define PREDICT_MAX_NOTES   32u
#define PREDICT_MAX_CHOICES 8u
#define PREDICT_MAX_DEPTH   4u /* of submenus */
#define PREDICT_MAX_TITLE   256u
#define PREDICT_MAX_WORDS   64u

/* A section of a unified kernel image, as systemd-stub measures it (PCR 11). */
struct predict_section {
	char name[9]; /* ".linux" */
	struct attest_digest digests[4];
	size_t count;
	/* Of .cmdline alone: as the options of a boot program (predict_options). */
	struct attest_digest options[4];
	size_t options_count;
};

/* A file on disk now. */
struct predict_file {
	char path[512]; /* as the running system names it: "/boot/vmlinuz-6.1.0-56-amd64" */
	struct attest_digest flat[4]; /* of the whole file, as boot loaders measure it */
	size_t flat_count;
	struct attest_digest image[4]; /* Authenticode, of a PE file; none where not known */
	size_t image_count;
	/* Of a unified kernel image alone; the caller's. */
	const struct predict_section *sections;
	size_t sections_count;
	struct attest_digest kernel[4]; /* of .linux as an image */
	size_t kernel_count;
};

/* An entry of a menu: "menuentry 'Debian' --id x " and "{ ... }". Borrows. */
struct predict_entry {
	struct rf_slice head, body;
	bool submenu;
};

/* An entry that the boot loader may start. */
struct predict_choice {
	struct predict_entry levels[PREDICT_MAX_DEPTH]; /* submenus, and the entry itself last */
	size_t depth;
	char title[PREDICT_MAX_TITLE];	       /* "Advanced options>Debian, with Linux 6.1" */
	char chosen[PREDICT_MAX_TITLE];	       /* as GRUB remembers it: the ids */
	char default_value[GRUBENV_MAX_VALUE]; /* of `default` that names it; "" for none */
	bool default_known;		       /* so that it is known what is assigned */
	bool once;			       /* asked for by next_entry, for one boot */
	bool saves_nothing; /* `savedefault` leaves the saved entry alone in that boot */
};

struct predict_notes {
	char lines[PREDICT_MAX_NOTES][256];
	size_t count, dropped;
};

/* What the configuration and the environment block say of the entry that starts. */
struct predict_choices {
	struct predict_choice items[PREDICT_MAX_CHOICES]; /* the likeliest first */
	size_t count, dropped;
	bool certain; /* there is one, and GRUB starts it when nobody touches a key */
	struct predict_notes notes;
};

/*
 * Which entry will start: GRUB_DEFAULT and GRUB_SAVEDEFAULT as they stand in grub.cfg, the saved
 * entry and the one asked for the next boot in the environment block (NULL: nobody could read it).
 * Whatever cannot be worked out is a choice more and a note. None at all when the configuration has
 * no menu. 0 or -ENOMEM.
 */
int predict_choose(struct rf_slice config, const struct grubenv *env,
		   struct predict_choices *out) RF_MUST_CHECK;

struct predict_input {
	const struct predict_file *files;
	size_t files_count;
	/* Contents of the boot loader's configuration (grub.cfg) that will be read; empty when
	 * nobody could read it. */
	struct rf_slice config;
	/* The entry that starts; NULL: not known, and then the version decides. */
	const struct predict_choice *choice;
	/* "6.1.0-56-amd64"; NULL: the newest kernel on disk of the old one's kind. */
	const char *version;
};

/* Zero it before; predict_done frees. */
struct predict_result {
	struct boot boot;	    /* values borrow from the last boot and from arena */
	struct predict_notes notes; /* what was assumed, and what could not be predicted */
	struct rf_arena arena;
};
void predict_done(struct predict_result *result);

/*
 * Predicts. Returns how many items are others than in the last
 * boot (0: the next boot is the same as far as can be seen), or negative: RF_E_MISSING when files
 * do not say enough to predict at all (the error says which), -ENOMEM.
 */
int predict_boot(struct attest_hasher *hasher, const struct boot *last,
		 const struct predict_input *input, struct predict_result *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* Does systemd-stub measure a section of that name? .pcrsig is signed over and never measured. */
bool predict_is_measured(const char *section);

/* The text of .cmdline as boot programs hand it on and measure it: UTF-16 with a NUL, no blanks at
 * the end. False when it is not plain ASCII, or memory is short. */
bool predict_options(struct rf_slice cmdline, struct rf_buf *out) RF_MUST_CHECK;

/* The file that the boot loader means by path: on the root file system, below /boot or on the EFI
 * system partition; NULL when it is not there. */
const struct predict_file *predict_find_file(const struct predict_input *input, const char *path);

/* Compares versions as people order them: numbers by value ("6.1.0-9" before "6.1.0-10"). Below,
 * at or above 0. */
int predict_version_compare(const char *a, const char *b);

#endif
