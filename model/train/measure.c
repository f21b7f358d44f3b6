#include "model/train/measure.h"

#include <assert.h>
#include <math.h>

enum { MEASURE_WIDTH = 16, MEASURE_ROWS = 16 };
_Static_assert((int)QUALITY_VALUES <= (int)MEASURE_ROWS && (int)WORTH_VALUES <= (int)MEASURE_ROWS,
               "a table has room for all measures");

enum status measure_add(struct measure_table *table, const char *name, struct scoreset *set,
                        const struct scorer *scorer, struct team *team, struct diag *reterr)
{
    assert(table->count < MEASURE_MAX);
    struct quality quality;
    TRY(scoreset_score(set, scorer, team, reterr));
    TRY(scoreset_quality(set, &scorer->checkpoint.calibrate, &quality, reterr));
    table->columns[table->count].name = name;
    table->columns[table->count].quality = quality;
    table->columns[table->count].has_worth = false;
    table->count++;
    return STATUS_OK;
}

static void measure_counts(const struct measure_table *table, FILE *out)
{
    static const char *const names[] = {"lists", "docs", "clicks", "ndcg left out",
                                        "gauc left out"};
    for (size_t row = 0; row < sizeof(names) / sizeof(*names); row++) {
        fprintf(out, "%-20s", names[row]);
        for (size_t i = 0; i < table->count; i++) {
            const struct quality *q = &table->columns[i].quality;
            const size_t values[] = {q->lists, q->docs, q->clicks, q->ndcg_left_out,
                                     q->gauc_left_out};
            fprintf(out, "%*zu", MEASURE_WIDTH, values[row]);
        }
        fputc('\n', out);
    }
}

void measure_add_worth(struct measure_table *table, const struct worth *worth)
{
    assert(table->count > 0);
    table->columns[table->count - 1].worth = *worth;
    table->columns[table->count - 1].has_worth = true;
}

struct json_value *measure_to_json(const struct measure_table *table, size_t column)
{
    struct json_value *measures = quality_to_json(&table->columns[column].quality);
    if (table->columns[column].has_worth)
        worth_set(&table->columns[column].worth, measures);
    return measures;
}

// values[i][row] is of column i; NaN: undefined.
static void measure_rows(const struct measure_table *table, const char *const *names, size_t rows,
                         double values[][MEASURE_ROWS], FILE *out)
{
    for (size_t row = 0; row < rows; row++) {
        fprintf(out, "%-20s", names[row]);
        for (size_t i = 0; i < table->count; i++) {
            if (isnan(values[i][row]))
                fprintf(out, "%*s", MEASURE_WIDTH, "-");
            else
                fprintf(out, "%*.6f", MEASURE_WIDTH, values[i][row]);
        }
        fputc('\n', out);
    }
}

void measure_print(const struct measure_table *table, FILE *out)
{
    double values[MEASURE_MAX][MEASURE_ROWS];
    const char *const *names = NULL;
    size_t rows = 0;
    fprintf(out, "%-20s", "");
    for (size_t i = 0; i < table->count; i++) {
        fprintf(out, " %*s", MEASURE_WIDTH - 1, table->columns[i].name); // a path may be wider
        rows = quality_values(&table->columns[i].quality, &names, values[i]);
    }
    fputc('\n', out);
    measure_counts(table, out);
    measure_rows(table, names, rows, values, out);
    rows = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].has_worth)
            rows = worth_values(&table->columns[i].worth, &names, values[i]);
        else
            for (size_t row = 0; row < WORTH_VALUES; row++)
                values[i][row] = (double)NAN;
    measure_rows(table, names, rows, values, out);
}
