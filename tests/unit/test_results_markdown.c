// results.md of results written by hand.
#include "model/train/results_markdown.h"

#include "tests/support/check.h"

#include <string.h>

static const char results_text[] =
    "{\"title\": \"tiny\", \"rank\": {\"key\": \"ndcg10\", \"title\": \"NDCG@10\"},"
    "\"search_percent\": 10, \"production\": null, \"network\": [128, 64], \"seeds\": [1, 2],"
    "\"runs\": {\"planned\": 9, \"finished\": 8, \"diverged\": 1, \"stopped\": 0}, \"diverged\": "
    "[\"a-s1\", "
    "\"b-s2\"],"
    "\"data\": {\"train\": {\"lists\": 6, \"docs\": 40, \"clicks\": 8}},"
    "\"selection\": {\"base_logloss\": 0.5, \"base_ci\": 0.0125, \"bound\": 0.5125},"
    "\"teacher_check\": {\"better\": true, \"words\": \"fine\","
    "  \"ndcg10\": {\"mean\": 0.01, \"low\": 0.005, \"high\": 0.015},"
    "  \"logloss\": {\"mean\": -0.02, \"low\": null, \"high\": null}},"
    "\"measures\": [{\"key\": \"ndcg10\", \"title\": \"NDCG@10\", \"digits\": 4},"
    "  {\"key\": \"logloss\", \"title\": \"LogLoss\", \"digits\": 4},"
    "  {\"key\": \"pcoc\", \"title\": \"PCOC\", \"digits\": 3},"
    "  {\"key\": \"true_error\", \"title\": \"true error\", \"digits\": 4}],"
    "\"methods\": ["
    " {\"title\": \"Base\", \"n\": 2, \"words\": \"\", \"chosen\": {\"ratio\": null, \"tau\": null,"
    "   \"lr\": 0.001, \"rule\": \"the rule\"},"
    "  \"test\": {\"ndcg10\": {\"mean\": 0.54321, \"half\": 0.00123},"
    "   \"pcoc\": {\"mean\": 1.01, \"half\": null}, \"true_error\": {\"mean\": null, \"half\": "
    "null}},"
    "  \"vs_base\": null, \"vs_clid\": {"
    "   \"ndcg10\": {\"mean\": -0.001234, \"half\": 0.0002, \"significant\": true},"
    "   \"pcoc\": {\"mean\": 0.01, \"half\": null, \"significant\": false}},"
    "  \"bootstrap\": {\"low\": -0.002, \"high\": 0.0001, \"significant\": false}},"
    " {\"title\": \"CLID\", \"n\": 0, \"words\": \"1 of 2 settings tried\", \"chosen\": null,"
    "  \"test\": {\"ndcg10\": {\"mean\": null, \"half\": null}}, \"vs_clid\": null,"
    "  \"vs_base\": {\"ndcg10\": {\"mean\": null, \"half\": null, \"significant\": false}},"
    "  \"bootstrap\": null}],"
    "\"claims\": ["
    " {\"id\": \"A1\", \"claim\": \"ranks better\", \"seen\": true, \"words\": \"\", \"note\": "
    "\"\","
    "  \"checks\": [{\"what\": \"x - y, NDCG@10\", \"mean\": 0.01, \"low\": 0.005, \"high\": 0.015,"
    "   \"n\": 5, \"rule\": \"above 0\", \"interval\": \"paired seeds\", \"note\": \"\","
    "   \"required\": true, \"relative\": false, \"seen\": true}]},"
    " {\"id\": \"A2\", \"claim\": \"other\", \"seen\": null, \"words\": \"not known\","
    "  \"note\": \"a note\", \"checks\": [{\"what\": \"x - y, LogLoss, %\", \"mean\": 0.2,"
    "   \"low\": -0.1, \"high\": 0.5, \"n\": 1, \"rule\": \"below 0\","
    "   \"interval\": \"spread of Base\", \"note\": \"\", \"required\": false, \"relative\": true,"
    "   \"seen\": false}, {\"what\": \"z\", \"mean\": null, \"low\": null, \"high\": null, \"n\": "
    "0,"
    "   \"rule\": \"above 0\", \"interval\": \"\", \"note\": \"not finished\", \"required\": true,"
    "   \"relative\": false, \"seen\": null}]}]}";

static void has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in\n%s", line, text);
}

static void a_page(void **state)
{
    (void)state;
    struct json_value *root;
    struct buf out;
    assert_int_equal(json_value_parse(span_of(results_text), &root, NULL), STATUS_OK);
    buf_init(&out, 1 << 20);
    results_markdown(root, &out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    static const char *const lines[] = {
        "# Experiment tiny\n",
        "\n**Unfinished: 8 of 9 runs.**\n",
        "\n| training | 6 | 40 | 8 |\n| validation | - | - | - |\n",
        "\nNetwork 128-64, 2 seeds, 9 runs.\n",
        "\nValidation: fine. Teacher - Base: NDCG@10 +0.01000 [+0.00500, +0.01500], LogLoss "
        "-0.02000.\n",
        "\n| method | n | NDCG@10 | LogLoss | PCOC |\n|---|--:|--:|--:|--:|\n",
        "\n| Base | 2 | 0.5432 ± 0.0012 •- | - | 1.010 |\n",
        "\n| CLID | 0 | - | - | - |\n",
        "\n| method | n | NDCG@10 | LogLoss | PCOC | NDCG@10 over lists "
        "|\n|---|--:|--:|--:|--:|--:|\n"
        "| Base | 2 | -0.00123 ± 0.00020 • | - | +0.0100 | -0.00200 to +0.00010 |\n\n",
        "\n## Differences to Base\n\n| method | n | NDCG@10 | LogLoss | PCOC "
        "|\n|---|--:|--:|--:|--:|\n"
        "| CLID | 0 | - | - | - |\n",
        "\n| method | n | true error |\n|---|--:|--:|\n| Base | 2 | - |\n",
        "\n| A1 | ranks better | seen |\n| A2 | other | cannot be told |\n",
        "\n- x - y, NDCG@10: +0.01000 [+0.00500, +0.01500], n = 5; above 0: **seen**\n",
        "\n**A2** other: cannot be told. not known. (a note)\n",
        "\n- x - y, LogLoss, %: +0.200 [-0.100, +0.500], n = 1; interval by the spread of Base; "
        "below 0: **not seen** (beside the rule)\n",
        "\n- z: not finished; above 0: **cannot be told**\n",
        " 0.50000 + 0.01250; ",
        "learned from 10 % of the training lists;",
        "\n| Base | - | - | 0.001 | the rule |  |\n| CLID | - | - | - |  | 1 of 2 settings tried "
        "|\n",
        "\nDiverged: a-s1, b-s2.\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        has(out.data, lines[i]);
    buf_fini(&out);
    json_value_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page),
    };
    return cmocka_run_group_tests_name("results_markdown", tests, NULL, NULL);
}
