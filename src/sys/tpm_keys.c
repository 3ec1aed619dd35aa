/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of a TPM: endorsement keys by their templates, attestation keys, quotes, credentials. See
 * tpm.h. Source: TCG EK Credential Profile 2.5, B.3 (low range) and B.6 (high range); TPM 2.0
 * Library part 3, 12 (objects), 18 (quote), 12.5 (activate credential).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/tpm_esys.h"

#define STORAGE_ATTRIBUTES                                                                         \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define EK_ATTRIBUTES (STORAGE_ATTRIBUTES | TPMA_OBJECT_ADMINWITHPOLICY)
/* No dictionary attack protection: its password is empty, and a locked TPM must still quote. */
#define AK_ATTRIBUTES                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |                    \
	 TPMA_OBJECT_SIGN_ENCRYPT)

/* PolicyA: TPM2_PolicySecret(TPM_RH_ENDORSEMENT), SHA-256. */
static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
				     0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
				     0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
				     0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
/* PolicyB of the high range, SHA-384. */
static const uint8_t policy_b384[48] = {0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8,
					0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb,
					0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4,
					0x19, 0xca, 0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15,
					0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};

static const struct ek_row {
	const char *name;
	uint32_t persistent, certificate, nonce, template;
	uint16_t type, curve, name_alg, aes_bits, unique_len;
	const uint8_t *policy;
	uint16_t policy_len;
	bool user_with_auth;
} ek_rows[TPM_EK_KINDS] = {
	[TPM_EK_RSA2048] = {"RSA-2048", 0x81010001, 0x01c00002, 0x01c00003, 0x01c00004,
			    TPM2_ALG_RSA, 0, TPM2_ALG_SHA256, 128, 256, policy_a, sizeof(policy_a),
			    false},
	[TPM_EK_P256] = {"P-256", 0x81010002, 0x01c0000a, 0x01c0000b, 0x01c0000c, TPM2_ALG_ECC,
			 TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128, 32, policy_a, sizeof(policy_a),
			 false},
	[TPM_EK_P384] = {"P-384", 0x81010016, 0x01c00016, 0, 0, TPM2_ALG_ECC, TPM2_ECC_NIST_P384,
			 TPM2_ALG_SHA384, 256, 0, policy_b384, sizeof(policy_b384), true},
};

const char *tpm_ek_kind_name(enum tpm_ek_kind kind)
{
	return kind < TPM_EK_KINDS ? ek_rows[kind].name : "?";
}

static TPMT_SYM_DEF_OBJECT aes_cfb(uint16_t bits)
{
	return (TPMT_SYM_DEF_OBJECT){
		.algorithm = TPM2_ALG_AES, .keyBits.aes = bits, .mode.aes = TPM2_ALG_CFB};
}

static void template_of(const struct ek_row *row, TPM2B_PUBLIC *out)
{
	TPMT_PUBLIC *area = &out->publicArea;

	memset(out, 0, sizeof(*out));
	area->type = row->type;
	area->nameAlg = row->name_alg;
	area->objectAttributes =
		EK_ATTRIBUTES | (row->user_with_auth ? TPMA_OBJECT_USERWITHAUTH : 0u);
	area->authPolicy.size = row->policy_len;
	memcpy(area->authPolicy.buffer, row->policy, row->policy_len);
	if (row->type == TPM2_ALG_RSA) {
		area->parameters.rsaDetail.symmetric = aes_cfb(row->aes_bits);
		area->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		area->parameters.rsaDetail.keyBits = 2048;
		area->unique.rsa.size = row->unique_len;
		return;
	}
	area->parameters.eccDetail.symmetric = aes_cfb(row->aes_bits);
	area->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	area->parameters.eccDetail.curveID = row->curve;
	area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	area->unique.ecc.x.size = row->unique_len;
	area->unique.ecc.y.size = row->unique_len;
}

