/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the qcow2 header as QEMU's docs/interop/qcow2.txt defines it, all numbers big-endian. The
 * bytes may come from a guest, so nothing in them is trusted; tables and content are not read.
 */
#include <string.h>

#include "base/reader.h"
#include "base/str.h"
#include "collect/qcow2.h"

#define MAGIC		   0x514649fbu /* "QFI\xfb" */
#define V2_HEADER_BYTES	   72u
#define MAX_HEADER_BYTES   4096u
#define INCOMPAT_DATA_FILE (1u << 2)
#define CRYPT_LUKS	   2u
#define EXT_END		   0u
#define EXT_BACKING_FORMAT 0xe2792acau
#define MAX_EXTENSIONS	   64u

bool qcow2_is(struct rf_slice head)
{
	return head.len >= 4 && memcmp(head.data, "QFI\xfb", 4) == 0;
}

/* Extensions lie between the header and the backing file's name. */
static void read_extensions(struct rf_slice head, uint32_t from, struct qcow2_header *h)
{
	struct rf_reader r = rf_reader(head);

	rf_read_bytes(&r, from);
	for (unsigned int i = 0; i < MAX_EXTENSIONS; i++) {
		uint32_t type = rf_read_be32(&r), len = rf_read_be32(&r);
		struct rf_slice data = rf_read_bytes(&r, len);

		rf_read_bytes(&r, (8 - len % 8) % 8);
		if (r.failed || type == EXT_END)
			return;
		if (type != EXT_BACKING_FORMAT || len >= sizeof(h->backing_format) ||
		    memchr(data.data, '\0', len))
			continue;
		memcpy(h->backing_format, data.data, len);
		h->backing_format[len] = '\0';
	}
}

static int read_backing(struct rf_slice head, uint64_t offset, uint32_t size,
			struct qcow2_header *h, struct rf_err *err)
{
	if (offset == 0 || size == 0)
		return 0;
	if (size > QCOW2_MAX_BACKING_BYTES)
		return rf_fail(err, RF_E_LIMIT, "the backing file's name has %u bytes", size);
	if (offset > head.len || size > head.len - offset)
		return rf_fail(err, RF_E_TRUNCATED, "the backing file's name lies at byte %llu",
			       (unsigned long long)offset);
	if (memchr(head.data + offset, '\0', size))
		return rf_fail(err, RF_E_SYNTAX, "the backing file's name holds a NUL");
	memcpy(h->backing, head.data + offset, size);
	h->backing[size] = '\0';
	return 0;
}

int qcow2_parse(struct rf_slice head, struct qcow2_header *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(head);
	struct qcow2_header h = {0};
	uint32_t header_bytes = V2_HEADER_BYTES;

	if (!qcow2_is(head))
		return rf_fail(err, RF_E_MISMATCH, "it is no qcow2 image");
	rf_read_be32(&r);
	h.version = rf_read_be32(&r);
	uint64_t backing_offset = rf_read_be64(&r);
	uint32_t backing_size = rf_read_be32(&r);

	rf_read_be32(&r); /* cluster_bits */
	uint64_t size = rf_read_be64(&r);
	uint32_t crypt = rf_read_be32(&r);

	/* l1_size, l1 offset, refcount table and its clusters, snapshots and their offset */
	rf_read_bytes(&r, 4 + 8 + 8 + 4 + 4 + 8);
	if (!r.failed && h.version != 2 && h.version != 3)
		return rf_fail(err, RF_E_UNSUPPORTED, "qcow version %u", h.version);
	if (h.version == 3) {
		h.has_data_file = (rf_read_be64(&r) & INCOMPAT_DATA_FILE) != 0;
		rf_read_bytes(&r, 8 + 8 + 4); /* compatible, autoclear, refcount order */
		header_bytes = rf_read_be32(&r);
	}
	int rc = rf_reader_check(&r, "qcow2 header", err);

	if (rc < 0)
		return rc;
	if (size > INT64_MAX || header_bytes > MAX_HEADER_BYTES || header_bytes < V2_HEADER_BYTES)
		return rf_fail(err, RF_E_SYNTAX, "the header contradicts itself");
	h.virtual_bytes = (int64_t)size;
	h.luks = crypt == CRYPT_LUKS;
	read_extensions(head, header_bytes, &h);
	rc = read_backing(head, backing_offset, backing_size, &h, err);
	if (rc < 0)
		return rc;
	*out = h;
	return 0;
}
