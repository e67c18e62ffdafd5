/* SPDX-License-Identifier: MIT */
/*
 * test_clock.c - the clocks, sums that stop at "forever", and the version.
 */
#include "support.h"

#include "base/clock.h"

static void a_sum_stops_at_forever_and_a_negative_span_is_none(void **state)
{
	assert_true(awl__clock_after(5, 7) == 12);
	assert_true(awl__clock_after(5, 0) == 5);
	assert_true(awl__clock_after(5, -7) == 5);
	assert_true(awl__clock_after(5, INT64_MIN) == 5);
	assert_true(awl__clock_after(5, INT64_MAX) == INT64_MAX);
	assert_true(awl__clock_after(INT64_MAX, 1) == INT64_MAX);
	assert_true(awl__clock_after(-5, INT64_MAX) == INT64_MAX - 5);
}

static void the_coarse_clock_is_behind_by_a_known_lag_and_never_ahead(void **state)
{
	int64_t lag = awl__clock_lag;
	int late = 0;

	assert_true(lag > 0 && lag <= 20 * AWL_MS);
	assert_true(awl__clock_lag == lag);
	for (int i = 0; i < 20000; i++) {
		int64_t before = awl__clock_now(), coarse = awl__clock_coarse();
		int64_t after = awl__clock_now();

		assert_true(coarse <= after);
		late += coarse < before - lag;
	}
	/* A hypervisor may keep the tick's processor from running for a while, not always. */
	assert_true(late < 10000);
}

static void the_version_is_the_headers(void **state)
{
	char text[32];

	snprintf(text, sizeof text, "%d.%d.%d", AWL_VERSION_MAJOR, AWL_VERSION_MINOR,
		AWL_VERSION_PATCH);
	assert_string_equal(awl_version(), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_stops_at_forever_and_a_negative_span_is_none),
		cmocka_unit_test(the_coarse_clock_is_behind_by_a_known_lag_and_never_ahead),
		cmocka_unit_test(the_version_is_the_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
