/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from text to a pointer or number. Keys are copied; hashing is keyed per process. */
#ifndef RF_BASE_MAP_H
#define RF_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct rf_map_slot {
	char *key; /* NULL: empty */
	void *value;
	uint64_t hash;
};

/* Zero-initialise; rf_map_done frees keys, not values. Slots may be walked: skip key == NULL. */
struct rf_map {
	struct rf_map_slot *slots;
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

#define RF_AUTOMAP __attribute__((cleanup(rf_map_done)))

/* Sets key to value, replacing. 0 or -ENOMEM. */
int rf_map_set(struct rf_map *map, const char *key, void *value) RF_MUST_CHECK;

/* The value, or NULL when the key is not there. */
void *rf_map_get(const struct rf_map *map, const char *key);
bool rf_map_has(const struct rf_map *map, const char *key);
void rf_map_done(struct rf_map *map);

#endif
