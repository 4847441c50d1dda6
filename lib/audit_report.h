/* audit_report.h -- misuses of audited pools, on their way to whoever is to be told. */
#ifndef LULL__AUDIT_REPORT_H
#define LULL__AUDIT_REPORT_H

#include "audit.h"
#include "custody.h"

/* A misuse. The report's text is made when it is told, outside all pauses: it may call malloc. */
struct lull__finding {
    lull_pool_report report;
    char pool[64];    /* the pool may be gone by then */
    char detail[900]; /* what the report says after its first words; "" is nothing */
    size_t length;    /* of detail */
};

/* Begins a finding. custody: of the object; NULL: none. */
void lull__finding_begin(struct lull__finding *finding, lull_pool_misuse misuse,
                         const struct lull__audited *pool, const struct lull__custody *custody,
                         const void *object);

/* Adds to its detail. */
__attribute__((format(printf, 2, 3))) void lull__finding_add(struct lull__finding *finding,
                                                             const char *format, ...);

/* Adds which bytes from `offset` on are found in the object; `was`: what the first one was. */
void lull__finding_add_bytes(struct lull__finding *finding, const char *object, size_t offset,
                             size_t bytes, uint8_t was);

/* Whether the bytes of an idle object are as they were left; if not, that is a finding, once. Under
 * audit->ledger.lock. */
bool lull__audit_is_whole(struct lull__custody *custody, struct lull__finding *finding);

/* Counts it, and tells now: the thread in whose call it is, not inside the library. */
void lull__finding_tell(lull_thread *t, struct lull__finding *finding);

/* Counts it, and keeps it to be told by lull__audit_tell; under audit->ledger.lock. Where there is
 * no memory it is counted and no more. */
void lull__finding_keep(lull_heap *heap, const struct lull__finding *finding);

#endif
