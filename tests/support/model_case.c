#include "tests/support/model_case.h"

#include "base/file.h"

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

enum status model_case_make(struct model_case *test, const struct scratch *scratch,
                            const struct make_checkpoint *spec, unsigned readers,
                            struct diag *reterr)
{
    char folder[128], file[128];
    scratch_path(scratch, "1", folder);
    scratch_path(scratch, "1/student.safetensors", file);
    TRY(file_make_folder(folder, reterr));
    TRY(make_checkpoint_file(file, spec, reterr));
    return model_case_open(test, scratch->folder, "demo", readers, reterr);
}

void model_case_close(struct model_case *test)
{
    lifecycle_stop(test->lifecycle);
    lifecycle_free(test->lifecycle);
    registry_free(test->registry);
    *test = (struct model_case){.registry = NULL};
}
