/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a host's TPM, and the documents approved for the host; see enrol.h. */
#include "store/acts.h"
#include "store/enrol.h"

struct tpm_rows {
	int (*take)(void *arg, const struct store_tpm *tpm);
	void *arg;
	bool any;
};

static int take_tpm(void *arg, const struct store_value *row)
{
	struct tpm_rows *rows = arg;
	struct store_tpm tpm = {
		.host = store_value_text(&row[0]),
		.ek_state = store_value_text(&row[1]),
		.ek_certificate = row[2].bytes,
		.ek_public = row[3].bytes,
		.ak_public = row[4].bytes,
		.ak_name = row[5].bytes,
		.memory = {row[6].number, row[7].number, row[8].number, row[9].number,
			   row[10].number, row[11].number},
	};

	rows->any = true;
	return rows->take(rows->arg, &tpm);
}

static int no_tpm(const char *host, struct rf_err *err)
{
	return rf_fail(err, RF_E_UNKNOWN, "the host %s has no TPM, or is not known", host);
}

int store_tpm_get(struct store *store, const char *host,
		  int (*take)(void *arg, const struct store_tpm *tpm), void *arg,
		  struct rf_err *err)
{
	struct tpm_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_TPM_GET, STORE_PARAMS(store_text(host)),
			   (struct store_rows){take_tpm, &rows}, err);

	return rc ? rc : rows.any ? 0 : no_tpm(host, err);
}

int store_tpm_key(struct store *store, const char *host, struct rf_slice ak_public,
		  struct rf_slice ak_name, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(
		store, STORE_S_TPM_KEY,
		STORE_PARAMS(store_text(host), store_blob(ak_public), store_blob(ak_name)), &hit,
		err);

	return rc ? rc : hit ? 0 : no_tpm(host, err);
}

int store_tpm_memory(struct store *store, const char *host, const struct store_memory *m,
		     struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_TPM_MEMORY,
			       STORE_PARAMS(store_text(host), store_int(m->known),
					    store_int(m->clock_ms), store_int(m->firmware),
					    store_int(m->resets), store_int(m->restarts),
					    store_int(m->ima_entries)),
			       &hit, err);

	return rc ? rc : hit ? 0 : no_tpm(host, err);
}

static int document_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_document *d = arg;
	int64_t seq = 0;
	int rc = store_counter_next(store, "document", &seq, err);

	if (!rc)
		rc = store_run(store, STORE_S_DOCUMENT_ADD,
			       STORE_PARAMS(store_int(seq), store_text(d->host),
					    store_text(d->kind), store_blob(d->content),
					    store_text(d->approved_by),
					    store_text(d->approval ? d->approval : ""),
					    store_int(d->at_ms)),
			       STORE_NO_ROWS, err);
	return rc;
}

int store_document_put(struct store *store, const struct store_document *document,
		       struct rf_err *err)
{
	struct store_document copy = *document;

	return store_transaction(store, document_put, &copy, err);
}

struct document_rows {
	int (*take)(void *arg, const struct store_document *document);
	void *arg;
	const struct store_document *of;
};

static int take_document(void *arg, const struct store_value *row)
{
	struct document_rows *rows = arg;
	struct store_document document = {
		.seq = row[0].number,
		.host = rows->of->host,
		.kind = rows->of->kind,
		.content = row[1].bytes,
		.approved_by = store_value_text(&row[2]),
		.approval = store_value_text(&row[3]),
		.at_ms = row[4].number,
	};

	return rows->take(rows->arg, &document);
}

int store_document_each(struct store *store, const struct store_document *of, int64_t limit,
			int (*take)(void *arg, const struct store_document *document), void *arg,
			struct rf_err *err)
{
	struct document_rows rows = {take, arg, of};

	return store_run(store, STORE_S_DOCUMENT_EACH,
			 STORE_PARAMS(store_text(of->host), store_text(of->kind), store_int(limit)),
			 (struct store_rows){take_document, &rows}, err);
}
