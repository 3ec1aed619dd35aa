/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (c2sp.org/signed-note) with Ed25519 by OpenSSL, and checkpoints
 * (c2sp.org/tlog-checkpoint) as their text:
 *
 *	ORIGIN \n SIZE \n BASE64(ROOT) \n \n — NAME BASE64(KEY-ID SIGNATURE) \n
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/parts.h"

#define DASH "\xe2\x80\x94 " /* an em dash and a blank begin a signature line */

/* ---- keys ---- */

void note_key_done(struct note_key *key)
{
	EVP_PKEY_free(key->secret);
	key->secret = NULL;
}

/* No blank and no plus, says signed-note. */
static int name_set(struct note_key *key, const char *name, struct rf_err *err)
{
	if (!name[0] || strpbrk(name, " +\t\n") || !rf_copy(key->name, sizeof(key->name), name))
		return rf_fail(err, RF_E_SYNTAX, "%.60s is no name of a key", name);
	return 0;
}

static int id_make(struct note_key *key, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t hash[LEDGER_HASH_BYTES];

	rf_buf_printf(&text, "%s\n", key->name);
	rf_buf_add_byte(&text, NOTE_ED25519);
	rf_buf_add(&text, key->public_key, sizeof(key->public_key));
	if (text.failed || EVP_Digest(text.data, text.len, hash, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	memcpy(key->id, hash, sizeof(key->id));
	return 0;
}

static int public_take(struct note_key *key, struct rf_err *err)
{
	size_t len = sizeof(key->public_key);

	if (EVP_PKEY_get_raw_public_key(key->secret, key->public_key, &len) != 1 ||
	    len != NOTE_PUBLIC)
		return rf_fail(err, RF_E_CRYPTO, "this is no Ed25519 key");
	return id_make(key, err);
}

int note_key_make(const char *name, struct note_key *out, struct rf_buf *out_pem,
		  struct rf_err *err)
{
	struct note_key key = {0};
	int rc = name_set(&key, name, err);

	if (rc < 0)
		return rc;
	key.secret = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = key.secret ? BIO_new(BIO_s_mem()) : NULL;
	char *pem = NULL;
	long len = 0;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key.secret, NULL, NULL, 0, NULL, NULL) == 1)
		len = BIO_get_mem_data(bio, &pem);
	rc = len > 0 && rf_buf_add(out_pem, pem, (size_t)len) == 0
		     ? public_take(&key, err)
		     : rf_fail(err, RF_E_CRYPTO, "no Ed25519 key could be made");
	if (pem)
		rf_wipe(pem, (size_t)len);
	BIO_free(bio);
	if (rc < 0) {
		note_key_done(&key);
		return rc;
	}
	*out = key;
	return 0;
}

int note_key_load(const char *name, struct rf_slice pem, struct note_key *out, struct rf_err *err)
{
	struct note_key key = {0};
	int rc = name_set(&key, name, err);

	if (rc < 0)
		return rc;
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);

	key.secret = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	rc = key.secret ? public_take(&key, err)
			: rf_fail(err, RF_E_CRYPTO, "the ledger's key cannot be read");
	if (rc < 0) {
		note_key_done(&key);
		return rc;
	}
	*out = key;
	return 0;
}

int note_key_text(const struct note_key *key, char out[NOTE_KEY_TEXT], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t raw[1 + NOTE_PUBLIC] = {NOTE_ED25519};

	memcpy(raw + 1, key->public_key, NOTE_PUBLIC);
	rf_buf_printf(&text, "%s+", key->name);
	rf_buf_add_hex(&text, key->id, sizeof(key->id));
	rf_buf_add_byte(&text, '+');
	if (rf_base64_add(&text, raw, sizeof(raw)) < 0 || text.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	return rf_copy(out, NOTE_KEY_TEXT, rf_buf_text(&text))
		       ? 0
		       : rf_fail(err, RF_E_LIMIT, "the key's text is too long");
}

int note_key_parse(const char *text, struct note_key *out, struct rf_err *err)
{
	static const char what[] = "this is no public key of a ledger (NAME+HASH+BASE64)";
	char copy[NOTE_KEY_TEXT];
	struct note_key key = {0};
	uint8_t raw[1 + NOTE_PUBLIC], id[4];
	size_t raw_len, id_len;

	if (!rf_copy(copy, sizeof(copy), text))
		return rf_fail(err, RF_E_LIMIT, "%s", what);
	for (size_t n = strlen(copy); n && strchr(" \t\r\n", copy[n - 1]);)
		copy[--n] = '\0';
	char *name = rf_trim(copy), *hash = strchr(name, '+');
	char *data = hash ? strchr(hash + 1, '+') : NULL;

	if (!data)
		return rf_fail(err, RF_E_SYNTAX, "%s", what);
	*hash++ = *data++ = '\0';
	if (rf_hex_decode(hash, id, sizeof(id), &id_len) < 0 || id_len != sizeof(id) ||
	    rf_base64_decode(rf_slice_text(data), raw, sizeof(raw), &raw_len) < 0 ||
	    raw_len != sizeof(raw) || raw[0] != NOTE_ED25519)
		return rf_fail(err, RF_E_SYNTAX, "%s", what);
	memcpy(key.public_key, raw + 1, NOTE_PUBLIC);
	int rc = name_set(&key, name, err);

	if (!rc)
		rc = id_make(&key, err);
	if (!rc && memcmp(key.id, id, sizeof(id)) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "the public key does not fit its own hash");
	if (rc < 0)
		return rc;
	*out = key;
	return 0;
}

/* ---- checkpoints ---- */

static int text_sign(const struct note_key *key, struct rf_slice text, uint8_t out[NOTE_SIGNATURE],
		     struct rf_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = NOTE_SIGNATURE;
	bool done =
		ctx && key->secret && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->secret) == 1 &&
		EVP_DigestSign(ctx, out, &len, text.data, text.len) == 1 && len == NOTE_SIGNATURE;

	EVP_MD_CTX_free(ctx);
	return done ? 0 : rf_fail(err, RF_E_CRYPTO, "signing failed");
}

