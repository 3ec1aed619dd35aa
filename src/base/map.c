/* SPDX-License-Identifier: Apache-2.0 */
/* Open-addressing hash map; see map.h. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/mem.h"

/* Keyed so that hostile names cannot be chosen to collide: seeded once per process. */
static uint64_t hash_text(const char *key)
{
	static uint64_t seed;

	if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = 0x9e3779b97f4a7c15u;
	seed |= 1;
	uint64_t h = seed;

	for (; *key; key++) {
		h ^= (unsigned char)*key;
		h *= 0x100000001b3u;
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

static struct rf_map_slot *slot_find(const struct rf_map *map, const char *key, uint64_t hash)
{
	size_t mask = map->capacity - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct rf_map_slot *slot = &map->slots[i];

		if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0))
			return slot;
	}
}

static int map_widen(struct rf_map *map)
{
	struct rf_map wide = {.capacity = map->capacity ? map->capacity * 2 : 16};

	wide.slots = rf_alloc(wide.capacity, sizeof(*wide.slots));
	if (!wide.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct rf_map_slot *slot = &map->slots[i];

		if (slot->key)
			*slot_find(&wide, slot->key, slot->hash) = *slot;
	}
	rf_free(map->slots);
	map->slots = wide.slots;
	map->capacity = wide.capacity;
	return 0;
}

int rf_map_set(struct rf_map *map, const char *key, void *value)
{
	if ((map->count + 1) * 4 > map->capacity * 3 && map_widen(map) < 0)
		return -ENOMEM;
	uint64_t hash = hash_text(key);
	struct rf_map_slot *slot = slot_find(map, key, hash);

	if (!slot->key) {
		char *copy = rf_strdup(key);

		if (!copy)
			return -ENOMEM;
		*slot = (struct rf_map_slot){.key = copy, .hash = hash};
		map->count++;
	}
	slot->value = value;
	return 0;
}

static const struct rf_map_slot *map_lookup(const struct rf_map *map, const char *key)
{
	if (map->capacity == 0)
		return NULL;
	const struct rf_map_slot *slot = slot_find(map, key, hash_text(key));

	return slot->key ? slot : NULL;
}

void *rf_map_get(const struct rf_map *map, const char *key)
{
	const struct rf_map_slot *slot = map_lookup(map, key);

	return slot ? slot->value : NULL;
}

bool rf_map_has(const struct rf_map *map, const char *key)
{
	return map_lookup(map, key) != NULL;
}

void rf_map_done(struct rf_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->capacity; i++)
		rf_free(map->slots[i].key);
	rf_free(map->slots);
	*map = (struct rf_map){0};
}
