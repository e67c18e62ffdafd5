/* SPDX-License-Identifier: MIT */
/*
 * @reactors @timeout 120
 * test_faults.c - no memory: servers, clients, streams and datagrams, with each of their requests
 * for memory refused in turn, and with all from one on. It is told; no task, descriptor or block is
 * left; and the next try, in the same loop, works.
 */
#include "faults.h"

#include "net/stream.h"
#include "pool/pool.h"
#include "reactor/sim.h"

#include <sys/mman.h>
#include <sys/un.h>

/* --- a part in a loop of its own --- */

static awl_fn *part;
static int told; /* to the exception handler */
static awl_task *client; /* which waits for a server */

/* Who cannot be served now would wait a second for it. */
static void hear_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	told = e->error;
	if (client)
		awl_cancel(client, "the server has no memory");
}

/* What the want of memory did to the other end is the want of memory. */
static int reason(int r)
{
	if (refused && (r == -ECONNREFUSED || r == -ETIMEDOUT))
		return -ENOMEM;
	return r < 0 && told == -ENOMEM ? -ENOMEM : r;
}

static void assert_nothing_stays(awl_loop *l)
{
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(l->live, 1);
	assert_int_equal(l->kept, 1);
	assert_true(awl__list_empty(&l->open[AWL__OPEN_STREAMS].all));
	if (is_sim(l))
		assert_int_equal(((struct awl__sim *)l->reactor)->used, 0);
}

static int run_part(void *arg)
{
	int r;

	assert_int_equal(awl_loop_set_exception_handler(here(), hear_exception, NULL), 0);
	told = 0;
	r = part(NULL);
	if (r < 0 && refused) {
		memory_is_back();
		assert_nothing_stays(here());
		told = 0;
		assert_int_equal(part(NULL), 0);
		assert_int_equal(told, 0);
	}
	assert_nothing_stays(here());
	return r;
}

static int in_a_loop(void)
{
	awl_loop *l;
	int r, closed;

	TRY(awl_loop_new(NULL, &l));
	r = awl_loop_run_until_complete(l, run_part, NULL);
	closed = awl_loop_close(l);
	if (closed < 0) {
		assert_int_equal(closed, -ENOMEM);
		memory_is_back();
		assert_int_equal(awl_loop_close(l), 0);
	}
	memory_is_back();
	awl_loop_unref(l);
	awl__pool_drain(); /* of look-ups that were left */
	return r < 0 ? r : closed;
}

static void refuse_each(awl_fn *fn, int at_least)
{
	part = fn;
	for_every_n(in_a_loop, at_least, false);
	for_every_n(in_a_loop, at_least, true);
}

/* --- a server and its client --- */

static int echo(awl_stream *s, void *arg)
{
	const char *line;
	int n;

	while ((n = awl_stream_readline(s, &line)) > 0)
		if ((n = awl_stream_write_all(s, line, (size_t)n, NULL)) < 0)
			break;
	return n;
}

static int talk(awl_stream *s)
{
	const char *line;
	int n;

	TRY(awl_stream_write_all(s, "hello\n", 6, NULL));
	n = awl_stream_readline(s, &line);
	return n < 0 ? n : n == 6 ? 0 : AWL_EINCOMPLETE;
}

static int with_client(int (*connect)(void *arg, awl_stream **ret), void *arg)
{
	awl_stream *s = NULL;
	int r;

	client = awl_current_task();
	r = connect(arg, &s);
	if (r == 0)
		r = talk(s);
	if (s) {
		awl_stream_abort(s);
		awl_stream_unref(s);
	}
	if (told)
		awl_uncancel(client);
	client = NULL;
	return reason(r);
}

static void end(awl_server *server)
{
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_server_close_clients(server), 0);
	while (awl_server_wait_closed(server) < 0)
		assert_true(refused > 0);
	awl_server_unref(server);
}

struct target {
	const char *host;
	int port;
};