static bool text_verify(const struct note_key *key, struct rf_slice text,
			const uint8_t signature[NOTE_SIGNATURE])
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key, NOTE_PUBLIC);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, NOTE_SIGNATURE, text.data, text.len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good;
}

int checkpoint_sign(const struct checkpoint *checkpoint, const struct note_key *key,
		    struct rf_buf *out, struct rf_err *err)
{
	uint8_t raw[4 + NOTE_SIGNATURE];
	size_t start = out->len;

	rf_buf_printf(out, "%s\n%llu\n", checkpoint->origin, (unsigned long long)checkpoint->size);
	if (rf_base64_add(out, checkpoint->root, LEDGER_HASH_BYTES) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	rf_buf_add_byte(out, '\n');
	if (out->failed)
		return rf_fail(err, -ENOMEM, "no memory");
	memcpy(raw, key->id, 4);
	int rc = text_sign(key, (struct rf_slice){out->data + start, out->len - start}, raw + 4,
			   err);

	if (rc < 0)
		return rc;
	rf_buf_printf(out, "\n" DASH "%s ", key->name);
	rc = rf_base64_add(out, raw, sizeof(raw));
	rf_buf_add_byte(out, '\n');
	return rc || out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

/* The next line of *rest without its end; false when no line end is left. */
static bool note_line(struct rf_slice *rest, struct rf_slice *out)
{
	const uint8_t *nl = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;

	if (!nl)
		return false;
	out->data = rest->data;
	out->len = (size_t)(nl - rest->data);
	rest->data = nl + 1;
	rest->len -= out->len + 1;
	return true;
}

static int size_parse(struct rf_slice line, uint64_t *out)
{
	char text[24];
	int64_t n;

	if (line.len == 0 || line.len >= sizeof(text) || (line.data[0] == '0' && line.len > 1))
		return RF_E_SYNTAX;
	memcpy(text, line.data, line.len);
	text[line.len] = '\0';
	if (rf_num(text, 10, 0, INT64_MAX, &n) < 0)
		return RF_E_SYNTAX;
	*out = (uint64_t)n;
	return 0;
}

/* One signature line: RF_E_MISSING when it is of another key. */
static int signature_check(struct rf_slice line, const struct note_key *key, struct rf_slice text)
{
	size_t dash = strlen(DASH), name = strlen(key->name);
	uint8_t raw[256];
	size_t len;

	if (line.len < dash + name + 2 || memcmp(line.data, DASH, dash) != 0)
		return line.len < dash || memcmp(line.data, DASH, dash) ? RF_E_SYNTAX
									: RF_E_MISSING;
	if (memcmp(line.data + dash, key->name, name) != 0 || line.data[dash + name] != ' ')
		return RF_E_MISSING;
	struct rf_slice data = {line.data + dash + name + 1, line.len - dash - name - 1};

	if (rf_base64_decode(data, raw, sizeof(raw), &len) < 0 || len < 5)
		return RF_E_SYNTAX;
	if (memcmp(raw, key->id, 4) != 0)
		return RF_E_MISSING;
	return len == 4 + NOTE_SIGNATURE && text_verify(key, text, raw + 4) ? 0 : RF_E_MISMATCH;
}

int checkpoint_open(struct rf_slice note, const struct note_key *key, struct checkpoint *out,
		    struct rf_err *err)
{
	struct rf_slice rest = note, origin, size, root, line = {0};
	struct checkpoint c = {0};
	size_t len;

	if (note.len > NOTE_MAX_BYTES || !note_line(&rest, &origin) || !note_line(&rest, &size) ||
	    !note_line(&rest, &root) || origin.len == 0 || origin.len > NOTE_MAX_NAME ||
	    size_parse(size, &c.size) < 0 ||
	    rf_base64_decode(root, c.root, sizeof(c.root), &len) < 0 || len != sizeof(c.root))
		return rf_fail(err, RF_E_SYNTAX, "this is no checkpoint");
	memcpy(c.origin, origin.data, origin.len);
	/* Extension lines, which we do not write, up to the empty line. */
	bool ended = false;

	while (!ended && note_line(&rest, &line))
		ended = line.len == 0;
	if (!ended)
		return rf_fail(err, RF_E_SYNTAX, "this checkpoint has no signature");
	struct rf_slice text = {note.data, (size_t)(line.data - note.data)};
	int rc = RF_E_MISSING;

	while (rc == RF_E_MISSING && note_line(&rest, &line))
		rc = signature_check(line, key, text);
	if (rc < 0)
		return rf_fail(err, rc, "the checkpoint is not signed by %s", key->name);
	*out = c;
	return 0;
}
