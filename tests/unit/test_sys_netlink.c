/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink probes: answers of this machine's kernel in a network namespace of our own, and answers
 * that no kernel gives. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/audit.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/limits.h"
#include "base/mem.h"
#include "sys/netlink.h"
#include "sys/sys.h"

static struct sys *live(void)
{
	struct sys *sys;

	assert_int_equal(sys_open_live(&sys, NULL), 0);
	return sys;
}

/* How many messages of a type an answer has; every byte must belong to one. */
static int count_type(const struct rf_buf *buf, uint16_t type)
{
	const struct nlmsghdr *nlh = (const void *)buf->data;
	int left = (int)buf->len, n = 0;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		assert_int_not_equal(nlh->nlmsg_type, NLMSG_DONE);
		n += nlh->nlmsg_type == type;
	}
	assert_int_equal(left, 0);
	return n;
}

static void test_own_namespace(void **state)
{
	static const struct {
		const char *name, *arg;
		uint16_t type;
	} rows[] = {
		{"rtnl-link", "", RTM_NEWLINK},
		{"rtnl-addr", "", 0},
		{"rtnl-route", "", 0},
		{"rtnl-fdb", "", 0},
		{"rtnl-bridge-vlan", "", 0},
		{"rtnl-qdisc", "", 0},
		{"sock-diag", "tcp4", SOCK_DIAG_BY_FAMILY},
		{"sock-diag", "udp4", 0},
		{"unix-diag", "", 0},
	};
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: network namespaces (%s)\n", strerror(errno));
		skip();
	}
	struct sys *sys = live();
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(listen(fd, 1), 0);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		int rc = sys_probe(sys, rows[i].name, rows[i].arg, &buf, &err);

		if (rc < 0)
			fail_msg("%s", rf_err_text(&err));
		/* One link (lo) and one listener of ours; nothing else is in here. */
		if (rows[i].type)
			assert_int_equal(count_type(&buf, rows[i].type), 1);
	}
	close(fd);
	assert_int_equal(sys_probe(sys, "sock-diag", "tcp4", &buf, &err), 0);
	assert_int_equal(buf.len, 0);
	sys_close(sys);
}

/* What a kernel may lack: then the code says so and the answer stays untouched. */
static void test_optional_families(void **state)
{
	static const char *const rows[][2] = {
		{"nft", "tables"},  {"nft", "chains"},	 {"nft", "rules"},
		{"audit", "rules"}, {"audit", "status"}, {"sock-diag", "tcp6"},
	};
	struct sys *sys = live();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		struct rf_err err = {0};
		int rc = sys_probe(sys, rows[i][0], rows[i][1], &buf, &err);

		if (rc == 0)
			count_type(&buf, 0);
		else
			print_message("%s\n", rf_err_text(&err));
		if (rc < 0) {
			assert_null(buf.data);
			assert_true(rc != RF_E_SYNTAX && rc != RF_E_TIMEOUT && rc != -EINVAL);
			assert_int_equal(err.code, rc);
		}
	}
	sys_close(sys);
}

static void test_wrong_arguments(void **state)
{
	static const char *const rows[][2] = {
		{"rtnl-filter", "x"},
		{"rtnl-filter", "1"},
		{"rtnl-filter", "0:1"},
		{"rtnl-filter", "1:"},
		{"rtnl-filter", "1:fffffffff"},
		{"rtnl-filter", ":1"},
		{"sock-diag", "sctp4"},
		{"nft", "sets"},
		{"audit", "x"},
		{"rtnl-link", "eth0"},
		{"rtnl-filter", "-1:1"},
	};
	RF_AUTOBUF struct rf_buf buf = {0};
	struct rf_err err = {0};
	struct sys *sys = live();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		assert_int_equal(sys_probe(sys, rows[i][0], rows[i][1], &buf, &err), -EINVAL);
	sys_close(sys);
}

