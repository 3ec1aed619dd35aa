/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes file-md5 and file-digest; see digest.h. MD5 because that is what dpkg keeps of each
 * file: it finds accidents and careless changes, and says nothing of an attacker who also edits
 * dpkg's lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/digest.h"

#define CHUNK_BYTES (256u << 10)

#define MAX_HASHES 3

struct hashes {
	EVP_MD_CTX *contexts[MAX_HASHES];
	size_t count;
	int64_t size_bytes;
};

static int hash_fd(int fd, struct hashes *h)
{
	RF_AUTOFREE uint8_t *chunk = rf_alloc(CHUNK_BYTES, 1);

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		h->size_bytes += n;
		if (h->size_bytes > DIGEST_MAX_BYTES)
			return RF_E_LIMIT;
		for (size_t i = 0; i < h->count; i++) {
			if (!EVP_DigestUpdate(h->contexts[i], chunk, (size_t)n))
				return RF_E_CRYPTO;
		}
	}
}

/* Opens a regular file; a FIFO in its place must not hold us. */
static int open_regular(const char *path, struct rf_err *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = rf_fail(why, -EINVAL, "not a regular file");
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* One pass over the file with all of these algorithms. */
static int hash_file(const char *path, const EVP_MD *const *mds, struct hashes *h,
		     struct rf_err *why)
{
	int fd = open_regular(path, why), rc = fd < 0 ? fd : 0;

	for (size_t i = 0; rc == 0 && i < h->count; i++) {
		h->contexts[i] = EVP_MD_CTX_new();
		if (!h->contexts[i] || !EVP_DigestInit_ex(h->contexts[i], mds[i], NULL))
			rc = RF_E_CRYPTO;
	}
	if (rc == 0)
		rc = hash_fd(fd, h);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int put_digest(struct hashes *h, size_t i, struct rf_buf *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!EVP_DigestFinal_ex(h->contexts[i], digest, &len))
		return RF_E_CRYPTO;
	rf_buf_add_hex(out, digest, len);
	return 0;
}

static void hashes_done(struct hashes *h)
{
	for (size_t i = 0; i < h->count; i++)
		EVP_MD_CTX_free(h->contexts[i]);
}

int digest_md5(const char *path, struct rf_buf *out, struct rf_err *why)
{
	const EVP_MD *md = EVP_md5();
	struct hashes h = {.count = 1};
	int rc = hash_file(path, &md, &h, why);

	if (rc == 0)
		rc = put_digest(&h, 0, out);
	hashes_done(&h);
	return rc < 0 ? rc : rf_buf_printf(out, " %lld\n", (long long)h.size_bytes);
}

int digest_file(const char *path, struct rf_buf *out, struct rf_err *why)
{
	static const char *const names[MAX_HASHES] = {"sha1 ", "sha256 ", "sha384 "};
	const EVP_MD *mds[MAX_HASHES] = {EVP_sha1(), EVP_sha256(), EVP_sha384()};
	struct hashes h = {.count = MAX_HASHES};
	int rc = hash_file(path, mds, &h, why);

	if (rc == 0)
		rc = rf_buf_printf(out, "size %lld\n", (long long)h.size_bytes);
	for (size_t i = 0; rc == 0 && i < h.count; i++) {
		rf_buf_add_text(out, names[i]);
		rc = put_digest(&h, i, out);
		rf_buf_add_byte(out, '\n');
	}
	hashes_done(&h);
	return rc < 0 ? rc : out->failed ? -ENOMEM : 0;
}
