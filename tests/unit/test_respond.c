/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of pcapng byte by byte, and the ring of files in a folder. The recorder itself, on a real
 * link: tests/system/test_quarantine.py. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "respond/pcapng.h"
#include "respond/recorder.h"
#include "respond/ring.h"

static uint32_t u32(const struct rf_buf *buf, size_t at)
{
	uint32_t n;

	assert_true(at + sizeof(n) <= buf->len);
	memcpy(&n, buf->data + at, sizeof(n));
	return n;
}

/* Every block says its length twice, and is whole words. */
static size_t blocks(const struct rf_buf *buf, uint32_t *types)
{
	size_t n = 0;

	for (size_t at = 0; at < buf->len;) {
		uint32_t bytes = u32(buf, at + 4);

		assert_int_equal(bytes % 4, 0);
		assert_int_equal(u32(buf, at + bytes - 4), bytes);
		types[n++] = u32(buf, at);
		at += bytes;
	}
	return n;
}

static void blocks_are_framed(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	uint32_t types[16];
	const uint8_t frame[] = {1, 2, 3, 4, 5};

	(void)state;
	assert_int_equal(pcapng_section(&out, "ringfence", "why"), 0);
	assert_int_equal(u32(&out, 8), 0x1a2b3c4d);
	assert_int_equal(u32(&out, 16), UINT32_MAX);
	assert_int_equal(pcapng_interface(&out, "rfq525400000001", "web-1"), 0);
	size_t packet = out.len;

	assert_int_equal(pcapng_packet(&out, 0x100000002ull, (struct rf_slice){frame, 5}, 7), 0);
	assert_int_equal(u32(&out, packet + 12), 1);
	assert_int_equal(u32(&out, packet + 16), 2);
	assert_int_equal(u32(&out, packet + 20), 5);
	assert_int_equal(u32(&out, packet + 24), 7);
	assert_memory_equal(out.data + packet + 28, "\1\2\3\4\5\0\0\0", 8);
	assert_int_equal(pcapng_statistics(&out, 3, 4, 5), 0);
	assert_int_equal(blocks(&out, types), 4);
	assert_int_equal(types[0], 0x0a0d0d0a);
	assert_int_equal(types[1], 1);
	assert_int_equal(types[2], 6);
	assert_int_equal(types[3], 5);
}

static void texts_and_frames_have_limits(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	RF_AUTOFREE char *text = rf_alloc(1, 70001);
	RF_AUTOFREE uint8_t *frame = rf_alloc(1, PCAPNG_SNAP_BYTES + 1);
	uint32_t types[16];

	(void)state;
	memset(text, 'a', 70000);
	assert_int_equal(pcapng_section(&out, text, ""), 0);
	assert_int_equal(pcapng_interface(&out, "", text), 0);
	assert_true(out.len < 4096);
	size_t at = out.len;

	assert_int_equal(pcapng_packet(&out, 0, (struct rf_slice){frame, PCAPNG_SNAP_BYTES + 1}, 1),
			 0);
	assert_int_equal(u32(&out, at + 20), PCAPNG_SNAP_BYTES);
	assert_int_equal(u32(&out, at + 24), PCAPNG_SNAP_BYTES);
	assert_int_equal(pcapng_packet(&out, 0, (struct rf_slice){NULL, 0}, 0), 0);
	assert_int_equal(blocks(&out, types), 4);
}

static size_t files_of(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += rf_ends(e->d_name, ".pcapng");
	closedir(dir);
	return n;
}

static void fill(struct ring *ring, unsigned frames)
{
	static const uint8_t frame[1500];

	for (unsigned i = 0; i < frames; i++)
		assert_int_equal(ring_add(ring, i, (struct rf_slice){frame, sizeof(frame)}, 1500),
				 0);
	ring_flush(ring);
}

static void the_ring_turns(void **state)
{
	char folder[] = "/tmp/rf-test-XXXXXX", path[64];
	struct ring ring = {.link = "l", .vm = "v", .comment = "c"};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	ring.folder = open(folder, O_RDONLY | O_DIRECTORY);
	/* Others' files in the folder are left alone. */
	snprintf(path, sizeof(path), "%s/7.pcapng", folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(ring_open(&ring, NULL), 0);
	for (unsigned i = 0; i < 40; i++)
		fill(&ring, 100);
	assert_int_equal(files_of(folder), RING_FILES + 1);
	assert_int_equal(ring.frames, 4000);
	assert_int_equal(ring.lost, 0);
	assert_true(ring.first > 1);
	ring_close(&ring, 1, 0);

	uint32_t last = ring.last;

	assert_int_equal(ring_open(&ring, NULL), 0);
	assert_int_equal(ring.last, last + 1);
	ring_close(&ring, 1, 0);
	assert_int_equal(stat(path, &st), 0);
	close(ring.folder);
	assert_int_equal(files_of(folder), RING_FILES + 1);
	assert_true(rf_starts(folder, "/tmp/rf-test-"));
	DIR *dir = opendir(folder);

	for (const struct dirent *e; (e = readdir(dir));)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(folder), 0);
}

static void a_status_that_is_none(void **state)
{
	char folder[] = "/tmp/rf-test-XXXXXX", path[64];
	struct recorder_status status;
	static const char text[] = "frames 12\nbytes x\nlost 3\nnonsense\nfull 1\nframes\n";

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(recorder_status(folder, &status), -ENOENT);
	snprintf(path, sizeof(path), "%s/status", folder);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(recorder_status(folder, &status), 0);
	assert_int_equal(status.frames, 12);
	assert_int_equal(status.bytes, 0);
	assert_int_equal(status.lost, 3);
	assert_true(status.full);
	assert_false(status.running);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_framed),
		cmocka_unit_test(texts_and_frames_have_limits),
		cmocka_unit_test(the_ring_turns),
		cmocka_unit_test(a_status_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
