/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of VMs in quarantine, in a network namespace of the test's own: made, found again,
 * tidied up, and never taken away from somebody who makes one at the same time. Skips without the
 * right to make a namespace.
 */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/guard/internal.h"
#include "isolate/segment.h"
#include "test_base.h"

#define ROUNDS 25

static bool rights;

static void needs_rights(void)
{
	if (!rights) {
		print_message("no right to make a network namespace\n");
		skip();
	}
}

static bool is_there(const char *name)
{
	struct segment_link link;

	return segment_link_find(name, 0, &link, NULL) == 0;
}

/* A bridge without an alias, in that group of links. */
static void bridge(const char *name, uint32_t group)
{
	char buffer[512] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_GROUP, group);
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(request, info);
	assert_int_equal(guard_nl_talk(request, NULL, NULL), 0);
}

static void made_once_and_tidied_up(void **state)
{
	static const char name[] = "rfq525400000001", other[] = "rfq525400000002";
	struct segment_link link;
	uint32_t first = 0, second = 0;

	(void)state;
	needs_rights();
	assert_int_equal(segment_make(name, "vnet0", 0, &first, NULL), 0);
	assert_int_equal(segment_make(name, "vnet1", 0, &second, NULL), 0);
	assert_int_equal(first, second);
	assert_int_equal(segment_link_find(name, 0, &link, NULL), 0);
	assert_true(link.bridge);
	assert_string_equal(link.owner, "ringfence quarantine of vnet1");
	assert_int_equal(segment_make(other, "vnet1", 0, &second, NULL), 0);
	assert_int_equal(segment_tidy("vnet0", NULL, NULL), 0);
	assert_true(is_there(name) && is_there(other));
	assert_int_equal(segment_tidy("vnet1", other, NULL), 0);
	assert_true(!is_there(name) && is_there(other));
	assert_int_equal(segment_tidy("vnet1", NULL, NULL), 0);
	assert_false(is_there(other));
	assert_int_equal(segment_tidy("vnet1", NULL, NULL), 0);
}

/* What a dead maker left is in the group that no owner's is in; others' bridges are left alone,
 * whatever they are called. */
static void what_a_dead_maker_left_goes(void **state)
{
	static const char left[] = "rfq525400000003", others[] = "rfq525400000004";
	uint32_t ifindex = 0;

	(void)state;
	needs_rights();
	bridge(left, 0x52465101);
	bridge(others, 7);
	assert_int_equal(segment_tidy("vnet9", NULL, NULL), 0);
	assert_true(!is_there(left) && is_there(others));
	/* It can be finished, too. */
	bridge(left, 0x52465101);
	assert_int_equal(segment_make(left, "vnet0", 0, &ifindex, NULL), 0);
	assert_int_equal(segment_tidy("vnet9", NULL, NULL), 0);
	assert_true(is_there(left));
	assert_int_equal(segment_tidy("vnet0", NULL, NULL), 0);
	assert_false(is_there(left));
}

static void a_link_of_others_is_refused(void **state)
{
	static const char taken[] = "rfq525400000005";
	char buffer[512] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	struct segment_link link;
	uint32_t ifindex = 0;

	(void)state;
	needs_rights();
	bridge(taken, 0);
	assert_int_equal(segment_link_find(taken, 0, &link, NULL), 0);
	request->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = (int)link.ifindex;
	mnl_attr_put_str(request, IFLA_IFALIAS, "somebody's");
	assert_int_equal(guard_nl_talk(request, NULL, NULL), 0);
	assert_int_equal(segment_make(taken, "vnet0", 0, &ifindex, NULL), RF_E_DENIED);
	assert_int_equal(ifindex, 0);
	assert_int_equal(segment_make("rfq525400000006",
				      "a port's name that is much longer than any link's may be", 0,
				      &ifindex, NULL),
			 RF_E_LIMIT);
	assert_false(is_there("rfq525400000006"));
}

/* One card's: each that was made is there, with its owner, until it is tidied up. */
static int make_and_tidy(unsigned card)
{
	char name[IFNAMSIZ], port[IFNAMSIZ], owner[64];
	struct segment_link link;
	uint32_t ifindex = 0;

	snprintf(name, sizeof(name), "rfq5254000001%02x", card);
	snprintf(port, sizeof(port), "vnet%u", card);
	snprintf(owner, sizeof(owner), "ringfence quarantine of %s", port);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (segment_make(name, port, 0, &ifindex, NULL) < 0)
			return 1;
		if (segment_link_find(name, 0, &link, NULL) < 0 || link.ifindex != ifindex)
			return 2;
		if (strcmp(link.owner, owner) != 0)
			return 3;
		if (segment_tidy(port, NULL, NULL) < 0)
			return 4;
	}
	return 0;
}

static void nobody_takes_away_what_another_is_making(void **state)
{
	pid_t pids[3];

	(void)state;
	needs_rights();
	for (unsigned i = 0; i < RF_COUNT(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(make_and_tidy(i));
		assert_true(pids[i] > 0);
	}
	for (unsigned i = 0; i < RF_COUNT(pids); i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static int begin(void **state)
{
	(void)state;
	rights = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_once_and_tidied_up),
		cmocka_unit_test(what_a_dead_maker_left_goes),
		cmocka_unit_test(a_link_of_others_is_refused),
		cmocka_unit_test(nobody_takes_away_what_another_is_making),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
