/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe file-md5; see digest.h. MD5 because that is what dpkg keeps of each file: it finds
 * accidents and careless changes, and says nothing of an attacker who also edits dpkg's lists.
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

static int hash_fd(int fd, EVP_MD_CTX *ctx, int64_t *out_size)
{
	RF_AUTOFREE uint8_t *chunk = rf_alloc(CHUNK_BYTES, 1);
	int64_t size = 0;

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += n;
		if (size > DIGEST_MAX_BYTES)
			return RF_E_LIMIT;
		if (!EVP_DigestUpdate(ctx, chunk, (size_t)n))
			return RF_E_CRYPTO;
	}
	*out_size = size;
	return 0;
}

static int md5_fd(int fd, struct rf_buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	int64_t size = 0;
	int rc = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) ? 0 : RF_E_CRYPTO;

	if (rc == 0)
		rc = hash_fd(fd, ctx, &size);
	if (rc == 0 && !EVP_DigestFinal_ex(ctx, digest, &len))
		rc = RF_E_CRYPTO;
	EVP_MD_CTX_free(ctx);
	if (rc < 0)
		return rc;
	rf_buf_add_hex(out, digest, len);
	return rf_buf_printf(out, " %lld\n", (long long)size);
}

int digest_md5(const char *path, struct rf_buf *out, struct rf_err *why)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO in a file's place must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = rf_fail(why, -EINVAL, "not a regular file");
	if (rc == 0)
		rc = md5_fd(fd, out);
	if (fd >= 0)
		close(fd);
	return rc;
}
