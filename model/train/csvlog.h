#pragma once
#include "model/train/linelog.h"
struct csvlog;
static inline enum status csvlog_new(const struct impressions_options *options,
                                     const struct row_layout *layout, struct csvlog **ret,
                                     struct diag *reterr)
{
    (void)options, (void)layout, (void)ret;
    return diag_set(reterr, STATUS_CONFIG, "no csv");
}
static inline void csvlog_free(struct csvlog *log)
{
    (void)log;
}
static inline enum status csvlog_block(struct csvlog *log, const struct lineread_block *b,
                                       struct pack *p, struct buf *bad, struct diag *f,
                                       struct diag *reterr)
{
    (void)log, (void)b, (void)p, (void)bad, (void)f, (void)reterr;
    return STATUS_OK;
}
static inline enum status csvlog_fault(struct csvlog *log, const struct lineread_block *b,
                                       const struct linelog_bad *bad, struct diag *reterr)
{
    (void)log, (void)b, (void)bad, (void)reterr;
    return STATUS_OK;
}
