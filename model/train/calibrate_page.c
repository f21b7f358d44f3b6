#include "model/train/calibrate_page.h"

#include <math.h>

static void print_number(FILE *out, int width, int digits, double value)
{
    if (isnan(value))
        fprintf(out, "%*s", width, "-");
    else
        fprintf(out, "%*.*f", width, digits, value);
}

static void print_measures(FILE *out, double logloss, double pcoc, double ece, double slope,
                           double intercept)
{
    print_number(out, 10, 6, logloss);
    print_number(out, 9, 4, pcoc);
    print_number(out, 9, 5, ece);
    print_number(out, 9, 4, slope);
    print_number(out, 10, 4, intercept);
}

static void print_head(FILE *out, const char *title)
{
    fprintf(out, "\n%s\n%-13s%10s%9s%9s%9s%10s\n", title, "map", "LogLoss", "PCOC", "ECE-100",
            "slope", "intercept");
}

static void print_quality(const struct calibrate_page *page, const char *title, bool test,
                          FILE *out)
{
    print_head(out, title);
    for (size_t i = 0; i < page->count; i++) {
        const struct calibrate_page_row *row = &page->rows[i];
        const struct quality *q = test ? &row->test : &row->fit;
        fprintf(out, "%-13s", row->map);
        print_measures(out, q->logloss, q->pcoc, q->ece_100, q->slope, q->intercept);
        fprintf(out, "%s\n", row->chosen ? "  chosen" : "");
    }
}

static void print_out_of_fold(const struct calibrate_page *page, FILE *out)
{
    fprintf(
        out,
        "\nCross-validated: every list by maps that were fitted without it; gain of LogLoss over"
        " the identity\n%-13s%10s%9s%9s%9s%10s%11s%11s\n",
        "map", "LogLoss", "PCOC", "ECE-100", "slope", "intercept", "gain", "+- 95 %");
    for (size_t i = 0; i < page->count; i++) {
        const struct calibrate_page_row *row = &page->rows[i];
        const struct quality_calib *q = &row->out_of_fold;
        if (isnan(q->logloss))
            continue;
        fprintf(out, "%-13s", row->map);
        print_measures(out, q->logloss, q->pcoc, q->ece_100, q->slope, q->intercept);
        print_number(out, 11, 6, row->gain.mean);
        print_number(out, 11, 6, row->gain.half);
        fprintf(out, "%s\n", row->chosen ? "  chosen" : "");
    }
}

// A gain whose interval has 0 in it may be chance.
static void print_doubt(const struct calibrate_page *page, FILE *out)
{
    for (size_t i = 1; i < page->count; i++) {
        const struct calibrate_page_row *row = &page->rows[i];
        if (row->chosen && row->why == NULL && row->gain.mean <= row->gain.half)
            fprintf(out,
                    "The gain of %s over the identity may be chance: its interval has 0 in it.\n",
                    row->map);
    }
}

static const char *reliability_of(const struct calibrate_page *page)
{
    if (page->test != NULL)
        return "test";
    return page->validated ? "cross-validation" : "none";
}

static void print_bins(const struct calibrate_page_row *row, FILE *out)
{
    fprintf(out, "%-13s%10s%12s%12s%10s\n", row->map, "documents", "predicted", "clicked", "ratio");
    for (size_t k = 0; k < row->bin_count; k++) {
        const struct reliability_bin *bin = &row->bins[k];
        const double docs = (double)bin->docs;
        fprintf(out, "%-13s%10zu%12.6f%12.6f%10.4f\n", "", (size_t)bin->docs, bin->sum_p / docs,
                bin->clicks / docs, bin->clicks / bin->sum_p);
    }
}

void calibrate_page_print(const struct calibrate_page *page, FILE *out)
{
    if (page->validated) {
        print_out_of_fold(page, out);
        print_doubt(page, out);
    }
    print_quality(page, "On the data of the fit", false, out);
    if (page->test != NULL)
        print_quality(page, "On the test data", true, out);
    for (size_t i = 0; i < page->count; i++)
        if (page->rows[i].why != NULL)
            fprintf(out, "%s is the identity: %s\n", page->rows[i].map, page->rows[i].why);
    if (page->validated || page->test != NULL)
        fprintf(out, "\nReliability, %s: documents by probability, in parts of equal size\n",
                reliability_of(page));
    for (size_t i = 0; i < page->count; i++)
        if (page->rows[i].bin_count > 0 && (i == 0 || page->rows[i].chosen))
            print_bins(&page->rows[i], out);
}

static struct json_value *bins_json(const struct calibrate_page_row *row)
{
    struct json_value *list = json_value_new_list();
    for (size_t k = 0; k < row->bin_count; k++) {
        const double docs = (double)row->bins[k].docs;
        struct json_value *bin = json_value_new_map();
        json_value_set_int(bin, "docs", (int64_t)row->bins[k].docs);
        json_value_set_number(bin, "p", row->bins[k].sum_p / docs);
        json_value_set_number(bin, "clicks", row->bins[k].clicks / docs);
        json_value_set_number(bin, "truth", (double)NAN);
        json_value_push(list, bin);
    }
    return list;
}

static struct json_value *calib_json(const struct quality_calib *calib)
{
    struct json_value *map = json_value_new_map();
    json_value_set_number(map, "logloss", calib->logloss);
    json_value_set_number(map, "pcoc", calib->pcoc);
    json_value_set_number(map, "ece_10", calib->ece_10);
    json_value_set_number(map, "ece_100", calib->ece_100);
    json_value_set_number(map, "brier", calib->brier);
    json_value_set_number(map, "normalised_entropy", calib->normalised_entropy);
    json_value_set_number(map, "slope", calib->slope);
    json_value_set_number(map, "intercept", calib->intercept);
    return map;
}

static struct json_value *gain_json(const struct stat_mean *gain)
{
    struct json_value *map = json_value_new_map();
    json_value_set_number(map, "mean", gain->mean);
    json_value_set_number(map, "half", gain->half);
    return map;
}

struct json_value *calibrate_page_json(const struct calibrate_page *page)
{
    struct json_value *root = json_value_new_map(), *rows = json_value_new_list();
    json_value_set_text(root, "kind", "calibration");
    json_value_set_text(root, "model", page->model);
    json_value_set_text(root, "data", page->data);
    if (page->test != NULL)
        json_value_set_text(root, "test", page->test);
    json_value_set_text(root, "chosen", page->chosen);
    json_value_set_text(root, "reliability_of", reliability_of(page));
    for (size_t i = 0; i < page->count; i++) {
        const struct calibrate_page_row *from = &page->rows[i];
        struct json_value *row = json_value_new_map();
        json_value_set_text(row, "map", from->map);
        if (from->why != NULL)
            json_value_set_text(row, "why", from->why);
        json_value_set(row, "fit", quality_to_json(&from->fit));
        if (page->test != NULL)
            json_value_set(row, "test", quality_to_json(&from->test));
        json_value_set_number(row, "cv_logloss", from->out_of_fold.logloss);
        if (!isnan(from->out_of_fold.logloss)) {
            json_value_set(row, "cv", calib_json(&from->out_of_fold));
            json_value_set(row, "cv_gain", gain_json(&from->gain));
        }
        json_value_set_bool(row, "chosen", from->chosen);
        json_value_set(row, "reliability", bins_json(from));
        json_value_push(rows, row);
    }
    json_value_set(root, "rows", rows);
    return root;
}
