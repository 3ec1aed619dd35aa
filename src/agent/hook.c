/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's qemu hook; see hook.h. Source: libvirt.org/hooks.html: four words and the definition on
 * standard input; another exit status than 0 ends the operation with what is on standard error. */
#include "agent/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/role.h"
#include "agent/supervise.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "collect/xml.h"
#include "sys/virtsecret.h"

#define ANSWER_BYTES 512

static const struct {
	const char *operation, *sub, *question;
} questions[] = {
	{"prepare", "begin", "start"},	 {"restore", "begin", "start"},
	{"migrate", "begin", "migrate"}, {"started", "begin", "forget"},
	{"release", "end", "forget"},
};

const char *hook_question(const char *operation, const char *sub_operation)
{
	for (size_t i = 0; i < RF_COUNT(questions); i++) {
		if (strcmp(questions[i].operation, operation) == 0 &&
		    strcmp(questions[i].sub, sub_operation) == 0)
			return questions[i].question;
	}
	return NULL;
}

void hook_site_done(struct hook_site *site)
{
	rf_buf_done(&site->vms);
}

static int vms_add(const struct yaml_node *list, struct hook_site *out)
{
	if (list->kind == YAML_TEXT) {
		rf_buf_add(&out->vms, list->text, strlen(list->text) + 1);
		return out->vms.failed ? -ENOMEM : 0;
	}
	for (size_t i = 0; i < list->items_count; i++)
		rf_buf_add(&out->vms, list->items[i].text, strlen(list->items[i].text) + 1);
	return out->vms.failed ? -ENOMEM : 0;
}

int hook_site_parse(struct rf_slice text, struct hook_site *out, struct rf_err *err)
{
	YAML_AUTODOC struct yaml_doc doc = {0};
	struct {
		const char *silence;
		const struct yaml_node *trusted;
	} site = {"closed", NULL};
	const struct yaml_field fields[] = {
		{"on-silence", YAML_T_TEXT, offsetof(__typeof__(site), silence), false},
		{"trusted", YAML_T_TEXTS, offsetof(__typeof__(site), trusted), false},
	};
	int rc = yaml_parse(text, HOOK_CONFIG, &doc, err);

	if (!rc)
		rc = yaml_bind(&doc, doc.root, fields, RF_COUNT(fields), &site, err);
	if (rc)
		return rc;
	if (strcmp(site.silence, "open") != 0 && strcmp(site.silence, "closed") != 0)
		return yaml_fail(&doc, yaml_get(doc.root, "on-silence"), err,
				 "on-silence is open or closed");
	out->open_on_silence = strcmp(site.silence, "open") == 0;
	return site.trusted ? vms_add(site.trusted, out) : 0;
}

static const struct xml_node *domain_of(const struct xml_doc *doc)
{
	return xml_is(doc->root, "domstatus") ? xml_child(doc->root, "domain") : doc->root;
}

static const struct xml_node *tag_of(const struct xml_node *domain)
{
	return xml_child_ns(xml_child(domain, "metadata"), HOOK_TAG_URI, "trusted");
}

int hook_tagged(const struct hook_site *site, const char *vm, struct rf_slice xml, bool *out,
		struct rf_err *err)
{
	XML_AUTODOC struct xml_doc doc = {.root = NULL};

	for (size_t at = 0; at < site->vms.len;) {
		const char *pattern = (const char *)site->vms.data + at;

		at += strlen(pattern) + 1;
		if (rf_glob(pattern, vm)) {
			*out = true;
			return 0;
		}
	}
	int rc = xml_parse(xml, "the VM's definition", &doc, err);

	if (!rc)
		*out = tag_of(domain_of(&doc)) != NULL;
	return rc;
}

/* ---- secrets ---- */

static int secret_add(struct hook_secrets *out, const char *uuid, struct rf_err *err)
{
	for (size_t i = 0; i < out->count; i++) {
		if (strcmp(out->uuids[i], uuid) == 0)
			return 0;
	}
	if (!virt_secret_uuid(uuid))
		return rf_fail(err, RF_E_SYNTAX, "a disk's secret is not named by its UUID");
	if (out->count == HOOK_SECRETS)
		return rf_fail(err, RF_E_LIMIT, "more than %d secrets", HOOK_SECRETS);
	(void)rf_copy(out->uuids[out->count++], sizeof(out->uuids[0]), uuid);
	return 0;
}

/* The next node below top in the order of the document: no recursion, and top's depth is limited.
 */
static const struct xml_node *after(const struct xml_node *node, const struct xml_node *top)
{
	if (node->child)
		return node->child;
	while (node != top && !node->next)
		node = node->parent;
	return node == top ? NULL : node->next;
}

