/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector ssh, keys: host keys by their .pub files, and the keys that let people in. No private
 * key is opened. Sources: sshd(8) (AUTHORIZED_KEYS FILE FORMAT), RFC 4253 section 6.6, RFC 5656
 * section 3.1, RFC 8709.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "collect/ssh.h"

#define KEY_MAX_BASE64 24576u /* RSA of 65,536 bits, four times over */

static struct rf_slice read_string(struct rf_reader *r)
{
	uint32_t len = rf_read_be32(r);

	return rf_read_bytes(r, len);
}

/* Bits of a positive number, leading zero bytes left out. */
static int64_t bits_of(struct rf_slice n)
{
	size_t i = 0;

	while (i < n.len && n.data[i] == 0)
		i++;
	if (i == n.len)
		return 0;
	return (int64_t)(n.len - i) * 8 - (__builtin_clz(n.data[i]) - 24);
}

static int64_t key_bits(const char *algorithm, struct rf_reader *r)
{
	const char *name = rf_starts(algorithm, "sk-") ? algorithm + 3 : algorithm;
	bool is_cert = strstr(algorithm, "-cert-v01@openssh.com");

	if (is_cert)
		read_string(r); /* nonce */
	if (rf_starts(name, "ssh-ed25519"))
		return 256;
	if (rf_starts(name, "ssh-ed448"))
		return 456;
	if (rf_starts(name, "ecdsa-sha2-nistp")) {
		int64_t n;
		char digits[8];

		rf_format(digits, sizeof(digits), "%.3s", name + strlen("ecdsa-sha2-nistp"));
		return rf_num(digits, 10, 1, 521, &n) == 0 ? n : 0;
	}
	if (rf_starts(name, "ssh-rsa")) {
		read_string(r); /* public exponent */
		return bits_of(read_string(r));
	}
	if (rf_starts(name, "ssh-dss"))
		return bits_of(read_string(r));
	return 0;
}

int ssh_public_key_parse(const char *base64, size_t len, struct ssh_public_key *out)
{
	struct ssh_public_key key = {.bits = 0};

	if (len < 8 || len > KEY_MAX_BASE64 || len % 4 != 0)
		return RF_E_SYNTAX;
	RF_AUTOFREE uint8_t *blob = rf_alloc(len, 1);
	int n = blob ? EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)len) : -1;

	if (n <= 0)
		return RF_E_SYNTAX;
	/* EVP_DecodeBlock counts the padding as bytes. */
	n -= base64[len - 1] == '=' ? base64[len - 2] == '=' ? 2 : 1 : 0;
	struct rf_reader r = rf_reader((struct rf_slice){blob, (size_t)n});
	struct rf_slice name = read_string(&r);

	if (r.failed || name.len == 0 || name.len >= sizeof(key.algorithm))
		return RF_E_SYNTAX;
	memcpy(key.algorithm, name.data, name.len);
	if (strlen(key.algorithm) != name.len || !rf_utf8_valid(name.data, name.len))
		return RF_E_SYNTAX;
	key.bits = key_bits(key.algorithm, &r);
	if (r.failed)
		return RF_E_SYNTAX;
	*out = key;
	return 0;
}

/* `algorithm base64` at text, where both must say the same. */
static bool key_at(const char *text, struct ssh_public_key *out)
{
	struct ssh_public_key key;
	size_t n = strcspn(text, " \t");
	const char *blob = text + n + strspn(text + n, " \t");

	if (n == 0 || ssh_public_key_parse(blob, strcspn(blob, " \t"), &key) < 0)
		return false;
	if (strlen(key.algorithm) != n || strncmp(text, key.algorithm, n) != 0)
		return false;
	*out = key;
	return true;
}

/* Options end at the first blank outside quotes; a backslash keeps a quote inside them. */
static size_t options_end(const char *text)
{
	bool in_quotes = false;
	size_t i = 0;

	for (; text[i] && (in_quotes || (text[i] != ' ' && text[i] != '\t')); i++) {
		if (text[i] == '\\' && text[i + 1] == '"')
			i++;
		else if (text[i] == '"')
			in_quotes = !in_quotes;
	}
	return i;
}

int ssh_authorized_line(const char *line, size_t *out_options_len, struct ssh_public_key *out_key)
{
	struct ssh_public_key key;
	size_t blanks = strspn(line, " \t"), n;
	const char *text = line + blanks;

	if (*text == '\0' || *text == '#')
		return 0;
	if (key_at(text, &key)) {
		*out_options_len = 0;
		*out_key = key;
		return 1;
	}
	n = options_end(text);
	if (!key_at(text + n + strspn(text + n, " \t"), &key))
		return RF_E_SYNTAX;
	*out_options_len = blanks + n;
	*out_key = key;
	return 1;
}

bool ssh_options_restrict(const char *options, size_t len)
{
	static const char *const words[] = {"from=", "command=", "restrict"};
	bool in_quotes = false, starts = true;

	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; starts && k < RF_COUNT(words); k++) {
			size_t n = strlen(words[k]);

			if (i + n > len || strncasecmp(options + i, words[k], n) != 0)
				continue;
			if (words[k][n - 1] == '=' || i + n == len || options[i + n] == ',')
				return true;
		}
		if (options[i] == '\\' && i + 1 < len && options[i + 1] == '"')
			i++;
		else if (options[i] == '"')
			in_quotes = !in_quotes;
		starts = !in_quotes &&
			 (options[i] == ',' || options[i] == ' ' || options[i] == '\t');
	}
	return false;
}

