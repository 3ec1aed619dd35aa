/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence login, logout. The authority is compared by its fingerprint before anything secret is
 * sent. A password or the one-time code begins a session, in which a token for this command line is
 * made; the session ends at once, and the password is kept nowhere.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/common.h"
#include "cli/fleet.h"

#define SECRET_BYTES 1024
#define TOKEN_DAYS   90
#define SESSION	     "/api/v1/session"
#define TOKENS	     "/api/v1/tokens"

/* A line from a file, or standard input ("-"), or the terminal without showing it (NULL). */
static int secret_read(const char *file, const char *prompt, char out[SECRET_BYTES],
		       struct rf_err *err)
{
	struct termios before, silent;
	bool terminal = !file && tcgetattr(STDIN_FILENO, &before) == 0;
	FILE *in = file && strcmp(file, "-") != 0 ? fopen(file, "re") : stdin;

	if (!in)
		return rf_fail(err, -errno, "%s: %s", file, rf_code_text(-errno));
	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		fprintf(stderr, "%s: ", prompt);
	}
	bool there = fgets(out, SECRET_BYTES, in) != NULL;

	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (in != stdin)
		fclose(in);
	out[there ? strcspn(out, "\r\n") : 0] = '\0';
	return out[0] ? 0 : rf_fail(err, RF_E_MISSING, "no %s was given", prompt);
}

/* "https://manager:8443", without a path. */
static int address_make(const char *text, char **out, struct rf_err *err)
{
	size_t len = strlen(text);

	if (!rf_starts(text, "https://") || !text[8])
		return rf_fail(err, RF_E_USAGE, "%s: https://MANAGER:8443 is wanted", text);
	while (text[len - 1] == '/')
		len--;
	if (memchr(text + 8, '/', len - 8) || memchr(text + 8, '@', len - 8))
		return rf_fail(err, RF_E_USAGE,
			       "%s: an address has neither a path nor a user in it", text);
	*out = rf_strndup(text, len);
	return *out ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

/* Begins a session: by the one-time code, or with a password. Its secret is the login's token for a
 * moment. */
static int session_begin(struct client *client, const struct cli_args *args,
			 struct client_login *login, struct rf_err *err)
{
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	const char *code = cli_value(args, OPT_CODE), *user = cli_value(args, OPT_USER);
	char secret[SECRET_BYTES] = "";
	int rc = code ? 0 : secret_read(NULL, "Password", secret, err);
	json_t *body =
		code ? json_pack("{s:s, s:b}", "code", code, "bearer", 1)
		     : json_pack("{s:s, s:s, s:b}", "user", user, "password", secret, "bearer", 1);
	const struct client_request request = {.method = "POST", .path = SESSION, .body = body};

	rf_wipe(secret, sizeof(secret));
	if (!rc)
		rc = client_call(client, &request, &answer, err);
	json_decref(body);
	if (rc < 0)
		return rc;
	login->token = rf_strdup(json_string_value(json_object_get(answer.body, "bearer")));
	return login->token ? 0
			    : rf_fail(err, RF_E_PEER, "the manager's answer has no session in it");
}

/* A token of our own, by which the manager's ledger knows this command line, in the session's
 * place. */
static int token_make(struct client *client, struct client_login *login, struct rf_err *err)
{
	CLIENT_AUTOANSWER struct client_answer answer = {0}, end = {0};
	char host[256] = "", name[300];
	struct rf_err ignored = {0};

	(void)gethostname(host, sizeof(host) - 1);
	(void)rf_format(name, sizeof(name), "ringfence on %s", host);
	json_t *body = json_pack("{s:s, s:i}", "name", name, "days", TOKEN_DAYS);
	const struct client_request request = {.method = "POST", .path = TOKENS, .body = body};
	const struct client_request leave = {.method = "DELETE", .path = SESSION};
	int rc = client_call(client, &request, &answer, err);

	json_decref(body);
	(void)!client_call(client, &leave, &end, &ignored);
	rf_wipe(login->token, strlen(login->token));
	rf_free(login->token);
	login->token = rf_strdup(json_string_value(json_object_get(answer.body, "secret")));
	login->token_id = rf_strdup(json_string_value(json_object_get(answer.body, "token")));
	return rc || login->token ? rc : rf_fail(err, RF_E_PEER, "the manager gave no token");
}

static int token_get(const struct cli_args *args, struct client *client, struct client_login *login,
		     struct rf_err *err)
{
	const char *file = cli_value(args, OPT_TOKEN_FILE);
	char secret[SECRET_BYTES] = "";
	int rc;

	if (!file) {
		rc = session_begin(client, args, login, err);
		return rc ? rc : token_make(client, login, err);
	}
	rc = secret_read(file, "token", secret, err);
	if (!rc)
		login->token = rf_strdup(secret);
	rf_wipe(secret, sizeof(secret));
	return rc || login->token ? rc : rf_fail(err, -ENOMEM, "no memory");
}

int cmd_login(const struct cli_args *args, struct rf_err *err)
{
	CLIENT_AUTOLOGIN struct client_login login = {0};
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	CLIENT_AUTO struct client *client = NULL;
	const struct client_request who = {.method = "GET", .path = SESSION};
	char path[RF_MAX_PATH_BYTES];
	int ways =
		cli_has(args, OPT_CODE) + cli_has(args, OPT_USER) + cli_has(args, OPT_TOKEN_FILE);
	int rc = ways == 1 ? client_login_path(cli_value(args, OPT_LOGIN), path, err)
			   : rf_fail(err, RF_E_USAGE,
				     "one of --user, --code and --token-file says who you are");

	if (!rc)
		rc = address_make(args->words[0], &login.address, err);
	if (!rc)
		rc = client_authority_fetch(login.address, cli_value(args, OPT_FINGERPRINT),
					    &login.authority, err);
	if (!rc)
		rc = client_open(&login, &client, err);
	if (!rc)
		rc = token_get(args, client, &login, err);
	/* It is tried before it is kept. */
	if (!rc)
		rc = client_call(client, &who, &answer, err);
	if (!rc)
		rc = client_login_write(path, &login, err);
	if (rc < 0)
		return rc;
	const char *user = json_string_value(json_object_get(answer.body, "user"));

	printf("signed in to %s as %s; kept in %s\n", login.address, user ? user : "?", path);
	return 0;
}

int cmd_logout(const struct cli_args *args, struct rf_err *err)
{
	CLIENT_AUTOLOGIN struct client_login login = {0};
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	CLIENT_AUTO struct client *client = NULL;
	RF_AUTOBUF struct rf_buf route = {0};
	char path[RF_MAX_PATH_BYTES];
	struct rf_err why = {0};
	int rc = client_login_path(cli_value(args, OPT_LOGIN), path, err);

	if (!rc)
		rc = fleet_client(args, &login, &client, err);
	if (rc < 0)
		return rc;
	rf_buf_add_text(&route, TOKENS "/");
	client_escape(&route, login.token_id ? login.token_id : "");
	const struct client_request request = {.method = "DELETE", .path = rf_buf_text(&route)};

	if (!login.token_id)
		fprintf(stderr,
			"ringfence: the token was made by somebody else, and still counts\n");
	else if (client_call(client, &request, &answer, &why) < 0)
		fprintf(stderr, "ringfence: the token still counts at the manager: %s\n",
			rf_err_text(&why));
	return unlink(path) < 0 ? rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno)) : 0;
}
