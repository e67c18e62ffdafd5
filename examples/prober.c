/* SPDX-License-Identifier: MIT */
/*
 * prober.c - which ports of this machine answer: prober [HOST [FIRST-LAST]], by default all of
 * 127.0.0.1, many at once but never more than so many, none longer than a second. Only loopback is
 * probed; others would have to be asked for leave.
 */
#include <arpa/inet.h>
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 200

static struct {
	const char *host;
	int first, last;
	int open, closed, silent, failed;
} probe = { .host = "127.0.0.1", .first = 1, .last = 65535 };

static awl_semaphore doors = AWL_SEMAPHORE_INIT(AT_ONCE);

/* A port that nobody has may be the very one that the system gives us, and we meet ourselves. */
static int is_self(awl_stream *s)
{
	struct sockaddr_storage own = { 0 }, peer = { 0 };
	socklen_t own_len = sizeof own, peer_len = sizeof peer;

	return awl_stream_getsockname(s, (struct sockaddr *)&own, &own_len) == 0 &&
		awl_stream_getpeername(s, (struct sockaddr *)&peer, &peer_len) == 0 &&
		own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

static int look(void *arg)
{
	const awl_connect_options patience = { .timeout = AWL_SEC };
	int port = (int)(intptr_t)arg;
	awl_stream *s;
	int r = awl_open_connection_with(&patience, probe.host, port, &s);

	awl_semaphore_release(&doors);
	if (r == 0) {
		if (is_self(s)) {
			probe.closed++;
		} else {
			probe.open++;
			printf("%5d is open\n", port);
		}
		awl_stream_abort(s);
		awl_stream_unref(s);
	} else if (r == -ECONNREFUSED) {
		probe.closed++;
	} else if (r == -ETIMEDOUT) {
		probe.silent++;
	} else if (r == AWL_ECANCELED) {
		return r;
	} else {
		probe.failed++;
	}
	return 0;
}

static int look_at_all(void *arg)
{
	awl_task_group g;
	awl_loop *loop;
	int64_t began;
	int r = awl_get_running_loop(&loop);

	(void)arg;
	began = awl_loop_time(loop);
	awl_task_group_enter(&g);
	for (int port = probe.first; port <= probe.last && r == 0; port++) {
		r = awl_semaphore_acquire(&doors);
		if (r == 0)
			r = awl_task_group_create_task(&g, look, (void *)(intptr_t)port, NULL);
	}
	r = awl_task_group_exit(&g, r);
	printf("%s: %d open, %d closed, %d silent, %d failed, in %.2f s\n", probe.host, probe.open,
		probe.closed, probe.silent, probe.failed,
		(double)(awl_loop_time(loop) - began) / AWL_SEC);
	return r;
}

/* An address, no name: a name may lead anywhere. */
static int is_loopback(const char *host)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;

	if (inet_pton(AF_INET, host, &ipv4) == 1)
		return ntohl(ipv4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

int main(int argc, char **argv)
{
	awl_runner runner = { .shutdown_timeout = AWL_SEC };
	int r;

	if (argc > 1)
		probe.host = argv[1];
	if (!is_loopback(probe.host)) {
		fprintf(stderr, "%s is not a loopback address: not probed\n", probe.host);
		return 2;
	}
	if (argc > 2 &&
		(sscanf(argv[2], "%d-%d", &probe.first, &probe.last) != 2 || probe.first < 1 ||
			probe.last > 65535)) {
		fprintf(stderr, "%s: not a range like 1-1024\n", argv[2]);
		return 2;
	}
	r = awl_runner_run(&runner, look_at_all, NULL);
	return awl_runner_close(&runner) < 0 || r < 0;
}