/* A maker may have left a template of its own, and a nonce for its unique field (2.2.1.4). */
static int template_from_nv(struct tpm *tpm, const struct ek_row *row, TPM2B_PUBLIC *out)
{
	RF_AUTOBUF struct rf_buf stored = {0}, nonce = {0};
	TPMT_PUBLIC area = {0};
	size_t at = 0;

	template_of(row, out);
	if (row->template && tpm_nv_read(tpm, row->template, &stored, NULL) == 0 &&
	    tpm->api.Tss2_MU_TPMT_PUBLIC_Unmarshal(stored.data, stored.len, &at, &area) == 0 &&
	    area.type == row->type)
		out->publicArea = area;
	if (!row->nonce || tpm_nv_read(tpm, row->nonce, &nonce, NULL) < 0)
		return 0;
	area = out->publicArea;
	uint8_t *unique =
		row->type == TPM2_ALG_RSA ? area.unique.rsa.buffer : area.unique.ecc.x.buffer;

	if (nonce.len > row->unique_len)
		return RF_E_LIMIT;
	memcpy(unique, nonce.data, nonce.len);
	out->publicArea.unique = area.unique;
	return 0;
}

static bool fits(const struct ek_row *row, const TPMT_PUBLIC *area)
{
	if (area->type != row->type || !(area->objectAttributes & TPMA_OBJECT_DECRYPT))
		return false;
	return row->type == TPM2_ALG_RSA ? area->parameters.rsaDetail.keyBits == 2048
					 : area->parameters.eccDetail.curveID == row->curve;
}

static int persistent_ek(struct tpm *tpm, const struct ek_row *row, struct tpm_held *held,
			 TPM2B_PUBLIC **out)
{
	TPM2B_NAME *name = NULL, *qualified = NULL;
	TSS2_RC rc = tpm->api.Esys_TR_FromTPMPublic(tpm->esys, row->persistent, ESYS_TR_NONE,
						    ESYS_TR_NONE, ESYS_TR_NONE, &held->handle);

	if (rc)
		return RF_E_MISSING;
	held->tpm = tpm;
	held->persistent = true;
	rc = tpm->api.Esys_ReadPublic(tpm->esys, held->handle, ESYS_TR_NONE, ESYS_TR_NONE,
				      ESYS_TR_NONE, out, &name, &qualified);
	if (rc)
		return RF_E_MISSING;
	tpm_free(tpm, name, 0);
	tpm_free(tpm, qualified, 0);
	if (fits(row, &(*out)->publicArea))
		return 0;
	tpm_free(tpm, *out, 0);
	*out = NULL;
	return RF_E_MISSING;
}

static int create_primary(struct tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *template,
			  struct tpm_held *held, TPM2B_PUBLIC **out)
{
	const TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION pcrs = {0};
	TPM2B_CREATION_DATA *data = NULL;
	TPM2B_DIGEST *hash = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_PUBLIC *pub = NULL;
	TSS2_RC rc = tpm->api.Esys_CreatePrimary(
		tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
		template, &outside, &pcrs, &held->handle, &pub, &data, &hash, &ticket);

	if (rc)
		return (int)rc;
	held->tpm = tpm;
	held->persistent = false;
	tpm_free(tpm, data, 0);
	tpm_free(tpm, hash, 0);
	tpm_free(tpm, ticket, 0);
	if (out)
		*out = pub;
	else
		tpm_free(tpm, pub, 0);
	return 0;
}

/* The key, loaded; *out is the caller's. */
static int ek_load(struct tpm *tpm, enum tpm_ek_kind kind, struct tpm_held *held,
		   TPM2B_PUBLIC **out, struct rf_err *err)
{
	TPM2B_PUBLIC template;

	if (kind >= TPM_EK_KINDS)
		return rf_fail(err, RF_E_USAGE, "no endorsement key has that number");
	const struct ek_row *row = &ek_rows[kind];
	char what[48];

	(void)rf_format(what, sizeof(what), "endorsement key %s", row->name);
	if (persistent_ek(tpm, row, held, out) == 0)
		return 0;
	tpm_held_done(held);
	if (template_from_nv(tpm, row, &template) < 0)
		return rf_fail(err, RF_E_LIMIT, "%s: the maker's nonce is too long", what);
	int rc = create_primary(tpm, ESYS_TR_RH_ENDORSEMENT, &template, held, out);

	return rc ? tpm_fail(err, (TSS2_RC)rc, what) : 0;
}

