/* SPDX-License-Identifier: MIT */
/*
 * @reactors @thread
 * test_server_loops.c - one port, several loops: a server each at a shared port, or each at the
 * same listening socket.
 */
#include "clients.h"

#include <stdatomic.h>

#define LOOPS 3
#define CLIENTS 60

struct farm {
	int port;
	int listening; /* the shared socket; -1: each has its own */
	_Atomic int serving, served[LOOPS];
};

struct plot {
	struct farm *farm;
	int index;
};

static int counts(awl_stream *s, void *arg)
{
	struct plot *plot = arg;

	atomic_fetch_add(&plot->farm->served[plot->index], 1);
	return echo(s, NULL);
}

static awl_server *serve_farm(struct plot *plot)
{
	static const char *const host[] = { "127.0.0.1" };
	const struct farm *farm = plot->farm;
	awl_server_options o = { .flags = AWL_SERVER_REUSE_PORT };
	int fd;

	if (farm->listening < 0) {
		o.hosts = host;
		o.host_count = 1;
		o.port = farm->port;
	} else {
		fd = fcntl(farm->listening, F_DUPFD_CLOEXEC, 0);
		assert_true(fd >= 0);
		o.fds = &fd;
		o.fd_count = 1;
	}
	return serve_with(&o, counts, plot);
}

static void call_all(const struct farm *farm)
{
	awl_stream *s[CLIENTS];

	for (size_t i = 0; i < COUNT(s); i++) {
		s[i] = open_to("127.0.0.1", farm->port);
		assert_echoes(s[i], "whoever you are");
	}
	for (size_t i = 0; i < COUNT(s); i++)
		end_client(s[i]);
}

static int worker(awl_workers *workers, int index, void *arg)
{
	struct plot plot = { arg, index };
	awl_server *server = serve_farm(&plot);
	int r;

	atomic_fetch_add(&plot.farm->serving, 1);
	if (index > 0) {
		r = awl_server_serve_forever(server);
		awl_server_unref(server);
		return r;
	}
	while (atomic_load(&plot.farm->serving) < LOOPS)
		settle();
	call_all(plot.farm);
	end_server(server);
	return awl_workers_stop(workers, "all were served");
}

static void run_farm(struct farm *farm)
{
	const awl_workers_options o = { .count = LOOPS };
	int sum = 0;

	assert_int_equal(awl_workers_run(&o, worker, farm), 0);
	for (int i = 0; i < LOOPS; i++)
		sum += farm->served[i];
	assert_int_equal(sum, CLIENTS);
}

/* A port that is ours and that others of us may listen at. */
static int reserve(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	socklen_t len = sizeof *at;

	*at = loopback(0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
	assert_int_equal(bind(fd, ADDRESS(*at), sizeof *at), 0);
	assert_int_equal(getsockname(fd, ADDRESS(*at), &len), 0);
	return fd;
}

/* P17: reuse_port */
static void loops_share_a_port_each_with_a_server_of_its_own(void **state)
{
	struct sockaddr_in at;
	struct farm farm = { .listening = -1 };
	int fd;

	REAL_KERNEL();
	fd = reserve(&at);
	farm.port = ntohs(at.sin_port);
	run_farm(&farm);
	for (int i = 0; i < LOOPS; i++)
		assert_true(farm.served[i] > 0); /* the kernel spreads them */
	close(fd);
}

static void loops_share_one_listening_socket(void **state)
{
	struct sockaddr_in at;
	struct farm farm = { .listening = -1 };

	REAL_KERNEL();
	farm.listening = reserve(&at);
	farm.port = ntohs(at.sin_port);
	assert_int_equal(listen(farm.listening, 100), 0);
	run_farm(&farm);
	close(farm.listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_share_a_port_each_with_a_server_of_its_own),
		cmocka_unit_test(loops_share_one_listening_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
