/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files some process holds QEMU's image lock on: byte locks from offset 100 (what it does)
 * and 200 (what others may), of one open file description. Asked of /proc/locks, which shows them
 * of every process. Sources: proc(5), QEMU's docs/system/images.rst, block/file-posix.c.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/images.h"

#define LOCKS_MAX_BYTES (4u << 20)
#define LOCK_FIRST	100
#define LOCK_LAST	299

/* "12: OFDLCK ADVISORY  READ -1 08:01:131 100 101": the file, when it is such a lock. */
static const char *locked_file(char *line)
{
	char *words[8];
	size_t count = 0;
	int64_t start;

	for (char *word; count < RF_COUNT(words) && (word = rf_word_next(&line));)
		words[count++] = word;
	/* A waiting lock has an arrow in the second place. */
	if (count < 8 || (strcmp(words[1], "OFDLCK") != 0 && strcmp(words[1], "POSIX") != 0) ||
	    rf_num(words[6], 10, LOCK_FIRST, LOCK_LAST, &start) < 0)
		return NULL;
	return words[5];
}

void images_locks_open(struct images *images)
{
	RF_AUTOBUF struct rf_buf text = {0};
	RF_AUTOFREE char *copy = NULL;

	if (sys_read(images->sys, "/proc/locks", LOCKS_MAX_BYTES, &text, NULL) < 0)
		return;
	copy = rf_buf_take_text(&text);
	char *cursor = copy;

	images->locks_known = copy != NULL;
	for (char *line; copy && (line = rf_line_next(&cursor));) {
		const char *file = locked_file(line);

		if (file && rf_map_set(&images->locked, file, images) < 0)
			images->locks_known = false;
	}
}

int images_locked(const struct images *images, const struct sys_stat *st)
{
	char key[64], inode[32];

	if (!images->locks_known || !S_ISREG(st->type))
		return -1;
	rf_format(key, sizeof(key), "%02x:%02x:%llu", major(st->dev), minor(st->dev),
		  (unsigned long long)st->inode);
	if (rf_map_has(&images->locked, key))
		return 1;
	/* Some file systems (btrfs, overlayfs) have one number here and another there. */
	rf_format(inode, sizeof(inode), ":%llu", (unsigned long long)st->inode);
	for (size_t i = 0; i < images->locked.capacity; i++) {
		if (images->locked.slots[i].key && rf_ends(images->locked.slots[i].key, inode))
			return -1;
	}
	return 0;
}
