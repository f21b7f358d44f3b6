#include "base/num.h"
#include "model/train/commands.h"
#include "model/train/known.h"
#include "model/train/measure.h"
#include "model/train/opened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option cmd_evaluate_options[] = {
    OPENED_OPTIONS,
    {"json", NULL, "one JSON object instead of a table"},
    {"auction", NULL, "what the probabilities cost in auctions clicked by the truth"},
    {"truth", "FILE", "true click probabilities, one a line (the data's name with .truth)"},
    {"appeal", "FILE",
     "chances of a click in a neutral place, for the auctions (.appeal; the truth)"},
    {"bids", "FILE", "bids, one a line (the data's name with .bid; drawn log-normal, median 1)"},
    {"bid-seed", "N", "draws bids, with this seed (1)"},
    {"slots", "N", "ads shown on a page, 1 to 64 (5)"},
    {"gamma", "X", "rank by bid * pctr^X (1)"},
    {"floor-bid", "X", "least bid (0)"},
    {"floor-ecpm", "X", "least eCPM (0)"},
    {0}};

// What is asked about probabilities whose truth is known.
struct cmd_evaluate_market {
    bool auction;
    struct market_config config;
    struct known_paths paths;
};

MUST_USE static enum status cmd_evaluate_number(const struct command *command,
                                                const struct command_line *line, const char *name,
                                                double *value, struct diag *reterr)
{
    const char *text = command_value(command, line, name);
    double number = *value;
    if (text != NULL && (num_parse_double(span_of(text), &number) != STATUS_OK || !(number >= 0)))
        return diag_set(reterr, STATUS_USAGE, "--%s: expected a number of at least 0, got '%s'",
                        name, text);
    *value = number;
    return STATUS_OK;
}

MUST_USE static enum status cmd_evaluate_market(const struct command *command,
                                                const struct command_line *line,
                                                struct cmd_evaluate_market *ret_market,
                                                struct diag *reterr)
{
    struct market_config config = market_defaults();
    uint64_t slots;
    TRY(command_u64(command, line, "slots", config.slots, 1, MARKET_MAX_SLOTS, &slots, reterr));
    TRY(command_u64(command, line, "bid-seed", config.bid_seed, 0, UINT64_MAX, &config.bid_seed,
                    reterr));
    TRY(cmd_evaluate_number(command, line, "gamma", &config.gamma, reterr));
    TRY(cmd_evaluate_number(command, line, "floor-bid", &config.floor_bid, reterr));
    TRY(cmd_evaluate_number(command, line, "floor-ecpm", &config.floor_ecpm, reterr));
    config.slots = (size_t)slots;
    *ret_market = (struct cmd_evaluate_market){
        .auction = command_value(command, line, "auction") != NULL,
        .config = config,
    };
    ret_market->paths = (struct known_paths){
        .truth = command_value(command, line, "truth"),
        .appeal = command_value(command, line, "appeal"),
        .bid = command_value(command, line, "bids"),
        .money = ret_market->auction,
        .draw_bids = command_value(command, line, "bid-seed") != NULL,
    };
    if (ret_market->auction)
        return STATUS_OK;
    static const char *const needs[] = {"appeal", "bids",      "bid-seed",  "slots",
                                        "gamma",  "floor-bid", "floor-ecpm"};
    for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
        if (command_value(command, line, needs[i]) != NULL)
            return diag_set(reterr, STATUS_USAGE, "--%s is of use with --auction only", needs[i]);
    return STATUS_OK;
}

// Adds what the last column's probabilities are worth, where the truth is known.
MUST_USE static enum status cmd_evaluate_worth(const struct cmd_evaluate_market *market,
                                               const char *data, const struct opened *opened,
                                               struct measure_table *table, struct diag *reterr)
{
    struct known known;
    struct worth worth;
    enum status code = known_read(&market->paths, data, opened->set.docs, &known, reterr);
    if (code == STATUS_OK && known.truth == NULL && market->auction)
        code = diag_set(reterr, STATUS_USAGE,
                        "--auction needs the true click probabilities: there is no %s.truth; name "
                        "them with --truth FILE",
                        data);
    if (code == STATUS_OK && known.truth != NULL) {
        code = worth_measure(market->auction ? &market->config : NULL, &opened->set,
                             &opened->scorer.checkpoint.calibrate, &known, &worth, reterr);
        if (code == STATUS_OK)
            measure_add_worth(table, &worth);
    }
    known_fini(&known);
    return code;
}

MUST_USE static enum status cmd_evaluate_json(const struct measure_table *table)
{
    struct json_value *root = json_value_new_map();
    for (size_t i = 0; i < table->count; i++)
        json_value_set(root, table->columns[i].name, measure_to_json(table, i));
    struct buf text;
    buf_init(&text, 1 << 20);
    enum status code = json_value_write(root, 2, &text);
    if (code == STATUS_OK)
        printf("%s\n", buf_view(&text).data);
    buf_fini(&text);
    json_value_free(root);
    return code;
}

static enum status cmd_evaluate_run(const struct command *command, int argc, char **argv,
                                    struct diag *reterr)
{
    struct command_line line;
    struct measure_table table = {0};
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    struct cmd_evaluate_market market;
    TRY(cmd_evaluate_market(command, &line, &market, reterr));
    for (size_t i = 0; i < line.operand_count; i++) {
        struct opened opened;
        TRY(opened_open(command, &line, line.operands[i], &opened, reterr));
        enum status code =
            measure_add(&table, line.operands[i], &opened.set, &opened.scorer, opened.team, reterr);
        if (code == STATUS_OK)
            code = cmd_evaluate_worth(&market, command_value(command, &line, "data"), &opened,
                                      &table, reterr);
        opened_close(&opened);
        if (code != STATUS_OK)
            return code;
    }
    if (command_value(command, &line, "json") != NULL)
        return cmd_evaluate_json(&table);
    measure_print(&table, stdout);
    return STATUS_OK;
}

const struct command cmd_evaluate = {
    "evaluate",
    "measures ranking and calibration of models on a file",
    "MODEL.safetensors...",
    1,
    MEASURE_MAX,
    cmd_evaluate_options,
    "Example:\n"
    "  ctr evaluate run/teacher.safetensors run/student.safetensors --data test.txt\n"
    "  ctr evaluate run/student.safetensors --data test.txt --auction --slots 3\n\n"
    "Ranking (NDCG@10 on grades, AUC, GAUC) compares raw logits; calibration (LogLoss, ECE,\n"
    "PCOC, Brier, normalised entropy, slope and intercept) uses the calibrated probability\n"
    "of a click, grade > 0. docs/measures.md explains each. Where the true probabilities are\n"
    "known, the error against them is told; --auction also ranks and prices every list as a\n"
    "page of ads and clicks it by the truth: docs/auction.md.\n",
    cmd_evaluate_run};
