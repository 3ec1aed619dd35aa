/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of libvirt's definitions share: one VM written as a file and read as facts. */
#ifndef VIRT_TEST_H
#define VIRT_TEST_H

#include "facts_test.h"

/* A definition from its parts: attributes of <domain>, children of it, children of <devices>. */
static inline void virt_write(struct test_host *h, const char *path, const char *attrs,
			      const char *top, const char *devices)
{
	char *text;

	assert_true(
		asprintf(&text,
			 "<domain type='kvm'%s>\n<name>web</name>\n"
			 "<uuid>4E0A607A-a84c-4050-87d3-3a0a564db248</uuid>\n"
			 "<memory unit='MiB'>64</memory>\n%s\n<devices>%s</devices>\n</domain>\n",
			 attrs, top, devices) > 0);
	host_file(h, path, text);
	free(text);
}

/* Reads XML files below path; with looked the images they name are looked at, too. */
static inline int virt_collect(struct test_host *h, const char *path, const char *approved,
			       bool looked)
{
	struct collect_request req = {
		.xml = &path, .xml_count = 1, .approved_dir = approved, .host = looked};

	return host_collect_request(h, collect_xml_files, &req);
}

static inline void virt_finish(struct test_host *h)
{
	struct rf_err err = {0};

	if (fact_store_finish(h->store, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

/* One definition, one question. */
struct virt_case {
	const char *name, *attrs, *top, *devices, *sql, *want;
};

#define HVM "<os><type arch='x86_64' machine='q35'>hvm</type></os>"

static inline void virt_cases(const struct virt_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct virt_case *c = &cases[i];
		struct test_host h;

		host_make(&h);
		virt_write(&h, "/v/x.xml", c->attrs ? c->attrs : "", c->top ? c->top : HVM,
			   c->devices ? c->devices : "");
		assert_int_equal(virt_collect(&h, "/v/x.xml", NULL, false), 0);
		const char *got = host_ask(&h, c->sql);

		if (strcmp(got, c->want) != 0)
			fail_msg("%s: got %s, wanted %s", c->name, got, c->want);
		host_done(&h);
	}
}

#endif
