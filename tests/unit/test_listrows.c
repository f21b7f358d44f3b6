// Rows of lists. The data and the expected rows are small and stated by hand; the transform of the
// test doubles its input, so that every expected value is exact.
#include "model/train/listrows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 4, WIDTH = 3 + 1 + 7 };

// Lists of 2, 1 and 3 documents.
static const uint64_t offset[] = {0, 2, 3, 6};
static const float values[6][COLUMNS] = {{1, 2, 3, 4},   {3, 6, 7, 8},   {9, 10, 11, 12},
                                         {0, 14, 5, 16}, {3, 18, 5, 20}, {6, 22, 5, 24}};

static struct dataset three_lists(void)
{
    return (struct dataset){
        .lists = 3, .docs = 6, .columns = COLUMNS, .offset = offset, .values = values[0]};
}

static void twice(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 2 * x[i];
}

static const struct kernels doubling = {.name = "doubling", .log1p = twice};

static struct schema make_schema(uint32_t count, const uint32_t *privileged,
                                 size_t privileged_count, bool page,
                                 enum schema_transform transform)
{
    struct schema schema;
    assert_int_equal(
        schema_letor(count, privileged, privileged_count, page, transform, &schema, NULL),
        STATUS_OK);
    return schema;
}

static void assert_row(const union row_cell *row, size_t count, const double *want)
{
    for (size_t i = 0; i < count; i++)
        if (row[i].number != (float)want[i])
            fail_msg("column %zu is %.9g, wanted %.9g", i, (double)row[i].number, want[i]);
}

static void columns_are_taken_by_number(void **state)
{
    (void)state;
    struct dataset dataset = three_lists();
    struct schema schema = make_schema(COLUMNS, (const uint32_t[]){2}, 1, false, SCHEMA_LOG1P);
    struct listrows rows;
    union row_cell raw[3 * COLUMNS];
    assert_int_equal(listrows_init(&rows, &dataset, &schema, &doubling, NULL), STATUS_OK);
    assert_int_equal(listrows_docs(&rows, 1), 1);
    listrows_fill(&rows, 0, NULL, raw); // f = 1, 3, 4; then f_priv = 2; raw: nothing is transformed
    assert_row(raw, 8, (const double[]){1, 3, 4, 2, 3, 7, 8, 6});
    listrows_fill(&rows, 1, NULL, raw);
    assert_row(raw, 4, (const double[]){9, 11, 12, 10});
    listrows_fini(&rows);
    schema_fini(&schema);
}

static void a_student_sees_fewer_columns(void **state)
{
    (void)state;
    struct dataset dataset = three_lists();
    struct schema teacher = make_schema(COLUMNS, (const uint32_t[]){1, 4}, 2, true, SCHEMA_NONE);
    struct schema student;
    struct listrows rows;
    union row_cell raw[6];
    assert_int_equal(schema_student(&teacher, &student, NULL), STATUS_OK);
    assert_int_equal(listrows_init(&rows, &dataset, &student, &doubling, NULL), STATUS_OK);
    assert_int_equal(student.row_cells, 2);
    listrows_fill(&rows, 2, NULL, raw);
    assert_row(raw, 6, (const double[]){14, 5, 18, 5, 22, 5});
    listrows_fini(&rows);
    schema_fini(&student);
    schema_fini(&teacher);
}

// f = columns 1, 3, 4, f_priv = column 2, page of 7 from g = 2 f:
// mean of the others, deviation of all (divisor n), log(1 + n).
static void page_of_the_list(void **state)
{
    (void)state;
    struct dataset dataset = three_lists();
    struct schema schema = make_schema(COLUMNS, (const uint32_t[]){2}, 1, true, SCHEMA_LOG1P);
    struct listrows rows;
    union row_cell raw[3 * WIDTH];
    assert_int_equal(listrows_init(&rows, &dataset, &schema, &doubling, NULL), STATUS_OK);
    assert_int_equal(schema.row_cells, WIDTH);
    listrows_fill(&rows, 0, NULL, raw);
    assert_row(raw, WIDTH, (const double[]){1, 3, 4, 2, 6, 14, 16, 2, 4, 4, log(3)});
    assert_row(raw + WIDTH, WIDTH, (const double[]){3, 7, 8, 6, 2, 6, 8, 2, 4, 4, log(3)});
    listrows_fill(&rows, 1, NULL, raw); // alone: zeros and log 2
    assert_row(raw, WIDTH, (const double[]){9, 11, 12, 10, 0, 0, 0, 0, 0, 0, log(2)});
    listrows_fill(&rows, 2, NULL, raw); // g1 = 0, 6, 12: variance (36 + 0 + 36) / 3
    assert_row(raw + WIDTH, WIDTH,
               (const double[]){3, 5, 20, 18, 6, 10, 40, sqrt(24), 0, sqrt(128.0 / 3), log(4)});
    listrows_fini(&rows);
    schema_fini(&schema);
}

static void page_without_transform(void **state)
{
    (void)state;
    struct dataset dataset = three_lists();
    struct schema schema = make_schema(1, NULL, 0, true, SCHEMA_NONE);
    struct listrows rows;
    union row_cell raw[2 * 4];
    assert_int_equal(listrows_init(&rows, &dataset, &schema, &doubling, NULL), STATUS_OK);
    listrows_fill(&rows, 0, NULL, raw);
    assert_row(raw, 8, (const double[]){1, 3, 1, log(3), 3, 1, 1, log(3)});
    listrows_fini(&rows);
    schema_fini(&schema);
}

static void what_data_cannot_give(void **state)
{
    (void)state;
    struct dataset dataset = three_lists();
    struct schema schema = make_schema(COLUMNS + 1, NULL, 0, false, SCHEMA_LOG1P);
    struct listrows rows;
    struct diag diag = {0};
    assert_int_equal(listrows_init(&rows, &dataset, &schema, &doubling, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "f");
    assert_string_equal(diag.words, "column 5 is not there: the data have columns 1 to 4");
    schema.features[0].scope = ROW_USER;
    assert_int_equal(listrows_init(&rows, &dataset, &schema, &doubling, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "LETOR data have features of items only");
    schema_fini(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_taken_by_number),
        cmocka_unit_test(a_student_sees_fewer_columns),
        cmocka_unit_test(page_of_the_list),
        cmocka_unit_test(page_without_transform),
        cmocka_unit_test(what_data_cannot_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