static int add_public(struct tpm *tpm, const TPM2B_PUBLIC *pub, struct rf_buf *out)
{
	uint8_t bytes[sizeof(TPM2B_PUBLIC)];
	size_t len = 0;

	if (tpm->api.Tss2_MU_TPM2B_PUBLIC_Marshal(pub, bytes, sizeof(bytes), &len))
		return RF_E_LIMIT;
	return rf_buf_add(out, bytes, len);
}

int tpm_ek_public(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_buf *out, struct rf_err *err)
{
	TPM_HELD struct tpm_held held = {0};
	TPM2B_PUBLIC *pub = NULL;
	int rc = ek_load(tpm, kind, &held, &pub, err);

	if (rc == 0)
		rc = add_public(tpm, pub, out);
	tpm_free(tpm, pub, 0);
	return rc;
}

int tpm_ek_certificate(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_buf *out,
		       struct rf_err *err)
{
	if (kind >= TPM_EK_KINDS)
		return rf_fail(err, RF_E_USAGE, "no endorsement key has that number");
	return tpm_nv_read(tpm, ek_rows[kind].certificate, out, err);
}

/*
 * The parent of attestation keys: a storage key that the hierarchy's seed always gives again, so
 * that nothing has to be stored in the TPM. Under the owner, or where he has a password under the
 * endorsement hierarchy.
 */
static const struct {
	uint8_t letter; /* in the blob */
	ESYS_TR hierarchy;
} parents[] = {{'O', ESYS_TR_RH_OWNER}, {'E', ESYS_TR_RH_ENDORSEMENT}};