int hook_secrets_of(struct rf_slice xml, struct hook_secrets *out, struct rf_err *err)
{
	XML_AUTODOC struct xml_doc doc = {.root = NULL};
	int rc = xml_parse(xml, "the VM's definition", &doc, err);

	*out = (struct hook_secrets){.count = 0};
	const struct xml_node *domain = rc ? NULL : domain_of(&doc);
	const struct xml_node *devices = xml_child(domain, "devices"), *n = devices;

	if (!domain || !xml_attr_is(tag_of(domain), "secrets", "manager"))
		return rc;
	const char *vm = xml_text(domain, "uuid");

	if (!virt_secret_uuid(vm))
		return rf_fail(err, RF_E_SYNTAX, "the VM has no UUID");
	(void)rf_copy(out->vm, sizeof(out->vm), vm);
	while (!rc && n && (n = after(n, devices))) {
		/* A disk's is an element, a TPM's an attribute. */
		if (xml_is(n->parent, "encryption") && xml_is(n, "secret"))
			rc = secret_add(out, xml_attr_text(n, "uuid"), err);
		else if (xml_is(n, "encryption") && xml_attr(n, "secret"))
			rc = secret_add(out, xml_attr_text(n, "secret"), err);
	}
	return rc;
}

/* ---- the question ---- */

static int64_t left_ms(int64_t end)
{
	int64_t left = end - agent_tick_ms();

	return left > 0 ? left : 0;
}

/* One line, or what came until the end of the time. */
static size_t line_read(int fd, int64_t end, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size - 1 && !memchr(out, '\n', len)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, (int)left_ms(end)) <= 0)
			break;
		n = read(fd, out + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	out[len] = '\0';
	return len;
}

int hook_ask(const struct hook_question *q, struct rf_err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char line[512], answer[ANSWER_BYTES];
	const int64_t end = agent_tick_ms() + q->limit_ms;

	if (!rf_copy(to.sun_path, sizeof(to.sun_path), q->socket) ||
	    !rf_format(line, sizeof(line), "%s %s\n", q->question, q->about) ||
	    strchr(q->about, '\n'))
		return rf_fail(err, RF_E_SYNTAX, "a name that cannot be asked for");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = 0;

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
		len = line_read(fd, end, answer, sizeof(answer));
	if (fd >= 0)
		close(fd);
	if (len == 0 || answer[len - 1] != '\n')
		return rf_fail(err, RF_E_TIMEOUT, "the agent does not answer");
	answer[len - 1] = '\0';
	if (rf_starts(answer, "yes"))
		return 0;
	return rf_fail(err, RF_E_DENIED, "%s", rf_starts(answer, "no ") ? answer + 3 : answer);
}

/* ---- the program ---- */

/* Without a file nothing but the VM's own tag counts; a broken one is no reason to be open. */
static int site_read(const char *path, struct hook_site *site, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : rf_fail(err, -errno, "%s", path);
	int rc = rf_read_all(fd, RF_MAX_YAML_BYTES, &text);

	close(fd);
	return rc ? rf_fail(err, rc, "%s", path) : hook_site_parse(rf_buf_slice(&text), site, err);
}

/* Each of them, by the manager's leave; or away with them, which nothing waits for. */
static int secrets_ask(const char *socket, const char *question, struct rf_slice xml,
		       struct rf_err *err)
{
	struct hook_secrets secrets;
	char about[80];
	int rc = hook_secrets_of(xml, &secrets, err);

	for (size_t i = 0; !rc && i < secrets.count; i++) {
		(void)rf_format(about, sizeof(about), "%s %s", secrets.vm, secrets.uuids[i]);
		rc = hook_ask(&(struct hook_question){socket, question, about, HOOK_SECRET_MS},
			      err);
		if (rc)
			rc = rf_wrap(err, RF_E_DENIED, "secret %s", secrets.uuids[i]);
	}
	return rc;
}

static int decide(const char *vm, const char *question, const char *config, const char *path,
		  struct rf_err *err)
{
	struct hook_site site = {.open_on_silence = false};
	RF_AUTOBUF struct rf_buf xml = {0};
	bool tagged = true, forget = strcmp(question, "forget") == 0;
	int rc = site_read(config, &site, err);

	if (!rc)
		rc = rf_read_all(STDIN_FILENO, RF_MAX_XML_BYTES, &xml);
	if (!rc)
		rc = hook_tagged(&site, vm, rf_buf_slice(&xml), &tagged, err);
	if (!rc && tagged && !forget)
		rc = hook_ask(&(struct hook_question){path, question, vm, HOOK_MS}, err);
	if (rc == RF_E_TIMEOUT && site.open_on_silence) {
		fprintf(stderr, "ringfence: %s; %s may %s all the same (on-silence: open)\n",
			rf_err_text(err), vm, question);
		rc = 0;
	}
	/* Also for one that comes from another host: its "prepare" follows its "migrate". */
	if (!rc && tagged && strcmp(question, "migrate") != 0)
		rc = secrets_ask(path, forget ? "forget" : "secret", rf_buf_slice(&xml), err);
	hook_site_done(&site);
	return rc;
}

int hook_program(int argc, char **argv)
{
	const char *config = agent_option(argc, argv, "--config");
	const char *path = agent_option(argc, argv, "--socket");
	struct rf_err err = {0};

	if (argc < 3)
		return 64;
	const char *question = hook_question(argv[1], argv[2]);

	/* Not ours to judge. */
	if (!question)
		return 0;
	if (decide(argv[0], question, config ? config : HOOK_CONFIG, path ? path : SUPERVISE_LOCAL,
		   &err) == 0)
		return 0;
	/* A VM that runs is not ended because libvirt still holds its secret. */
	if (strcmp(question, "forget") == 0)
		return 0;
	fprintf(stderr, "ringfence: %s wants a trusted host to %s: %s\n", argv[0], question,
		rf_err_text(&err));
	return 1;
}
