/* SPDX-License-Identifier: Apache-2.0 */
/* Equal pages of our own, and what becomes of them. See ksm_try.h. */
#include "isolate/ksm_try.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/apart.h"

#define KSM_DIR	   "/sys/kernel/mm/ksm/"
#define PAGES	   64
#define PAUSE_MS   10
#define STOPPED_MS 50 /* enough to see that nothing happens */
/* One look to take a page's checksum, one to find that it did not change, one to merge it. */
#define LOOKS 3

static int64_t value_read(const char *path)
{
	char text[32];
	int64_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return rf_num(text, 10, 0, INT64_MAX, &n) < 0 ? -1 : n;
}

/* Random, so that no page of another process is like them. */
static char *pages_make(size_t page)
{
	char *pages = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	/* Of a huge page nothing is merged. */
	(void)madvise(pages, PAGES * page, MADV_NOHUGEPAGE);
	if (getrandom(pages, 256, 0) != 256 || madvise(pages, PAGES * page, MADV_MERGEABLE) < 0) {
		munmap(pages, PAGES * page);
		return NULL;
	}
	for (size_t i = 1; i < PAGES; i++)
		memcpy(pages + i * page, pages, page);
	return pages;
}

static void wait_for(struct ksm_trial *t, unsigned max_ms)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000l};
	int64_t looks = value_read(KSM_DIR "full_scans");
	int64_t from = rf_clock_ms(CLOCK_MONOTONIC);

	t->answer = KSM_UNKNOWN;
	do {
		int64_t run = value_read(KSM_DIR "run");
		int64_t now = value_read(KSM_DIR "full_scans");
		int64_t merged = value_read("/proc/self/ksm_merging_pages");

		t->ms = (unsigned)(rf_clock_ms(CLOCK_MONOTONIC) - from);
		if (merged > 0) {
			t->pages = merged;
			t->answer = KSM_MERGED;
			return;
		}
		if (merged == 0 &&
		    ((run != 1 && t->ms >= STOPPED_MS) || (looks >= 0 && now > looks + LOOKS))) {
			t->answer = KSM_NOT_MERGED;
			return;
		}
		nanosleep(&pause, NULL);
	} while (t->ms < max_ms);
}

static int try_work(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	struct ksm_trial t = {.answer = KSM_UNKNOWN};

	(void)in;
	if (!pages_make((size_t)sysconf(_SC_PAGESIZE)))
		return rf_fail(err, RF_E_UNSUPPORTED, "this kernel takes no pages to be merged: %s",
			       rf_code_text(-errno));
	wait_for(&t, *(const unsigned *)arg);
	return rf_buf_add(out, &t, sizeof(t));
}

int ksm_try(unsigned max_ms, struct ksm_trial *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf made = {0};
	int rc = apart_ask(try_work, &max_ms, max_ms + 5000, &made, err);

	if (!rc && made.len != sizeof(*out))
		rc = rf_fail(err, RF_E_PEER, "the process that offers pages ended");
	if (!rc)
		memcpy(out, made.data, sizeof(*out));
	return rc;
}
