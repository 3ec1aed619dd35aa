/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The character set of a .vmx: its line .encoding says it, and the whole file is in it.
 * Not for the syntax (vmx.c).
 *
 * Only the sets of the table are converted. The name is a stranger's text, and the C library would
 * load a converter for whatever it says; some of those had memory errors (CVE-2024-2961).
 */
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx.h"

/* What VMware writes (ICU's and Windows' names), and what the C library calls it. */
static const struct {
	const char *vmware;
	const char *ours;
} encodings[] = {
	{"us-ascii", "CP1252"},
	{"windows-1250", "CP1250"},
	{"windows-1251", "CP1251"},
	{"windows-1252", "CP1252"},
	{"windows-1253", "CP1253"},
	{"windows-1254", "CP1254"},
	{"windows-1255", "CP1255"},
	{"windows-1256", "CP1256"},
	{"windows-1257", "CP1257"},
	{"windows-1258", "CP1258"},
	{"windows-874", "CP874"},
	{"iso-8859-1", "CP1252"},
	{"iso-8859-2", "ISO-8859-2"},
	{"iso-8859-5", "ISO-8859-5"},
	{"iso-8859-15", "ISO-8859-15"},
	{"koi8-r", "KOI8-R"},
	{"gbk", "CP936"},
	{"windows-936", "CP936"},
	{"windows-936-2000", "CP936"},
	{"gb2312", "CP936"},
	{"gb18030", "GB18030"},
	{"big5", "CP950"},
	{"windows-950", "CP950"},
	{"windows-950-2000", "CP950"},
	{"shift_jis", "CP932"},
	{"windows-31j", "CP932"},
	{"windows-932", "CP932"},
	{"ibm-943_p15a-2003", "CP932"},
	{"euc-jp", "EUC-JP"},
	{"euc-kr", "CP949"},
	{"windows-949", "CP949"},
	{"windows-949-2000", "CP949"},
};

static bool is_ascii(const uint8_t *data, size_t len)
{
	uint64_t all = 0, word;
	size_t i = 0;

	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		all |= word;
	}
	for (; i < len; i++)
		all |= data[i];
	return (all & 0x8080808080808080u) == 0;
}

/* The value of the first line .encoding; found without the parser, which needs UTF-8. */
static void declared_name(const struct rf_buf *text, char *out, size_t size)
{
	static const char key[] = ".encoding";
	const char *p = (const char *)text->data, *end = p + text->len;

	out[0] = '\0';
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		eol = eol ? eol : end;
		p += strspn(p, " \t");
		if ((size_t)(eol - p) > sizeof(key) && !strncasecmp(p, key, sizeof(key) - 1)) {
			p += sizeof(key) - 1;
			p += strspn(p, " \t=\"");
			size_t len = p < eol ? strcspn(p, "\" \t\r\n#") : 0;

			if (len < size) {
				memcpy(out, p, len);
				out[len] = '\0';
			}
			return;
		}
		p = eol + 1;
	}
}

static const char *converter(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(encodings); i++) {
		if (rf_equal_nocase(name, encodings[i].vmware))
			return encodings[i].ours;
	}
	return NULL;
}

/* Converts into *out. 0, -EILSEQ for bytes that are no character, -ENOMEM. */
static int convert(const struct rf_buf *text, const char *from, struct rf_buf *out)
{
	iconv_t cd = iconv_open("UTF-8", from);
	char *in = (char *)text->data;
	size_t in_left = text->len;
	size_t room = text->len * 3 + 16; /* a character of one byte becomes at most three */
	char *to = (char *)rf_buf_reserve(out, room);
	size_t out_left = room;

	if (cd == (iconv_t)-1)
		return -EINVAL;
	int rc = to ? 0 : -ENOMEM;

	if (!rc && iconv(cd, &in, &in_left, &to, &out_left) == (size_t)-1)
		rc = -EILSEQ;
	iconv_close(cd);
	if (rc)
		return rc;
	out->len += room - out_left;
	out->data[out->len] = '\0';
	return 0;
}

int vmx_to_utf8(struct rf_buf *text, char *out_name, size_t name_size,
		enum vmx_encoding *out_result)
{
	out_name[0] = '\0';
	*out_result = VMX_ENC_PLAIN;
	if (is_ascii(text->data, text->len))
		return 0;
	declared_name(text, out_name, name_size);
	const char *from = converter(out_name);

	if (!from) {
		bool utf8 = !out_name[0] || rf_equal_nocase(out_name, "utf-8");

		if (!utf8)
			*out_result = VMX_ENC_UNKNOWN;
		else if (!rf_utf8_valid(text->data, text->len))
			*out_result = VMX_ENC_BROKEN;
		return 0;
	}
	struct rf_buf utf8 = {0};
	int rc = convert(text, from, &utf8);

	if (rc) {
		rf_buf_done(&utf8);
		*out_result = rc == -EINVAL ? VMX_ENC_UNKNOWN : VMX_ENC_BROKEN;
		return rc == -ENOMEM ? rc : 0;
	}
	rf_buf_done(text);
	*text = utf8;
	*out_result = VMX_ENC_CONVERTED;
	return 0;
}
