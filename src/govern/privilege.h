/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileges: one row each (privilege.c) with its name as roles, the API and audit entries have
 * it, and what it allows. Those of VMs, networks and storage carry libvirt's names (its access
 * control's object permissions), so that a rule means the same here and in polkit.
 */
#ifndef RF_GOVERN_PRIVILEGE_H
#define RF_GOVERN_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

/* id, name, what it allows */
#define PRIVILEGES(X)                                                                              \
	X(OBJECT_VIEW, "object.view", "see that an object is there")                               \
	X(OBJECT_READ, "object.read", "read an object's facts, findings and verdicts")             \
	X(OBJECT_EDIT, "object.edit", "name, label and move objects of the inventory")             \
	X(FACT_QUERY, "fact.query", "ask facts by SQL")                                            \
	X(EVENT_READ, "event.read", "read events")                                                 \
	X(EVENT_SINK, "event.sink", "say where events are sent")                                   \
	X(LEDGER_READ, "ledger.read", "read and export the ledger")                                \
	X(REPORT_MAKE, "report.make", "make reports")                                              \
	X(HOST_INVITE, "host.invite", "print a token with which a host joins")                     \
	X(HOST_APPROVE, "host.approve", "let a host that joined take part")                        \
	X(HOST_RETIRE, "host.retire", "take a host out and revoke its certificate")                \
	X(HOST_CHECK, "host.check", "have a host checked now")                                     \
	X(HOST_ATTEST, "host.attest", "have a host attested now")                                  \
	X(HOST_FIX, "host.fix", "apply a plan that mends findings")                                \
	X(BASELINE_PROPOSE, "baseline.propose", "propose a boot as a baseline")                    \
	X(BASELINE_APPROVE, "baseline.approve", "approve a boot as a baseline")                    \
	X(POLICY_EDIT, "policy.edit", "write isolation policies and rules")                        \
	X(POLICY_PUBLISH, "policy.publish", "put a policy in force")                               \
	X(ISOLATE_PLAN, "isolate.plan", "see what a policy would change")                          \
	X(ISOLATE_APPLY, "isolate.apply", "apply an isolation plan, and undo it")                  \
	X(QUARANTINE_SET, "quarantine.set", "shut a VM in")                                        \
	X(QUARANTINE_RELEASE, "quarantine.release", "let a VM out again")                          \
	X(EVIDENCE_READ, "evidence.read", "read what was secured as evidence")                     \
	X(SECRET_USE, "secret.use", "have a disk's key given to a trusted host")                   \
	X(SECRET_EDIT, "secret.edit", "store and remove disks' keys")                              \
	X(WAIVER_REQUEST, "waiver.request", "ask that a finding be accepted")                      \
	X(WAIVER_APPROVE, "waiver.approve", "accept a finding")                                    \
	X(APPROVAL_REQUEST, "approval.request", "ask for a second person's consent")               \
	X(APPROVAL_GIVE, "approval.give", "be the second person")                                  \
	X(ROLE_EDIT, "role.edit", "make and change roles")                                         \
	X(GRANT_EDIT, "grant.edit", "give and take permissions")                                   \
	X(USER_EDIT, "user.edit", "let users in, end their sessions and tokens")                   \
	X(MANAGER_EDIT, "manager.edit", "change the manager's own configuration")                  \
	X(STORE_ADMIN, "store.admin", "back up, move and prune the store")                         \
	X(DOMAIN_READ_SECURE, "domain.read-secure", "read a VM's definition with its secrets")     \
	X(DOMAIN_WRITE, "domain.write", "change a VM's definition")                                \
	X(DOMAIN_START, "domain.start", "start a VM")                                              \
	X(DOMAIN_STOP, "domain.stop", "stop a VM")                                                 \
	X(DOMAIN_RESET, "domain.reset", "reset a VM")                                              \
	X(DOMAIN_SUSPEND, "domain.suspend", "pause a VM and let it go on")                         \
	X(DOMAIN_MIGRATE, "domain.migrate", "move a VM to another host")                           \
	X(DOMAIN_SNAPSHOT, "domain.snapshot", "take a VM's snapshot")                              \
	X(DOMAIN_DELETE, "domain.delete", "remove a VM's definition")                              \
	X(DOMAIN_SCREENSHOT, "domain.screenshot", "look at a VM's screen")                         \
	X(DOMAIN_SEND_INPUT, "domain.send-input", "type into a VM")                                \
	X(DOMAIN_OPEN_GRAPHICS, "domain.open-graphics", "open a VM's console")                     \
	X(DOMAIN_MEM_READ, "domain.mem-read", "read a VM's memory")                                \
	X(DOMAIN_CORE_DUMP, "domain.core-dump", "write a VM's memory to a file")                   \
	X(NETWORK_WRITE, "network.write", "change a network")                                      \
	X(NETWORK_USE, "network.use", "plug a VM into a network")                                  \
	X(STORAGE_WRITE, "storage.write", "change a storage pool and its volumes")                 \
	X(STORAGE_USE, "storage.use", "take room of a storage pool")

enum privilege {
#define PRIVILEGE_ID(id, name, about) PRIVILEGE_##id,
	PRIVILEGES(PRIVILEGE_ID)
#undef PRIVILEGE_ID
		PRIVILEGE_COUNT
};

#define PRIVILEGE_WORDS 2

struct privilege_set {
	uint64_t bits[PRIVILEGE_WORDS];
};
_Static_assert(PRIVILEGE_COUNT <= 64 * PRIVILEGE_WORDS, "a set has room for every privilege");

/* "domain.start"; "" for what is no privilege. */
const char *privilege_name(enum privilege privilege);
/* "start a VM"; "" for what is no privilege. */
const char *privilege_about(enum privilege privilege);
/* By name; false when there is none. */
bool privilege_find(const char *name, enum privilege *out);

/* Adds one; what is no privilege is not added. */
void privilege_add(struct privilege_set *set, enum privilege privilege);
/* Is it in the set? */
bool privilege_in(const struct privilege_set *set, enum privilege privilege);
/* Adds all of more to set. */
void privilege_add_all(struct privilege_set *set, const struct privilege_set *more);
/* Is the set empty? */
bool privilege_none(const struct privilege_set *set);
/* Every privilege there is: the role of administrators. */
struct privilege_set privilege_all(void);

#endif
