/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's service between the process that reads for it and its guard: what it asks and when,
 * what it takes, and that a reader which was taken over gets it to end and to nothing else. Ports
 * that are born and purged: tests/system/test_isolate_guard.py.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "guard_test.h"
#include "isolate/service.h"

static struct scene {
	struct service *service;
	int reader; /* the other end of the records */
	int policy, lock;
	char path[64];
	char said[4096];
} scene;

static void say(void *arg, const char *line)
{
	struct scene *s = arg;
	size_t len = strlen(s->said);

	snprintf(s->said + len, sizeof(s->said) - len, "%s\n", line);
}

static int scene_begin(void **state)
{
	int pair[2];
	struct rf_err err = {0};

	(void)state;
	if (!guard)
		return 0;
	scene = (struct scene){.path = "/tmp/rf-service-XXXXXX"};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	scene.reader = pair[0];
	scene.policy = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	scene.lock = mkstemp(scene.path);

	const struct service_options options = {.guard = guard,
						.records = pair[1],
						.policy_fd = scene.policy,
						.lock_fd = open(scene.path, O_RDWR | O_CLOEXEC),
						.say = say,
						.arg = &scene};

	return service_open(&options, &scene.service, &err);
}

static int scene_end(void **state)
{
	(void)state;
	if (!guard)
		return 0;
	service_close(scene.service);
	close(scene.reader);
	close(scene.policy);
	close(scene.lock);
	unlink(scene.path);
	guard_strict_set(guard, false);
	return 0;
}

static int step(void)
{
	return service_step(scene.service, 0, NULL);
}

