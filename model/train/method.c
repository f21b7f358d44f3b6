#include "model/train/method.h"

#include <string.h>

#define METHOD(name_, title_, role_, sees_, kd_, join_, teacher_, tau_, summary_)                  \
    {.name = #name_,                                                                               \
     .title = (title_),                                                                            \
     .summary = (summary_),                                                                        \
     .role = CHECKPOINT_##role_,                                                                   \
     .sees = METHOD_SEES_##sees_,                                                                  \
     .kd = LOSS_KD_##kd_,                                                                          \
     .join = LOSS_JOIN_##join_,                                                                    \
     .teacher = (teacher_),                                                                        \
     .tau = (tau_)},
static const struct method methods[] = {
#include "model/train/methods.def"
};
#undef METHOD

#define METHOD(name_, ...) "|" #name_
const char method_choices[] =
#include "model/train/methods.def"
    ;
#undef METHOD

size_t method_count(void)
{
    return sizeof(methods) / sizeof(*methods);
}

const struct method *method_at(size_t i)
{
    return i < method_count() ? &methods[i] : NULL;
}

const struct method *method_find(const char *name)
{
    for (size_t i = 0; i < method_count(); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

size_t method_index(const struct method *method)
{
    return (size_t)(method - methods);
}

bool method_has_ratio(const struct method *method)
{
    return method->kd != LOSS_KD_NONE;
}

bool method_is_listwise(const struct method *method)
{
    return method->kd != LOSS_KD_NONE && method->kd != LOSS_KD_POINTWISE;
}

bool method_sees_privileged(const struct method *method)
{
    return method->sees == METHOD_SEES_ALL || method->join != LOSS_JOIN_NONE;
}
