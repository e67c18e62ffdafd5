/* SPDX-License-Identifier: MIT */
/*
 * test_errors.c - every code has a name, a number of its own and a sentence.
 */
#include "support.h"

#include <limits.h>

struct code {
	int err;
	const char *name, *sentence;
};

static const struct code codes[] = {
#define X(name, number, sentence) { AWL_##name, "AWL_" #name, sentence },
	AWL_ERRORS(X)
#undef X
};

static void every_code_has_its_name_and_its_sentence(void **state)
{
	for (size_t i = 0; i < COUNT(codes); i++) {
		assert_string_equal(awl_error_name(codes[i].err), codes[i].name);
		assert_string_equal(awl_strerror(codes[i].err), codes[i].sentence);
		assert_true(strlen(codes[i].sentence) > 10);
	}
}

static void no_code_is_the_systems_and_no_two_are_one(void **state)
{
	for (size_t i = 0; i < COUNT(codes); i++) {
		assert_true(codes[i].err < -4096);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(codes[i].err, codes[j].err);
			assert_string_not_equal(codes[i].sentence, codes[j].sentence);
		}
	}
	assert_int_not_equal(AWL_ECANCELED, -ECANCELED);
	assert_int_not_equal(AWL_EDEADLK, -EDEADLK);
}

static void the_systems_codes_keep_its_words(void **state)
{
	assert_string_equal(awl_strerror(-ENOMEM), "Cannot allocate memory");
	assert_string_equal(awl_strerror(-EPIPE), "Broken pipe");
	assert_string_equal(awl_error_name(-EIO), "EIO");
	assert_string_equal(awl_error_name(-ETIMEDOUT), "ETIMEDOUT");
	assert_string_equal(awl_strerror(0), "Success");
}

static void a_number_nobody_knows_is_no_crash(void **state)
{
	static const int strange[] = { 1, 4097, INT_MAX, INT_MIN, -4096, -4095, -999999, -300 };

	for (size_t i = 0; i < COUNT(strange); i++) {
		assert_string_equal(awl_strerror(strange[i]), "unknown error");
		assert_string_equal(awl_error_name(strange[i]), "?");
	}
	assert_string_equal(awl_error_name(0), "?");
}

static void the_detail_is_of_the_last_failure_and_only_for_its_code(void **state)
{
	awl_loop *l = NULL;

	assert_int_equal(awl_loop_new(NULL, NULL), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "awl_loop_new"));
	assert_string_equal(awl_error_detail(-EIO), "");
	assert_string_equal(awl_error_detail(0), "");
	assert_string_equal(awl_error_detail(5), "");
	assert_int_equal(awl_get_running_loop(&l), AWL_ENOLOOP);
	assert_null(l);
	assert_string_equal(awl_error_detail(-EINVAL), "");
	assert_non_null(strstr(awl_error_detail(AWL_ENOLOOP), "awl_get_running_loop"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_name_and_its_sentence),
		cmocka_unit_test(no_code_is_the_systems_and_no_two_are_one),
		cmocka_unit_test(the_systems_codes_keep_its_words),
		cmocka_unit_test(a_number_nobody_knows_is_no_crash),
		cmocka_unit_test(the_detail_is_of_the_last_failure_and_only_for_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