static int dial(void *arg, awl_stream **ret)
{
	const struct target *to = arg;

	return awl_open_connection(to->host, to->port, ret);
}

static int serve(const awl_server_options *o, const char *host)
{
	struct target to = { host, 0 };
	awl_server *server = NULL;
	int r = awl_start_server_with(o, echo, NULL, &server);

	if (r < 0) {
		assert_null(server);
		return r;
	}
	to.port = awl_server_port(server);
	r = with_client(dial, &to);
	end(server);
	return r;
}

static int by_numbers(void *arg)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	awl_server_options o = { .hosts = hosts, .host_count = 2 };

	return serve(&o, "::1");
}

static void without_memory_a_server_starts_or_says_so(void **state)
{
	refuse_each(by_numbers, 12);
}

/* Both addresses of the client's name are tried, and nobody is at the first of them. */
static int by_names(void *arg)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "localhost" };
	awl_server_options o = { .hosts = hosts, .host_count = 3 };

	TRY(serve(&o, "127.0.0.1"));
	o.hosts = &hosts[1];
	o.host_count = 1;
	return serve(&o, "localhost");
}

static void without_memory_names_are_found_or_it_is_told(void **state)
{
	refuse_each(by_names, 20);
}

static int listening(int *ret)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = awl_socket(AF_INET, SOCK_STREAM, 0), r;

	if (fd < 0)
		return fd;
	r = awl_sock_bind(fd, (struct sockaddr *)&at, sizeof at);
	if (r == 0)
		r = awl_sock_listen(fd, 5);
	if (r < 0)
		assert_int_equal(awl_sock_close(fd), 0);
	*ret = fd;
	return r;
}

static int adopted(void *arg)
{
	int fd, r;
	awl_server_options o = { .fds = &fd, .fd_count = 1 };
	struct target to = { "127.0.0.1", 0 };
	awl_server *server;

	TRY(listening(&fd));
	r = awl_start_server_with(&o, echo, NULL, &server);
	if (r < 0) {
		assert_int_equal(awl_sock_close(fd), 0); /* still ours */
		return r;
	}
	to.port = awl_server_port(server);
	r = with_client(dial, &to);
	end(server);
	return r;
}

static void without_memory_a_socket_is_adopted_or_the_callers(void **state)
{
	refuse_each(adopted, 10);
}

static int dial_path(void *arg, awl_stream **ret)
{
	return awl_open_unix_connection(arg, ret);
}

static int at_path(void *arg)
{
	char path[64];
	awl_server *server;
	int r;

	snprintf(path, sizeof path, "%sawl-faults-%d", is_sim(here()) ? "@" : "/tmp/",
		(int)getpid());
	r = awl_start_unix_server(echo, NULL, path, &server);
	if (r == 0) {
		r = with_client(dial_path, path);
		end(server);
	}
	assert_int_equal(access(path, F_OK), -1);
	return r;
}

static void without_memory_a_socket_file_is_not_left(void **state)
{
	refuse_each(at_path, 10);
}

/* --- streams --- */

#define MUCH 300000

static int take_all(void *arg)
{
	size_t len = 0;
	void *data;

	TRY(awl_stream_read_to_end(arg, 2 * MUCH, &data, &len));
	awl_free(data);
	return len == MUCH ? 0 : AWL_EINCOMPLETE;
}

static int give_much(void *arg)
{
	static const char much[MUCH];

	TRY(awl_stream_write_buffered(arg, much, sizeof much));
	TRY(awl_stream_drain(arg));
	return awl_stream_write_eof(arg);
}

static int give_file(void *arg)
{
	int64_t done = 0;
	int file = memfd_create("much", MFD_CLOEXEC), r;

	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, MUCH), 0);
	r = awl_stream_sendfile(arg, file, 0, 0, &done);
	assert_int_equal(close(file), 0);
	return r < 0 ? r : awl_stream_write_eof(arg);
}

