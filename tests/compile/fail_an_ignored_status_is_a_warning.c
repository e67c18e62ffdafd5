/* SPDX-License-Identifier: MIT */
/*
 * The status of a wait may not be dropped: a cancelled task would run on without knowing.
 *
 * @says (ignoring return value|unused_result|warn_unused_result)
 */
#include <awl.h>

static int body(void *arg)
{
	awl_sleep(AWL_SEC);
	return 0;
}

int main(void)
{
	return awl_run(body, NULL);
}