/* How many questions came since. */
static size_t questions(void)
{
	char bytes[64];
	ssize_t n = recv(scene.reader, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(bytes[i], '?');
	return n > 0 ? (size_t)n : 0;
}

static void answer(const void *bytes, size_t len)
{
	assert_int_equal(send(scene.reader, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void policy_changed(void)
{
	const uint64_t one = 1;

	assert_int_equal(write(scene.policy, &one, sizeof(one)), sizeof(one));
}

/* A policy of one zone with a row of its own. */
struct one_zone {
	struct table_head head;
	struct table_zone zone;
} __attribute__((packed));

static struct one_zone zone_records(uint32_t number, uint64_t to)
{
	struct one_zone records = {
		.head = {.magic = TABLE_MAGIC, .zones_count = 1, .has_policy = 1},
		.zone = {.number = number, .row = {.restricted = 1}}};

	records.zone.row.to[0] = to;
	return records;
}

static uint64_t zone_now(uint32_t number)
{
	struct guard_zone row;

	assert_int_equal(guard_zone_get(guard, number, &row), 0);
	return row.to[0];
}

static void one_question_at_a_time(void **state)
{
	RF_AUTOBUF struct rf_buf empty = {0};

	(void)state;
	need_guard();
	assert_int_equal(step(), 0);
	assert_int_equal(questions(), 1);
	/* What changes while an answer is awaited makes one more question, behind it. */
	policy_changed();
	policy_changed();
	for (int i = 0; i < 3; i++)
		assert_int_equal(step(), 0);
	assert_int_equal(questions(), 0);
	assert_false(service_ready(scene.service));
	assert_int_equal(table_empty("nothing yet", &empty), 0);
	answer(empty.data, empty.len);
	assert_int_equal(step(), 0);
	assert_true(service_ready(scene.service));
	assert_non_null(strstr(scene.said, "nothing yet\n"));
	assert_int_equal(questions(), 1);
	answer(empty.data, empty.len);
	assert_int_equal(step(), 0);
	assert_int_equal(step(), 0);
	assert_int_equal(questions(), 0);
}

static void records_come_in_pieces(void **state)
{
	struct one_zone records = zone_records(5, 1u << 7);
	const uint8_t *bytes = (const uint8_t *)&records;

	(void)state;
	need_guard();
	assert_int_equal(step(), 0);
	for (size_t at = 0; at < sizeof(records); at += 200) {
		size_t left = sizeof(records) - at;

		assert_false(service_ready(scene.service));
		answer(bytes + at, left < 200 ? left : 200);
		assert_int_equal(step(), 0);
	}
	assert_true(service_ready(scene.service));
	assert_int_equal(zone_now(5), 1u << 7);
}

/* Later records tell of births; what `isolate apply` made in the kernel is not theirs to change. */
static void only_the_first_records_set_zones(void **state)
{
	struct one_zone first = zone_records(6, 2), second = zone_records(6, 4);

	(void)state;
	need_guard();
	first.head.strict = second.head.strict = 1;
	assert_int_equal(step(), 0);
	answer(&first, sizeof(first));
	assert_int_equal(step(), 0);
	assert_int_equal(zone_now(6), 2);
	assert_true(guard_strict_get(guard));
	guard_strict_set(guard, false);
	policy_changed();
	assert_int_equal(step(), 0);
	answer(&second, sizeof(second));
	assert_int_equal(step(), 0);
	assert_int_equal(zone_now(6), 2);
	assert_false(guard_strict_get(guard));
}

static void nothing_is_set_beside_a_plan(void **state)
{
	struct one_zone records = zone_records(8, 2);

	(void)state;
	need_guard();
	records.head.strict = 1;
	assert_int_equal(flock(scene.lock, LOCK_EX), 0);
	assert_int_equal(step(), 0);
	answer(&records, sizeof(records));
	assert_int_equal(step(), 0);
	assert_true(service_ready(scene.service));
	assert_int_equal(zone_now(8), 0);
	assert_false(guard_strict_get(guard));
}

/* What others are called makes no lines of the log, and no sequences of a terminal. */
static void lines_stay_lines(void **state)
{
	RF_AUTOBUF struct rf_buf empty = {0};

	(void)state;
	need_guard();
	assert_int_equal(step(), 0);
	assert_int_equal(table_empty("a\nvnet0: guarded\x1b[2J\x7f", &empty), 0);
	answer(empty.data, empty.len);
	assert_int_equal(step(), 0);
	assert_string_equal(scene.said, "a?vnet0: guarded?[2J?\n");
}

static const struct hostile {
	const char *name;
	bool asked; /* a question was sent before */
	int rc;
	uint32_t magic, ports, zones;
	size_t more; /* bytes behind the head */
} hostiles[] = {
	{"no table", true, RF_E_SYNTAX, 0x41414141, 0, 0, 0},
	{"more ports than there are", true, RF_E_SYNTAX, TABLE_MAGIC, GUARD_SLOTS + 1, 0, 0},
	{"zones without end", true, RF_E_SYNTAX, TABLE_MAGIC, 0, UINT32_MAX, 0},
	{"a byte too much", true, RF_E_SYNTAX, TABLE_MAGIC, 0, 0, 1},
	{"two tables for one question", true, RF_E_SYNTAX, TABLE_MAGIC, 0, 0,
	 sizeof(struct table_head)},
	{"a port that is none", true, -EINVAL, TABLE_MAGIC, 1, 0, sizeof(struct table_port)},
	{"the host cut off", true, RF_E_SYNTAX, TABLE_MAGIC, 0, 1, sizeof(struct table_zone)},
	{"nobody asked", false, RF_E_SYNTAX, TABLE_MAGIC, 0, 0, 0},
};

/* The service ends: what it enforced stays, and whoever starts it again starts a new reader. */
static void a_hostile_reader(void **state)
{
	(void)state;
	need_guard();
	for (size_t i = 0; i < RF_COUNT(hostiles); i++) {
		const struct hostile *h = &hostiles[i];
		static uint8_t bytes[sizeof(struct table_head) + sizeof(struct table_port) + 4096];
		struct table_head head = {
			.magic = h->magic, .ports_count = h->ports, .zones_count = h->zones};
		RF_AUTOBUF struct rf_buf empty = {0};

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, &head, sizeof(head));
		/* A port of a VM that is in no mode. */
		bytes[sizeof(head) + offsetof(struct table_port, port.mode)] = 9;
		assert_int_equal(step(), 0);
		assert_int_equal(questions(), 1);
		if (!h->asked) {
			assert_int_equal(table_empty("", &empty), 0);
			answer(empty.data, empty.len);
			assert_int_equal(step(), 0);
		}
		answer(bytes, sizeof(head) + h->more);
		if (step() != h->rc)
			fail_msg("%s", h->name);
		scene_end(NULL);
		assert_int_equal(scene_begin(NULL), 0);
	}
}

static void a_reader_that_ends(void **state)
{
	(void)state;
	need_guard();
	assert_int_equal(step(), 0);
	assert_int_equal(shutdown(scene.reader, SHUT_RDWR), 0);
	assert_int_equal(step(), RF_E_PEER);
	service_close(NULL);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		WITH_SCENE(one_question_at_a_time),
		WITH_SCENE(records_come_in_pieces),
		WITH_SCENE(only_the_first_records_set_zones),
		WITH_SCENE(nothing_is_set_beside_a_plan),
		WITH_SCENE(lines_stay_lines),
		WITH_SCENE(a_hostile_reader),
		WITH_SCENE(a_reader_that_ends),
	};

	return cmocka_run_group_tests(tests, guard_begin, guard_end);
}