static void add(struct rf_buf *buf, uint16_t type, uint16_t flags, uint32_t seq, int32_t word)
{
	struct nlmsghdr nlh = {.nlmsg_len = sizeof(nlh) + 4,
			       .nlmsg_type = type,
			       .nlmsg_flags = flags,
			       .nlmsg_seq = seq,
			       .nlmsg_pid = 7};

	rf_buf_add(buf, &nlh, sizeof(nlh));
	rf_buf_add(buf, &word, sizeof(word));
}

static void test_made_up_answers(void **state)
{
	static const struct {
		const char *name;
		uint16_t type, flags;
		uint32_t seq;
		int32_t word;
		int want;
		size_t want_bytes;
		bool interrupted;
	} rows[] = {
		{"a message", RTM_NEWLINK, 2, 5, 0, NETLINK_MORE, 20, false},
		{"done", NLMSG_DONE, 2, 5, 0, NETLINK_DONE, 0, false},
		{"done with an error", NLMSG_DONE, 2, 5, -EOPNOTSUPP, -EOPNOTSUPP, 0, false},
		{"error", NLMSG_ERROR, 0, 5, -EPERM, -EPERM, 0, false},
		{"acknowledged", NLMSG_ERROR, 0, 5, 0, NETLINK_MORE, 0, false},
		{"positive error", NLMSG_ERROR, 0, 5, 1, RF_E_SYNTAX, 0, false},
		{"least error", NLMSG_ERROR, 0, 5, INT32_MIN, RF_E_SYNTAX, 0, false},
		{"other's sequence", NLMSG_DONE, 2, 6, 0, NETLINK_MORE, 0, false},
		{"interrupted", RTM_NEWLINK, NLM_F_DUMP_INTR, 5, 0, NETLINK_MORE, 20, true},
		{"no operation", NLMSG_NOOP, 0, 5, 0, NETLINK_MORE, 0, false},
		{"single", AUDIT_GET, 0, 5, 0, NETLINK_DONE, 20, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf in = {0}, out = {0};
		struct netlink_answer a = {.seq = 5, .portid = 7, .single_type = AUDIT_GET};

		add(&in, rows[i].type, rows[i].flags, rows[i].seq, rows[i].word);
		print_message("%s\n", rows[i].name);
		assert_int_equal(netlink_take(&a, in.data, in.len, &out), rows[i].want);
		assert_int_equal(out.len, rows[i].want_bytes);
		assert_int_equal(a.interrupted, rows[i].interrupted);
	}
}

static void test_broken_answers(void **state)
{
	RF_AUTOBUF struct rf_buf in = {0}, out = {0};
	struct netlink_answer a = {.seq = 5, .portid = 7};

	(void)state;
	add(&in, RTM_NEWLINK, 2, 5, 1);
	for (size_t cut = 1; cut < in.len; cut++)
		assert_int_equal(netlink_take(&a, in.data, cut, &out), RF_E_SYNTAX);
	assert_int_equal(out.len, 0);
	assert_int_equal(netlink_take(&a, in.data, 0, &out), NETLINK_MORE);
	/* A length below that of a header must not loop for ever. */
	memset(in.data, 0, 4);
	assert_int_equal(netlink_take(&a, in.data, in.len, &out), RF_E_SYNTAX);
	/* libmnl takes this length for a negative one, which is small. */
	memset(in.data, 0xbe, 4);
	assert_int_equal(netlink_take(&a, in.data, in.len, &out), RF_E_SYNTAX);
	assert_int_equal(netlink_check("rtnl-link", &in), RF_E_SYNTAX);
	assert_int_equal(netlink_check("uname", &in), 0);
	/* An odd length is padded in the answer, so that the next message is found. */
	rf_buf_reset(&in);
	add(&in, RTM_NEWLINK, 2, 5, 1);
	((struct nlmsghdr *)(void *)in.data)->nlmsg_len = 17;
	assert_int_equal(netlink_take(&a, in.data, in.len, &out), NETLINK_MORE);
	assert_int_equal(out.len, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_optional_families), cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_made_up_answers),	  cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_own_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
