/* SPDX-License-Identifier: MIT */
/*
 * embedded.c - awl inside a loop that is not its own, here one of poll(2): the foreign loop waits
 * at awl's descriptor, for awl's time, beside a pipe that only it knows.
 */
#include <awl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static int three_steps(void *fd)
{
	for (int i = 1; i <= 3; i++) {
		int r = awl_sleep(20 * AWL_MS);

		if (r < 0)
			return r;
		printf("awl's task: step %d\n", i);
		if (write(*(int *)fd, &i, sizeof i) < 0) /* to the foreign loop */
			return -1;
	}
	return 0;
}

/* In poll's milliseconds, not too early. */
static int to_ms(int64_t ns)
{
	return ns / AWL_MS >= INT_MAX ? -1 : (int)((ns + AWL_MS - 1) / AWL_MS);
}

int main(void)
{
	awl_loop *loop;
	awl_task *task;
	int fds[2], i, turns = 0, r;

	if (pipe(fds) < 0 || awl_loop_new(NULL, &loop) < 0 ||
		awl_loop_create_task(loop, NULL, three_steps, &fds[1], &task) < 0)
		return 1;
	do {
		struct pollfd p[2] = { { .fd = awl_loop_fd(loop), .events = POLLIN },
			{ .fd = fds[0], .events = POLLIN } };

		if (poll(p, 2, to_ms(awl_loop_timeout(loop))) < 0 || p[0].fd < 0)
			return 1;
		if (p[1].revents && read(fds[0], &i, sizeof i) == (ssize_t)sizeof i)
			printf("the foreign loop: has heard of step %d\n", i);
		r = awl_loop_run_once(loop);
		turns++;
	} while (r == 0 && (!awl_done(task) || i < 3));
	printf("done in %s turns\n", turns < 20 ? "a few" : "far too many");
	r = r < 0 ? r : awl_result(task);
	awl_unref(task);
	r = r < 0 ? r : awl_loop_close(loop);
	awl_loop_unref(loop);
	return r < 0;
}
