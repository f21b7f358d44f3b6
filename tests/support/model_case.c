#include "tests/support/model_case.h"

static enum status start(struct model_case *test, const char *folder, const char *name,
                         unsigned readers, struct diag *reterr)
{
    struct lifecycle_parts parts = {.readers = readers};
    struct lifecycle_plan plan;
    TRY(kernels_choose("auto", &parts.kernels, reterr));
    TRY(lifecycle_plan_one(folder, name, &plan, reterr));
    enum status code = lifecycle_start(test->registry, &plan, &parts, &test->lifecycle, reterr);
    lifecycle_plan_fini(&plan);
    return code;
}

enum status model_case_open(struct model_case *test, const char *folder, const char *name,
                            unsigned readers, struct diag *reterr)
{
    *test = (struct model_case){.registry = registry_new(readers)};
    if (test->registry == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    enum status code = start(test, folder, name, readers, reterr);
    if (code != STATUS_OK)
        model_case_close(test);
    return code;
}

void model_case_close(struct model_case *test)
{
    lifecycle_stop(test->lifecycle);
    lifecycle_free(test->lifecycle);
    registry_free(test->registry);
    *test = (struct model_case){.registry = NULL};
}