static void parent_template(TPM2B_PUBLIC *out)
{
	TPMT_PUBLIC *area = &out->publicArea;

	memset(out, 0, sizeof(*out));
	area->type = TPM2_ALG_ECC;
	area->nameAlg = TPM2_ALG_SHA256;
	area->objectAttributes = STORAGE_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
	area->parameters.eccDetail.symmetric = aes_cfb(128);
	area->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	area->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
	area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

static int parent_load(struct tpm *tpm, size_t which, struct tpm_held *held)
{
	TPM2B_PUBLIC template;

	parent_template(&template);
	return create_primary(tpm, parents[which].hierarchy, &template, held, NULL);
}

static void ak_template(enum tpm_ak_kind kind, TPM2B_PUBLIC *out)
{
	TPMT_PUBLIC *area = &out->publicArea;

	memset(out, 0, sizeof(*out));
	area->nameAlg = TPM2_ALG_SHA256;
	area->objectAttributes = AK_ATTRIBUTES;
	if (kind == TPM_AK_RSA2048) {
		area->type = TPM2_ALG_RSA;
		area->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
		area->parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
		area->parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
		area->parameters.rsaDetail.keyBits = 2048;
		return;
	}
	area->type = TPM2_ALG_ECC;
	area->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
	area->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
	area->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	area->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
	area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

bool tpm_key_template(struct tpm *tpm, size_t index, TPM2B_PUBLIC *out)
{
	static const enum tpm_ak_kind aks[] = {TPM_AK_RSA2048, TPM_AK_P256};

	if (index == 0)
		parent_template(out);
	else if (index <= RF_COUNT(aks))
		ak_template(aks[index - 1], out);
	else if (index <= RF_COUNT(aks) + TPM_EK_KINDS)
		(void)template_from_nv(tpm, &ek_rows[index - 1 - RF_COUNT(aks)], out);
	else
		return false;
	return true;
}

/* A blob: "RFAK1\n", the parent's letter, '\n', TPM2B_PUBLIC, TPM2B_PRIVATE (wrapped). */
static const char blob_magic[6] = {'R', 'F', 'A', 'K', '1', '\n'};
#define BLOB_HEAD (sizeof(blob_magic) + 2)

static int add_blob(struct tpm *tpm, uint8_t parent, const TPM2B_PUBLIC *pub,
		    const TPM2B_PRIVATE *private, struct rf_buf *out)
{
	uint8_t bytes[sizeof(TPM2B_PRIVATE)];
	size_t len = 0;

	rf_buf_add(out, blob_magic, sizeof(blob_magic));
	rf_buf_add_byte(out, parent);
	rf_buf_add_byte(out, '\n');
	if (add_public(tpm, pub, out) < 0 ||
	    tpm->api.Tss2_MU_TPM2B_PRIVATE_Marshal(private, bytes, sizeof(bytes), &len))
		return RF_E_LIMIT;
	rf_buf_add(out, bytes, len);
	return out->failed ? -ENOMEM : 0;
}

static int ak_create_below(struct tpm *tpm, const struct tpm_held *parent, uint8_t letter,
			   enum tpm_ak_kind kind, struct rf_buf *out, struct rf_err *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION pcrs = {0};
	TPM2B_PUBLIC template, *pub = NULL;
	TPM2B_PRIVATE *private = NULL;
	TPM2B_CREATION_DATA *data = NULL;
	TPM2B_DIGEST *hash = NULL;
	TPMT_TK_CREATION *ticket = NULL;

	ak_template(kind, &template);
	TSS2_RC rc = tpm->api.Esys_Create(tpm->esys, parent->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					  ESYS_TR_NONE, &sensitive, &template, &outside, &pcrs,
					  &private, &pub, &data, &hash, &ticket);

	if (rc)
		return tpm_fail(err, rc, "making an attestation key");
	int code = add_blob(tpm, letter, pub, private, out);

	tpm_free(tpm, private, 0);
	tpm_free(tpm, pub, 0);
	tpm_free(tpm, data, 0);
	tpm_free(tpm, hash, 0);
	tpm_free(tpm, ticket, 0);
	return code;
}

int tpm_ak_create(struct tpm *tpm, enum tpm_ak_kind kind, struct rf_buf *out_blob,
		  struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(parents); i++) {
		TPM_HELD struct tpm_held parent = {0};

		rc = parent_load(tpm, i, &parent);
		if (rc == 0)
			return ak_create_below(tpm, &parent, parents[i].letter, kind, out_blob,
					       err);
	}
	return tpm_fail(err, (TSS2_RC)rc,
			"neither the owner's nor the endorsement hierarchy lets us make a key");
}

/* Finds the parts of a blob. */
static int blob_parts(struct rf_slice blob, size_t *parent, struct rf_slice *pub,
		      struct rf_slice *private, struct rf_err *err)
{
	struct rf_slice *parts[] = {pub, private};
	size_t at = BLOB_HEAD;

	if (blob.len < BLOB_HEAD || memcmp(blob.data, blob_magic, sizeof(blob_magic)) != 0)
		return rf_fail(err, RF_E_SYNTAX, "not a file of an attestation key");
	for (*parent = 0; *parent < RF_COUNT(parents); (*parent)++) {
		if (parents[*parent].letter == blob.data[sizeof(blob_magic)])
			break;
	}
	if (*parent == RF_COUNT(parents))
		return rf_fail(err, RF_E_SYNTAX, "attestation key: a parent that is not known");
	for (size_t i = 0; i < RF_COUNT(parts); i++) {
		size_t len = at + 2 <= blob.len
				     ? (size_t)(blob.data[at] << 8 | blob.data[at + 1]) + 2
				     : 0;

		if (len <= 2 || len > blob.len - at)
			return rf_fail(err, RF_E_TRUNCATED, "attestation key: cut short");
		*parts[i] = (struct rf_slice){blob.data + at, len};
		at += len;
	}
	return at == blob.len ? 0 : rf_fail(err, RF_E_SYNTAX, "attestation key: trailing bytes");
}

int tpm_ak_public(struct rf_slice blob, struct rf_slice *out, struct rf_err *err)
{
	struct rf_slice pub, private;
	size_t parent;
	int rc = blob_parts(blob, &parent, &pub, &private, err);

	if (rc == 0)
		*out = pub;
	return rc;
}

static int ak_load(struct tpm *tpm, struct rf_slice blob, struct tpm_held *held, struct rf_err *err)
{
	TPM_HELD struct tpm_held parent = {0};
	struct rf_slice pub_bytes, private_bytes;
	TPM2B_PUBLIC pub = {0};
	TPM2B_PRIVATE private = {0};
	size_t which, at = 0;
	int rc = blob_parts(blob, &which, &pub_bytes, &private_bytes, err);

	if (rc < 0)
		return rc;
	if (tpm->api.Tss2_MU_TPM2B_PUBLIC_Unmarshal(pub_bytes.data, pub_bytes.len, &at, &pub))
		return rf_fail(err, RF_E_SYNTAX, "attestation key: no public area");
	at = 0;
	if (tpm->api.Tss2_MU_TPM2B_PRIVATE_Unmarshal(private_bytes.data, private_bytes.len, &at,
						     &private))
		return rf_fail(err, RF_E_SYNTAX, "attestation key: no private area");
	rc = parent_load(tpm, which, &parent);
	if (rc)
		return tpm_fail(err, (TSS2_RC)rc, "parent of the attestation key");
	TSS2_RC trc = tpm->api.Esys_Load(tpm->esys, parent.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					 ESYS_TR_NONE, &private, &pub, &held->handle);

	if (trc)
		return tpm_fail(err, trc, "attestation key");
	held->tpm = tpm;
	held->persistent = false;
	return 0;
}

static int selection_list(const struct tpm_quote_request *request, TPML_PCR_SELECTION *out,
			  struct rf_err *err)
{
	if (request->selections_count == 0 || request->selections_count > TPM_MAX_BANKS)
		return rf_fail(err, RF_E_USAGE, "a quote takes 1 to %d banks", TPM_MAX_BANKS);
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < request->selections_count; i++) {
		TPMS_PCR_SELECTION *to = &out->pcrSelections[out->count++];

		to->hash = request->selections[i].alg;
		to->sizeofSelect = 3;
		for (size_t b = 0; b < 3; b++)
			to->pcrSelect[b] = (uint8_t)(request->selections[i].pcrs >> (8 * b));
	}
	return 0;
}