static void put_host_key(struct sys *sys, struct fact_sink *out, const char *path)
{
	char pub[RF_MAX_PATH_BYTES], where[UTIL_WHERE_BYTES], key_name[RF_MAX_PATH_BYTES + 8];
	RF_AUTOBUF struct rf_buf text = {0};
	struct sys_stat st;
	struct fact_ssh_key row = {
		.file = path, .line = FACT_INT(1), .kind = "host", .account = "root"};
	struct ssh_public_key key;

	if (sys_stat_follow(sys, path, &st) < 0)
		return; /* sshd leaves a key out that is not there */
	if (!rf_format(pub, sizeof(pub), "%s.pub", path))
		return;
	row.mode = FACT_INT(st.mode & 07777);
	row.restricted = FACT_BOOL(0);
	row.source = util_where(where, pub, 1);
	rf_format(key_name, sizeof(key_name), "%s/1", path);
	int rc = sys_read(sys, pub, RF_MAX_FILE_BYTES, &text, NULL);
	char *cursor = rc == 0 && text.len ? (char *)text.data : NULL, *line;
	bool found = cursor && (line = rf_line_next(&cursor)) && key_at(line, &key);

	if (found) {
		row.algorithm = key.algorithm;
		row.bits = key.bits ? FACT_INT(key.bits) : (struct fact_int){0};
	}
	for (int i = 0; !found && i < 2; i++)
		fact_gap(out, FACT_T_SSH_KEY, key_name, i ? "bits" : "algorithm", pub,
			 "%s does not hold the public part of the key: ssh-keygen -y makes it",
			 pub);
	fact_put_ssh_key(out, &row);
}

static void put_authorized(struct sys *sys, struct fact_sink *out, const char *path,
			   const char *account)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct sys_stat st;
	unsigned int number = 0;
	int rc = util_read(sys, out, FACT_T_SSH_KEY, path, path, RF_MAX_FILE_BYTES, &text);

	if (rc <= 0 || text.len == 0)
		return;
	bool has_mode = sys_stat_follow(sys, path, &st) == 0;
	char *cursor = (char *)text.data, *line;

	while ((line = rf_line_next(&cursor))) {
		char where[UTIL_WHERE_BYTES];
		struct ssh_public_key key;
		size_t options_len = 0;

		util_where(where, path, ++number);
		rc = ssh_authorized_line(line, &options_len, &key);
		if (rc < 0)
			fact_gap(out, FACT_T_SSH_KEY, where, "", where,
				 "%s: not a key that can be read here; sshd may leave it out",
				 where);
		if (rc <= 0)
			continue;
		fact_put_ssh_key(
			out,
			&(struct fact_ssh_key){
				.file = path,
				.line = FACT_INT(number),
				.kind = "authorized",
				.account = account,
				.algorithm = key.algorithm,
				.bits = key.bits ? FACT_INT(key.bits) : (struct fact_int){0},
				.restricted = FACT_BOOL(ssh_options_restrict(line, options_len)),
				.mode = has_mode ? FACT_INT(st.mode & 07777) : (struct fact_int){0},
				.source = where});
	}
}

/* %h home, %u name, %U uid, %% a percent sign; a relative name is below the home directory. */
static bool keys_path(const char *pattern, const struct util_user *user, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf path = {0};

	for (const char *p = pattern; *p; p++) {
		if (p[0] != '%' || p[1] == '\0') {
			rf_buf_add_byte(&path, (uint8_t)*p);
			continue;
		}
		switch (*++p) {
		case 'h':
			rf_buf_add_text(&path, user->home);
			break;
		case 'u':
			rf_buf_add_text(&path, user->name);
			break;
		case 'U':
			rf_buf_printf(&path, "%lld", (long long)user->uid);
			break;
		default:
			rf_buf_add_byte(&path, (uint8_t)*p);
		}
	}
	if (path.failed)
		return false;
	const char *text = rf_buf_text(&path);

	if (text[0] == '/')
		return rf_copy(out, size, text);
	return user->home[0] == '/' && rf_format(out, size, "%s/%s", user->home, text);
}

static void put_account(struct sys *sys, struct fact_sink *out, const struct util_user *user,
			const char *patterns, struct rf_map *seen)
{
	RF_AUTOFREE char *copy = rf_strdup(patterns);
	char *cursor = copy;

	while (cursor) {
		char path[RF_MAX_PATH_BYTES];
		char *pattern = cursor, *comma = strchr(cursor, ',');
		/* A file that no account's name or home leads to is everybody's. */
		bool shared;

		if (comma)
			*comma = '\0';
		cursor = comma ? comma + 1 : NULL;
		shared = pattern[0] == '/' && !strchr(pattern, '%');
		if (strcmp(pattern, "none") == 0 || !keys_path(pattern, user, path, sizeof(path)) ||
		    rf_map_has(seen, path) || rf_map_set(seen, path, seen) < 0)
			continue;
		put_authorized(sys, out, path, shared ? "ALL" : user->name);
	}
}

void ssh_keys_put(struct sys *sys, struct fact_sink *out, const struct conf_options *options)
{
	UTIL_AUTOUSERS struct util_users users = {0};
	RF_AUTOMAP struct rf_map seen = {0};
	const char *patterns = conf_get(options, "authorizedkeysfile");
	RF_AUTOFREE char *keys = rf_strdup(conf_get(options, "hostkey"));
	char *cursor = keys;
	int rc = util_users_read(sys, &users, NULL);

	while (cursor && *cursor) {
		char *path = cursor, *comma = strchr(cursor, ',');

		if (comma)
			*comma = '\0';
		cursor = comma ? comma + 1 : NULL;
		put_host_key(sys, out, path);
	}
	if (rc < 0) {
		util_gap(out, FACT_T_SSH_KEY, "", "/etc/passwd", rc);
		return;
	}
	for (size_t i = 0; patterns && i < users.users_count; i++)
		put_account(sys, out, &users.users[i], patterns, &seen);
}
