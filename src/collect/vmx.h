/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one parser of VMware's dictionary format: .vmx, .vmsd and .vmxf-like files. Pure: it takes a
 * text, does no I/O, and borrows everything from that text. Not for meaning: what a key says about
 * a VM is vmx_facts.c.
 *
 * Source: the grammar in open-vm-tools lib/dict/dictll.c (DictLL_UnmarshalLine), read for its rules
 * only:
 *
 *	blanks NAME blanks = blanks " QUOTED " blanks # comment
 *	blanks NAME blanks = blanks VALUE blanks # comment      (VALUE has no blank and no #)
 *	blanks # comment
 *
 * Names have no blank, no = and no #. |xx in a value is a byte in hexadecimal; a bar that no two
 * digits follow stands for itself. Names differ only by letters, not by their case.
 *
 * A name that stands twice: VMware's own programs refuse such a file (hashicorp/vagrant issue 2597
 * saw it with names that differ in case), libvirt takes the first, hand-written tools the last. So
 * a name with two different values has no known value: `conflict` is set and nothing is guessed.
 */
#ifndef RF_COLLECT_VMX_H
#define RF_COLLECT_VMX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define VMX_MAX_KEY_BYTES 255
#define VMX_MAX_PROBLEMS  16

struct vmx_entry {
	const char *key;      /* lower case */
	const char *spelling; /* as written */
	const char *value;    /* unescaped; "" when nothing stands behind = */
	uint32_t line;	      /* from 1 */
	uint32_t hash;
	uint32_t previous; /* number + 1 of the same key's entry before this one; 0 when none */
	bool superseded;   /* a later entry has the same key */
	bool conflict;	   /* the key has two different values */
};

/* A line that is not understood. */
struct vmx_problem {
	uint32_t line;
	const char *what; /* static text */
};

/* Zero-initialise; may be parsed into again and again, which keeps its storage. */
struct vmx {
	struct vmx_entry *entries;
	size_t count;
	size_t capacity;
	uint32_t *index; /* number + 1 of the last entry of a key, by hash */
	size_t index_size;
	struct rf_buf keys; /* the lower-case names */
	struct vmx_problem problems[VMX_MAX_PROBLEMS];
	size_t problems_count; /* may be larger than what problems holds */
	uint32_t lines_count;
};

#define VMX_AUTO __attribute__((cleanup(vmx_done)))

/*
 * Parses text, of which text[len] must be a NUL. The text is changed in place and must outlive what
 * is read from vmx. Lines that are not understood become problems; the rest is kept.
 * Returns 0, RF_E_LIMIT (more than RF_MAX_VMX_KEYS names, then nothing is kept) or -ENOMEM.
 */
int vmx_parse(struct vmx *vmx, char *text, size_t len, struct rf_err *err) RF_MUST_CHECK;
void vmx_done(struct vmx *vmx);

/* The last entry of a key (lower case), or NULL when the key is not there. */
const struct vmx_entry *vmx_find(const struct vmx *vmx, const char *key);

/* The entry of "PREFIX.name", for example of a device: vmx_find_in(vmx, "scsi0:0", "present"). */
const struct vmx_entry *vmx_find_in(const struct vmx *vmx, const char *prefix, const char *name);

/* The entry of the same key that stands before this one, or NULL. */
const struct vmx_entry *vmx_previous(const struct vmx *vmx, const struct vmx_entry *entry);

/* The parts of one line, as offsets into it. name_len 0: nothing stands there but a comment. */
struct vmx_line {
	size_t name, name_len;
	size_t value, value_len; /* without its quotes, not unescaped */
	bool quoted;
	const char *problem; /* static text; NULL when it is understood */
};

/* Takes one line (without its end) apart and changes nothing: for who writes a .vmx and keeps what
 * it does not know. Bytes beyond ASCII are ordinary, in each character set that VMware writes. */
void vmx_lex(const char *line, size_t len, struct vmx_line *out);

/* The line that begins at *at: ends at *out_end, the next begins at *out_next. False at the end. A
 * line ends with \n, \r\n or \r, as VMware reads it: a lone \r must not hide a line from us. */
bool vmx_line_next(const char *text, size_t len, size_t *at, size_t *out_end, size_t *out_next);

/* How a text became UTF-8. */
enum vmx_encoding {
	VMX_ENC_PLAIN,	   /* it was ASCII or valid UTF-8 */
	VMX_ENC_CONVERTED, /* from the declared encoding */
	VMX_ENC_UNKNOWN,   /* declared, but not one that we know: bytes are left as they are */
	VMX_ENC_BROKEN,	   /* not valid in the declared encoding: bytes are left as they are */
};

/*
 * Converts a whole text to UTF-8 by its own line .encoding = "NAME", as VMware does; a text without
 * that line is taken as UTF-8. Conversion comes before parsing, because the second byte of a
 * character in GBK or Shift_JIS may look like a bar. out_name receives the declared name ("" when
 * none). *out_result is how it went. Returns 0 or -ENOMEM.
 */
int vmx_to_utf8(struct rf_buf *text, char *out_name, size_t name_size,
		enum vmx_encoding *out_result) RF_MUST_CHECK;

#endif
