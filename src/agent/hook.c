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
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "collect/xml.h"

#define ANSWER_BYTES 256

static const struct {
	const char *operation, *sub, *question;
} questions[] = {
	{"prepare", "begin", "start"},
	{"restore", "begin", "start"},
	{"migrate", "begin", "migrate"},
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

	if (rc)
		return rc;
	const struct xml_node *domain = doc.root;

	if (xml_is(domain, "domstatus"))
		domain = xml_child(domain, "domain");
	*out = xml_child_ns(xml_child(domain, "metadata"), HOOK_TAG_URI, "trusted") != NULL;
	return 0;
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

int hook_ask(const char *path, const char *question, const char *vm, struct rf_err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char line[512], answer[ANSWER_BYTES];
	const int64_t end = agent_tick_ms() + HOOK_MS;

	if (!rf_copy(to.sun_path, sizeof(to.sun_path), path) ||
	    !rf_format(line, sizeof(line), "%s %s\n", question, vm) || strchr(vm, '\n'))
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

static int read_all(int fd, size_t max, struct rf_buf *out)
{
	ssize_t n = 1;

	while (n > 0 && out->len <= max) {
		uint8_t *at = rf_buf_reserve(out, 65536);

		n = at ? read(fd, at, 65536) : -1;
		out->len += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? -EIO : out->len > max ? RF_E_LIMIT : 0;
}

/* Without a file nothing but the VM's own tag counts; a broken one is no reason to be open. */
static int site_read(const char *path, struct hook_site *site, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : rf_fail(err, -errno, "%s", path);
	int rc = read_all(fd, RF_MAX_YAML_BYTES, &text);

	close(fd);
	return rc ? rf_fail(err, rc, "%s", path) : hook_site_parse(rf_buf_slice(&text), site, err);
}

static int decide(const char *vm, const char *question, const char *config, const char *path,
		  struct rf_err *err)
{
	struct hook_site site = {.open_on_silence = false};
	RF_AUTOBUF struct rf_buf xml = {0};
	bool tagged = true;
	int rc = site_read(config, &site, err);

	if (!rc)
		rc = read_all(STDIN_FILENO, RF_MAX_XML_BYTES, &xml);
	if (!rc)
		rc = hook_tagged(&site, vm, rf_buf_slice(&xml), &tagged, err);
	if (!rc && tagged)
		rc = hook_ask(path, question, vm, err);
	if (rc == RF_E_TIMEOUT && site.open_on_silence) {
		fprintf(stderr, "ringfence: %s; %s may %s all the same (on-silence: open)\n",
			rf_err_text(err), vm, question);
		rc = 0;
	}
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
	fprintf(stderr, "ringfence: %s wants a trusted host to %s: %s\n", argv[0], question,
		rf_err_text(&err));
	return 1;
}
