/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the editor share: styles, lines. Not for anybody outside this folder. */
#ifndef RF_CHANGE_EDIT_PARTS_H
#define RF_CHANGE_EDIT_PARTS_H

#include "change/edit.h"

struct edit_style {
	const char *name;
	int (*apply)(const struct edit_style *style, const struct change_spec *spec,
		     struct rf_slice in, struct rf_buf *out, struct rf_err *err);
	bool (*get)(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out);
	/* Of key/value styles. */
	const char *assign;   /* between key and value when a line is made */
	const char *comments; /* characters that begin a comment */
	const char *stop;     /* a key (any case) behind which lines do not count: "match" */
	bool equals;	      /* the separator is =, else blanks */
	bool nocase;	      /* keys */
	bool first_wins;      /* of a key that stands twice; then later ones are left alone */
	bool sections;
	bool at_top; /* new lines go to the top */
	/* Appends the value in the syntax of the file. */
	void (*quote)(const struct change_spec *spec, struct rf_buf *out);
	/* Appends what a written value means. */
	void (*unquote)(const char *text, size_t len, struct rf_buf *out);
};

/* The lines of a text with their ends, which may be \n, \r\n or, at the last, nothing. */
struct edit_line {
	const char *text; /* not NUL-terminated */
	size_t len;	  /* without its end */
	size_t full;	  /* with it */
};
/* The line at *at, which moves behind it; false at the end. */
bool edit_line_next(struct rf_slice in, size_t *at, struct edit_line *out);

/* The four editors, as a style's row names them: key/value lines, lists of words, whole lines,
 * XML. */
int edit_keys_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err);
bool edit_keys_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out);
int edit_list_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err);
bool edit_list_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out);
int edit_line_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err);
bool edit_line_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out);
int edit_xml_apply(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out, struct rf_err *err);
bool edit_xml_get(const struct edit_style *style, const struct change_spec *spec,
		  struct rf_slice in, struct rf_buf *out);

/* The syntaxes of values: libvirt's daemons, .vmx, a shell assignment. */
void edit_quote_virtconf(const struct change_spec *spec, struct rf_buf *out);
void edit_unquote_virtconf(const char *text, size_t len, struct rf_buf *out);
void edit_quote_vmx(const struct change_spec *spec, struct rf_buf *out);
void edit_unquote_vmx(const char *text, size_t len, struct rf_buf *out);
void edit_quote_shell(const struct change_spec *spec, struct rf_buf *out);
void edit_unquote_shell(const char *text, size_t len, struct rf_buf *out);

#endif
