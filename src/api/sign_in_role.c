/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role sign-in: asks PAM whether a password is good (pam(3), and so SSSD and Active Directory).
 * It stays as long as its socket. PAM's own delay after a failure is taken from it, for one who
 * guesses would keep all others waiting: the role api delays the answer instead.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "api/sign_in.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"

#define SIGN_IN_GROUPS_MAX 1024

bool sign_in_text_good(const char *text, unsigned size)
{
	const char *end = memchr(text, '\0', size);

	for (const char *at = end; at && at < text + size; at++)
		if (*at)
			return false;
	return end && end > text;
}

/* PAM frees the answers with free(3): they are made by strdup's allocator, which is rf_strdup's. */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	const char *password = arg;
	struct pam_response *answers;

	if (count < 1 || count > 8)
		return PAM_CONV_ERR;
	answers = rf_alloc((size_t)count, sizeof(*answers));
	for (int i = 0; answers && i < count; i++) {
		if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF)
			continue;
		answers[i].resp = rf_strdup(password);
	}
	if (!answers)
		return PAM_BUF_ERR;
	*out = answers;
	return PAM_SUCCESS;
}

static void no_delay(int status, unsigned usec, void *arg)
{
	(void)status;
	(void)usec;
	(void)arg;
}

int sign_in_pam(const char *service, const char *name, const char *password)
{
	const struct pam_conv talk = {converse, (void *)(uintptr_t)password};
	void (*delay)(int, unsigned, void *) = no_delay;
	pam_handle_t *pam = NULL;
	int rc = pam_start(service, name, &talk, &pam);

	if (rc != PAM_SUCCESS)
		return -1;
	(void)pam_set_item(pam, PAM_FAIL_DELAY, (const void *)(uintptr_t)delay);
	rc = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (rc == PAM_SUCCESS)
		rc = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	(void)pam_end(pam, rc);
	switch (rc) {
	case PAM_SUCCESS:
		return 1;
	case PAM_AUTHINFO_UNAVAIL:
	case PAM_SYSTEM_ERR:
	case PAM_SERVICE_ERR:
	case PAM_ABORT:
		return -1;
	default:
		return 0;
	}
}

/* A name that stands on a line of its own and names one group, or it is left out. */
static bool group_name_good(const char *name)
{
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return name[0] && strlen(name) < SIGN_IN_NAME_BYTES;
}

void sign_in_groups(const char *name, char out[SIGN_IN_GROUPS_BYTES])
{
	char room[16384];
	struct passwd person, *found = NULL;
	gid_t gids[SIGN_IN_GROUPS_MAX];
	int count = SIGN_IN_GROUPS_MAX;
	size_t len = 0;

	memset(out, 0, SIGN_IN_GROUPS_BYTES);
	if (getpwnam_r(name, &person, room, sizeof(room), &found) || !found ||
	    getgrouplist(name, person.pw_gid, gids, &count) < 0)
		return;
	for (int i = 0; i < count; i++) {
		struct group group, *one = NULL;

		if (getgrgid_r(gids[i], &group, room, sizeof(room), &one) || !one ||
		    !group_name_good(group.gr_name))
			continue;
		if (!rf_format(out + len, SIGN_IN_GROUPS_BYTES - len - 1, "%s\n", group.gr_name)) {
			/* Half a name would be another's. */
			memset(out + len, 0, SIGN_IN_GROUPS_BYTES - len);
			return;
		}
		len += strlen(out + len);
	}
}

int api_sign_in_run(int fd, const char *service, struct rf_err *err)
{
	struct sign_in_question question;
	int rc = 0;

	while (!rc) {
		ssize_t got = recv(fd, &question, sizeof(question), MSG_WAITALL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		if (got != (ssize_t)sizeof(question) ||
		    !sign_in_text_good(question.name, sizeof(question.name)) ||
		    !sign_in_text_good(question.password, sizeof(question.password)))
			return rf_fail(err, RF_E_PEER, "sign-in: the role api sent no question");
		struct sign_in_answer answer = {.id = question.id};

		answer.verdict = sign_in_pam(service, question.name, question.password);
		if (answer.verdict == 1)
			sign_in_groups(question.name, answer.groups);
		rf_wipe(&question, sizeof(question));
		rc = rf_write_all(fd, (struct rf_slice){(const uint8_t *)&answer, sizeof(answer)});
	}
	return rc ? rf_fail(err, rc, "sign-in: the role api does not read") : 0;
}