/* Where one has no memory the other is stopped. */
static int both(awl_fn *give, awl_stream *from, awl_fn *take, awl_stream *to)
{
	awl_job jobs[] = { { .fn = take, .arg = to }, { .fn = give, .arg = from } };

	return awl_gather(jobs, 2, AWL_CANCEL_SIBLINGS);
}

static int lines(awl_stream *a, awl_stream *b)
{
	const char *line;
	const void *data;
	int64_t copied;

	TRY(awl_stream_write_buffered(a, "one\ntwo;three", 13));
	TRY(awl_stream_readline(b, &line));
	TRY(awl_stream_readuntil(b, ";", 1, &line));
	TRY(awl_stream_peek(b, &data));
	TRY(awl_stream_write_eof(a));
	TRY(awl_copy(b, b, &copied));
	return copied == 5 && awl_stream_peek(a, &data) == 5 ? 0 : AWL_EINCOMPLETE;
}

static int make_pair(bool memory, awl_stream *s[2])
{
	int fds[2], r;

	if (memory)
		return awl_stream_pair(s);
	TRY(awl_socketpair(AF_UNIX, SOCK_STREAM, fds));
	for (int i = 0; i < 2; i++) {
		r = awl_stream_open(fds[i], &s[i]);
		if (r == 0)
			continue;
		for (int j = i; j < 2; j++)
			assert_int_equal(awl_sock_close(fds[j]), 0);
		return r;
	}
	return 0;
}

static int live(bool memory, int (*life)(awl_stream *a, awl_stream *b))
{
	awl_stream *s[2] = { NULL, NULL };
	int r = make_pair(memory, s);

	if (r == 0)
		r = life(s[0], s[1]);
	for (int i = 0; i < 2; i++) {
		if (s[i])
			awl_stream_abort(s[i]);
		awl_stream_unref(s[i]);
	}
	return r;
}

static int by_buffer(awl_stream *a, awl_stream *b)
{
	return both(give_much, a, take_all, b);
}

static int by_file(awl_stream *a, awl_stream *b)
{
	return both(give_file, a, take_all, b);
}

static int streams(void *arg)
{
	for (int memory = 0; memory < 2; memory++) {
		TRY(live(memory, lines));
		TRY(live(memory, by_buffer));
		TRY(live(memory, by_file));
	}
	return 0;
}

static void without_memory_each_call_of_a_stream_says_so(void **state)
{
	refuse_each(streams, 20);
}

/* a - b, c - d: what a says comes out of d, and back. */
struct proxied {
	awl_stream *s[4];
};

static int copies(void *arg)
{
	struct proxied *p = arg;

	return awl_copy_both(p->s[1], p->s[2], NULL, NULL);
}

static int asks_through(void *arg)
{
	struct proxied *p = arg;
	char c[4];

	TRY(awl_stream_write_all(p->s[0], "ping", 4, NULL));
	TRY(awl_stream_readexactly(p->s[3], c, 4, NULL));
	TRY(awl_stream_write_all(p->s[3], "pong", 4, NULL));
	TRY(awl_stream_readexactly(p->s[0], c, 4, NULL));
	TRY(awl_stream_write_eof(p->s[0]));
	return awl_stream_write_eof(p->s[3]);
}

static int proxy(void *arg)
{
	struct proxied p = { { NULL } };
	awl_job jobs[] = { { .fn = copies, .arg = &p }, { .fn = asks_through, .arg = &p } };
	int r = make_pair(false, &p.s[0]);

	if (r == 0)
		r = make_pair(true, &p.s[2]);
	if (r == 0)
		r = awl_gather(jobs, 2, AWL_CANCEL_SIBLINGS);
	for (int i = 0; i < 4; i++) {
		if (p.s[i])
			awl_stream_abort(p.s[i]);
		awl_stream_unref(p.s[i]);
	}
	return r;
}

static void without_memory_a_copy_ends_with_both_ways(void **state)
{
	refuse_each(proxy, 10);
}

/* --- datagrams --- */

