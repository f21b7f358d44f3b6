#include "tests/support/golden_loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum loss_kd golden_loss_kd(const struct golden_case *c, const char *method)
{
    static const struct {
        const char *name;
        enum loss_kd kd;
    } names[] = {{"base", LOSS_KD_NONE},       {"pointwise", LOSS_KD_POINTWISE},
                 {"listmle", LOSS_KD_LISTMLE}, {"listnet", LOSS_KD_LISTNET},
                 {"clid", LOSS_KD_CLID},       {"listnet_logit", LOSS_KD_LISTNET_LOGIT},
                 {"rcr", LOSS_KD_RCR},         {"clid_mass", LOSS_KD_CLID_MASS}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(names[i].name, method) == 0)
            return names[i].kd;
    fail_msg("%s: no loss is called '%s'", c->name, method);
    return LOSS_KD_NONE;
}

struct golden_loss golden_loss_of(const struct golden_case *c, const struct json_value *entry)
{
    enum loss_kd kd = golden_loss_kd(c, golden_text(c, entry, "method"));
    struct golden_loss loss = {losses_config(kd, 0, LOSS_SAMPLE_MEAN), 0};
    if (json_value_get(entry, "tau") != NULL) {
        loss.config.tau = golden_number(c, entry, "tau");
        loss.config.tau2_scale = json_value_bool(golden_member(c, entry, "tau2_scale"));
    }
    if (json_value_get(entry, "rcr_norm") != NULL)
        loss.config.rcr_norm = json_value_bool(golden_member(c, entry, "rcr_norm"));
    if (json_value_get(entry, "zbar") != NULL)
        loss.log_mass = log(golden_number(c, entry, "zbar"));
    return loss;
}
