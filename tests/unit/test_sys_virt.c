/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory of a libvirt connection, against libvirt's own test driver. */
#include <dlfcn.h>
#include <jansson.h>

#include "facts_test.h"
#include "base/mem.h"
#include "sys/virt.h"

static json_t *answer(int (*ask)(const char *uri, struct rf_buf *out, struct rf_err *err),
		      const char *uri)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};
	int rc = ask(uri, &out, &err);

	if (rc == RF_E_UNSUPPORTED) {
		print_message("skipped: libvirt's library (%s)\n", rf_err_text(&err));
		skip();
	}
	if (rc < 0)
		fail_msg("%s", rf_err_text(&err));
	json_t *doc = json_loads(rf_buf_text(&out), JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(doc);
	return doc;
}

static json_t *inventory(const char *uri)
{
	return answer(virt_inventory, uri);
}

static const json_t *first(const json_t *doc, const char *key)
{
	return json_array_get(json_object_get(doc, key), 0);
}

static const char *get(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	if (!s)
		fail_msg("%s is no text", key);
	return s;
}

static void test_the_test_driver(void **state)
{
	json_t *doc = inventory("test:///default");
	const json_t *dom = first(doc, "domains"), *net = first(doc, "networks");
	const json_t *pool = first(doc, "pools");

	(void)state;
	assert_string_equal(get(doc, "uri"), "test:///default");
	assert_non_null(strchr(get(doc, "version"), '.'));
	/* Slow to have, so not here. */
	assert_null(json_object_get(doc, "capabilities"));
	assert_string_equal(get(dom, "name"), "test");
	assert_string_equal(get(dom, "state"), "running");
	assert_string_equal(get(dom, "uuid"), "6695eb01-f6a4-8304-79aa-97f2502e193f");
	assert_true(json_is_true(json_object_get(dom, "persistent")));
	assert_true(json_is_false(json_object_get(dom, "autostart")));
	assert_true(json_is_false(json_object_get(dom, "managed_save")));
	assert_int_equal(json_integer_value(json_object_get(dom, "id")), 1);
	assert_true(json_is_null(json_object_get(dom, "pid")));
	assert_non_null(strstr(get(dom, "live_xml"), "<domain"));
	assert_non_null(strstr(get(dom, "persistent_xml"), "<name>test</name>"));
	assert_true(json_is_array(json_object_get(dom, "taints")));
	assert_int_equal(json_array_size(json_object_get(dom, "snapshots")), 0);
	assert_string_equal(get(net, "name"), "default");
	assert_true(json_is_true(json_object_get(net, "active")));
	assert_non_null(strstr(get(net, "persistent_xml"), "<network>"));
	assert_string_equal(get(pool, "name"), "default-pool");
	assert_true(json_integer_value(json_object_get(pool, "capacity_bytes")) > 0);
	assert_true(json_is_array(json_object_get(pool, "volumes")));
	/* The driver has neither filters nor secrets: none, and no gap for it. */
	assert_int_equal(json_array_size(json_object_get(doc, "nwfilters")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "secrets")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "gaps")), 0);
	json_decref(doc);
}

static void test_hypervisor(void **state)
{
	json_t *doc = answer(virt_hypervisor, "test:///default");

	(void)state;
	assert_string_equal(get(doc, "uri"), "test:///default");
	assert_non_null(strchr(get(doc, "hypervisor_version"), '.'));
	assert_non_null(strstr(get(doc, "capabilities"), "<capabilities"));
	assert_int_equal(json_array_size(json_object_get(doc, "gaps")), 0);
	assert_null(json_object_get(doc, "domains"));
	json_decref(doc);
}

/* A definition of our own: one stopped VM with a password, which does not come out. */
static void test_own_definitions(void **state)
{
	static const char xml[] =
		"<node><domain type='test'><name>we\xc3\xb6 b</name><memory>1024</memory>"
		"<os><type>hvm</type></os><devices><graphics type='vnc' passwd='hunter2'/>"
		"</devices><domainsnapshot xmlns='x'/></domain>"
		"<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
		"<name>off</name><memory>1024</memory><os><type>hvm</type></os>"
		"<test:runstate>5</test:runstate></domain></node>";
	struct test_host h;
	char uri[128];

	(void)state;
	host_make(&h);
	host_file(&h, "/node.xml", xml);
	snprintf(uri, sizeof(uri), "test://%s/node.xml", h.dir);
	json_t *doc = inventory(uri);
	char *dump = json_dumps(doc, 0);
	size_t i;
	json_t *dom;
	int seen = 0;

	assert_null(strstr(dump, "hunter2"));
	json_array_foreach(json_object_get(doc, "domains"), i, dom)
	{
		if (strcmp(get(dom, "name"), "off") != 0)
			continue;
		seen++;
		assert_string_equal(get(dom, "state"), "shut off");
		assert_int_equal(json_integer_value(json_object_get(dom, "id")), -1);
		assert_true(json_is_null(json_object_get(dom, "live_xml")));
	}
	assert_int_equal(seen, 1);
	assert_int_equal(json_array_size(json_object_get(doc, "domains")), 2);
	free(dump);
	json_decref(doc);
	host_done(&h);
}

static void test_no_answer(void **state)
{
	static const char *const uris[] = {
		"qemu+unix:///system?socket=/nowhere/at/all",
		"nonsense:///x",
		"test:///nowhere/at/all.xml",
	};

	(void)state;
	if (NO_LIBVIRT_DAEMON_UNDER_ASAN)
		skip();
	for (size_t i = 0; i < RF_COUNT(uris); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};
		int rc = virt_inventory(uris[i], &out, &err);

		if (rc == RF_E_UNSUPPORTED)
			skip();
		assert_int_equal(rc, RF_E_PEER);
		assert_int_equal(virt_hypervisor(uris[i], &out, &err), RF_E_PEER);
		assert_true(strlen(rf_err_text(&err)) > 10);
		assert_int_equal(out.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_test_driver),
		cmocka_unit_test(test_hypervisor),
		cmocka_unit_test(test_own_definitions),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