static int send_three(awl_datagram *d)
{
	awl_datagram_message m[3] = { { "one", 3, NULL, 0 }, { "two", 3, NULL, 0 },
		{ "six", 3, NULL, 0 } };
	char buf[8];
	int done;

	TRY(awl_datagram_send(d, "zero", 4));
	TRY(awl_datagram_recv(d, buf, sizeof buf, NULL));
	TRY(awl_datagram_send_many(d, m, 3, &done));
	for (int i = 0; i < 3; i++)
		TRY(awl_datagram_recv(d, buf, sizeof buf, NULL));
	return 0;
}

static int to_itself(awl_datagram *d)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	char buf[8];

	TRY(awl_datagram_getsockname(d, (struct sockaddr *)&at, &len));
	TRY(awl_datagram_sendto(d, "me", 2, (struct sockaddr *)&at, len));
	return awl_datagram_recvfrom(d, buf, sizeof buf, (struct sockaddr *)&at, &len, NULL);
}

static int endpoint(const awl_datagram_options *o, int (*use)(awl_datagram *d))
{
	awl_datagram *d = NULL;
	int r = awl_datagram_open(o, &d);

	if (r < 0) {
		assert_null(d);
		return r;
	}
	r = use(d);
	assert_int_equal(awl_datagram_close(d), 0);
	awl_datagram_unref(d);
	return r < 0 ? r : 0;
}

static int datagrams(void *arg)
{
	char path[64];
	awl_datagram_options ip = { .local_host = "127.0.0.1" };
	awl_datagram_options local = { .local_path = path, .remote_path = path };

	snprintf(path, sizeof path, "@awl-faults-%d", (int)getpid());
	TRY(endpoint(&ip, to_itself));
	return endpoint(&local, send_three);
}

static void without_memory_each_call_of_an_endpoint_says_so(void **state)
{
	refuse_each(datagrams, 8);
}

/* --- several loops --- */

static int port;

static void hear_nothing(awl_loop *l, const awl_exception *e, void *arg)
{
}

/* Its thread's requests alone are refused, in turn. */
static int tries_to_serve(awl_workers *workers, int index, void *arg)
{
	static const char *const hosts[] = { "127.0.0.1" };
	awl_server_options o = {
		.hosts = hosts, .host_count = 1, .port = port, .flags = AWL_SERVER_REUSE_PORT
	};
	int64_t n = 0, made;
	int r;

	assert_int_equal(awl_loop_set_exception_handler(here(), hear_nothing, NULL), 0);
	do {
		awl_server *server = NULL;

		awl_test_fail_alloc(++n);
		r = awl_start_server_with(&o, echo, NULL, &server);
		made = awl_test_fail_alloc(0);
		assert_true(r == 0 || (r == -ENOMEM && !server));
		if (server)
			end(server);
		assert_nothing_stays(here());
	} while (made >= n);
	return r;
}

static void without_memory_one_loops_server_is_no_others_matter(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const awl_workers_options o = { .count = 3 };
	const char *reactor = getenv("AWL_REACTOR");
	socklen_t len = sizeof at;
	int fd, one = 1;

	if (reactor && !strcmp(reactor, "sim"))
		skip();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	port = ntohs(at.sin_port);
	assert_int_equal(awl_workers_run(&o, tries_to_serve, NULL), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_a_server_starts_or_says_so),
		cmocka_unit_test(without_memory_names_are_found_or_it_is_told),
		cmocka_unit_test(without_memory_a_socket_is_adopted_or_the_callers),
		cmocka_unit_test(without_memory_a_socket_file_is_not_left),
		cmocka_unit_test(without_memory_each_call_of_a_stream_says_so),
		cmocka_unit_test(without_memory_a_copy_ends_with_both_ways),
		cmocka_unit_test(without_memory_each_call_of_an_endpoint_says_so),
		cmocka_unit_test(without_memory_one_loops_server_is_no_others_matter),
	};

	count_blocks();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