static int add_quote(struct tpm *tpm, const TPM2B_ATTEST *quoted, const TPMT_SIGNATURE *signed_by,
		     struct rf_buf *attest, struct rf_buf *signature)
{
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	size_t len = 0;

	if (tpm->api.Tss2_MU_TPMT_SIGNATURE_Marshal(signed_by, bytes, sizeof(bytes), &len))
		return RF_E_LIMIT;
	rf_buf_add(attest, quoted->attestationData, quoted->size);
	rf_buf_add(signature, bytes, len);
	return attest->failed || signature->failed ? -ENOMEM : 0;
}

int tpm_quote(struct tpm *tpm, const struct tpm_quote_request *request, struct rf_buf *attest,
	      struct rf_buf *signature, struct rf_err *err)
{
	TPM_HELD struct tpm_held ak = {0};
	const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
	TPML_PCR_SELECTION pcrs;
	TPM2B_DATA nonce = {.size = (uint16_t)request->nonce.len};
	TPM2B_ATTEST *quoted = NULL;
	TPMT_SIGNATURE *signed_by = NULL;

	if (request->nonce.len == 0 || request->nonce.len > TPM_MAX_NONCE)
		return rf_fail(err, RF_E_USAGE, "a nonce has 1 to %d bytes, this one %zu",
			       TPM_MAX_NONCE, request->nonce.len);
	memcpy(nonce.buffer, request->nonce.data, request->nonce.len);
	int rc = selection_list(request, &pcrs, err);

	if (rc == 0)
		rc = ak_load(tpm, request->ak_blob, &ak, err);
	if (rc < 0)
		return rc;
	TSS2_RC trc =
		tpm->api.Esys_Quote(tpm->esys, ak.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				    ESYS_TR_NONE, &nonce, &of_the_key, &pcrs, &quoted, &signed_by);

	if (trc)
		return tpm_fail(err, trc, "quote");
	rc = add_quote(tpm, quoted, signed_by, attest, signature);
	tpm_free(tpm, quoted, 0);
	tpm_free(tpm, signed_by, 0);
	return rc;
}

/* A session that meets PolicyA. */
static int ek_session(struct tpm *tpm, struct tpm_held *held, struct rf_err *err)
{
	const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
	TPM2B_TIMEOUT *timeout = NULL;
	TPMT_TK_AUTH *ticket = NULL;
	TSS2_RC rc = tpm->api.Esys_StartAuthSession(
		tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &held->handle);

	if (rc)
		return tpm_fail(err, rc, "session for the endorsement key");
	held->tpm = tpm;
	rc = tpm->api.Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, held->handle,
					ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL,
					NULL, 0, &timeout, &ticket);
	if (rc)
		return tpm_fail(err, rc, "endorsement hierarchy");
	tpm_free(tpm, timeout, 0);
	tpm_free(tpm, ticket, 0);
	return 0;
}

static int activate_loaded(const struct tpm_held *ek, const struct tpm_held *ak,
			   const struct tpm_credential *credential, const struct tpm_held *session,
			   struct rf_buf *out, struct rf_err *err)
{
	struct tpm *tpm = ek->tpm;
	TPM2B_ID_OBJECT blob = {0};
	TPM2B_ENCRYPTED_SECRET seed = {0};
	TPM2B_DIGEST *secret = NULL;
	size_t at = 0;

	if (tpm->api.Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential->blob.data, credential->blob.len,
						       &at, &blob) ||
	    at != credential->blob.len)
		return rf_fail(err, RF_E_SYNTAX, "credential: no TPM2B_ID_OBJECT");
	at = 0;
	if (tpm->api.Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(credential->seed.data,
							      credential->seed.len, &at, &seed) ||
	    at != credential->seed.len)
		return rf_fail(err, RF_E_SYNTAX, "credential: no TPM2B_ENCRYPTED_SECRET");
	TSS2_RC rc = tpm->api.Esys_ActivateCredential(
		tpm->esys, ak->handle, ek->handle, ESYS_TR_PASSWORD,
		session->tpm ? session->handle : ESYS_TR_PASSWORD, ESYS_TR_NONE, &blob, &seed,
		&secret);

	if (rc)
		return tpm_fail(err, rc, "credential");
	int code = rf_buf_add(out, secret->buffer, secret->size);

	tpm_free(tpm, secret, sizeof(*secret));
	return code;
}

int tpm_activate(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_slice ak_blob,
		 const struct tpm_credential *credential, struct rf_buf *out, struct rf_err *err)
{
	TPM_HELD struct tpm_held ak = {0}, ek = {0}, session = {0};
	TPM2B_PUBLIC *ek_public = NULL;
	int rc = ak_load(tpm, ak_blob, &ak, err);

	if (rc == 0)
		rc = ek_load(tpm, kind, &ek, &ek_public, err);
	if (rc == 0 && !(ek_public->publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH))
		rc = ek_session(tpm, &session, err);
	if (rc == 0)
		rc = activate_loaded(&ek, &ak, credential, &session, out, err);
	tpm_free(tpm, ek_public, 0);
	return rc;
}
