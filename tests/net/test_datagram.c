/* SPDX-License-Identifier: MIT */
/*
 * test_datagram.c - datagrams come whole and once, to whom they are for, and nothing that went
 * wrong can be taken for success. @reactors @thread @valgrind
 */
#include "support.h"

#include "reactor/op.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

/* --- what they are made with ------------------------------------------------------------------ */

static awl_datagram *open_with(const awl_datagram_options *o)
{
	awl_datagram *d = NULL;
	int r = awl_datagram_open(o, &d);

	if (r < 0)
		fail_msg("%s: %s", awl_error_name(r), awl_error_detail(r));
	return d;
}

static awl_datagram *open_at(const char *host)
{
	return open_with(&(awl_datagram_options){ .local_host = host });
}

static int port_of(awl_datagram *d)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;

	assert_int_equal(awl_datagram_getsockname(d, (void *)&a, &len), 0);
	return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					    : ((struct sockaddr_in6 *)&a)->sin6_port);
}

static awl_datagram *open_to(const char *host, awl_datagram *to)
{
	return open_with(&(awl_datagram_options){
		.local_host = host, .remote_host = host, .remote_port = port_of(to) });
}

static void end(awl_datagram *d)
{
	assert_int_equal(awl_datagram_close(d), 0);
	awl_datagram_unref(d);
}

static void assert_gets(awl_datagram *d, const char *words)
{
	char buf[100] = "";

	assert_int_equal(awl_datagram_recv(d, buf, sizeof buf, NULL), strlen(words));
	assert_string_equal(buf, words);
}

static void put(awl_datagram *d, const char *words)
{
	assert_int_equal(awl_datagram_send(d, words, strlen(words)), 0);
}

static bool has_ipv6(awl_loop *l)
{
	awl_datagram_options o = { .local_host = "::1" };
	awl_datagram *d;

	if (awl_datagram_open(&o, &d) < 0)
		return false;
	end(d);
	return true;
}

/* --- there and back --------------------------------------------------------------------------- */

static void talk(const char *host)
{
	awl_datagram *a = open_at(host), *b = open_to(host, a);
	struct sockaddr_storage from, name;
	socklen_t len = sizeof from, name_len = sizeof name;
	char buf[10] = "";
	size_t size;

	put(b, "one");
	assert_int_equal(awl_datagram_recvfrom(a, buf, sizeof buf, (void *)&from, &len, &size), 3);
	assert_int_equal(size, 3);
	assert_string_equal(buf, "one");
	assert_int_equal(awl_datagram_getsockname(b, (void *)&name, &name_len), 0);
	assert_int_equal(len, name_len);
	assert_memory_equal(&from, &name, len);
	assert_int_equal(awl_datagram_sendto(a, "two", 3, (void *)&from, len), 0);
	assert_gets(b, "two");
	name_len = sizeof name;
	assert_int_equal(awl_datagram_getpeername(a, (void *)&name, &name_len), -ENOTCONN);
	assert_int_equal(awl_datagram_getpeername(b, (void *)&name, &name_len), 0);
	end(a);
	end(b);
}

static int talk_body(void *arg)
{
	talk("127.0.0.1");
	if (has_ipv6(here()))
		talk("::1");
	return 0;
}

/* P21 */
static void a_datagram_goes_there_and_its_answer_back(void **state)
{
	in_loop(talk_body, NULL);
}

static int empty_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	size_t size = 7;

	assert_int_equal(awl_datagram_send(b, NULL, 0), 0);
	put(b, "more");
	assert_int_equal(awl_datagram_recv(a, NULL, 0, &size), 0);
	assert_int_equal(size, 0);
	assert_gets(a, "more");
	end(a);
	end(b);
	return 0;
}

static void one_without_content_is_no_end(void **state)
{
	in_loop(empty_body, NULL);
}

static int cut_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof from;
	char buf[8] = "-------";
	size_t size = 0;

	put(b, "too long");
	put(b, "too long");
	put(b, "right");
	assert_int_equal(awl_datagram_recv(a, buf, 3, &size), -EMSGSIZE);
	assert_string_equal(buf, "too----");
	assert_int_equal(size, 8);
	assert_non_null(strstr(awl_error_detail(-EMSGSIZE), "8 bytes"));
	size = 0;
	assert_int_equal(awl_datagram_recvfrom(a, buf, 4, (void *)&from, &len, &size), -EMSGSIZE);
	assert_string_equal(buf, "too ---");
	assert_int_equal(size, 8);
	assert_int_equal(ntohs(from.sin_port), port_of(b));
	assert_int_equal(awl_datagram_recv(a, buf, 5, &size), 5);
	end(a);
	end(b);
	return 0;
}

static void one_that_is_cut_off_is_a_failure_that_tells_how_long_it_was(void **state)
{
	in_loop(cut_body, NULL);
}

static int long_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	static char big[70000];

	assert_int_equal(awl_datagram_send(b, big, sizeof big), -EMSGSIZE);
	put(b, "next");
	assert_gets(a, "next");
	end(a);
	end(b);
	return 0;
}

static void one_that_is_too_long_is_not_sent(void **state)
{
	in_loop(long_body, NULL);
}

static int strangers_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram *c = open_at("127.0.0.1");
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;

	assert_int_equal(awl_datagram_getsockname(b, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(c, "stranger", 8, (void *)&at, len), 0);
	assert_int_equal(awl_datagram_sendto(a, "friend", 6, (void *)&at, len), 0);
	assert_gets(b, "friend");
	end(a);
	end(b);
	end(c);
	return 0;
}

static void a_connected_one_hears_its_peer_alone(void **state)
{
	in_loop(strangers_body, NULL);
}

static int target_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram *c = open_at("127.0.0.1");
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;

	assert_int_equal(awl_datagram_getsockname(c, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(b, "no", 2, (void *)&at, len), -EISCONN);
	assert_int_equal(awl_datagram_getpeername(b, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(b, "yes", 3, (void *)&at, len), 0);
	assert_gets(a, "yes");
	assert_int_equal(awl_datagram_send(a, "whom?", 5), -EDESTADDRREQ);
	end(a);
	end(b);
	end(c);
	return 0;
}

/* P21 */
static void a_connected_one_sends_to_its_peer_alone(void **state)
{
	in_loop(target_body, NULL);
}

/* The answer that nobody is there comes by itself, later on sim. */
static int refused_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	int port = port_of(a);
	char buf[4];

	end(a);
	put(b, "anybody?");
	assert_int_equal(awl_datagram_recv(b, buf, sizeof buf, NULL), -ECONNREFUSED);
	a = open_with(&(awl_datagram_options){ .local_host = "127.0.0.1", .local_port = port });
	put(b, "again");
	assert_gets(a, "again");
	end(a);
	end(b);
	return 0;
}

/* P21 */
static void a_refusal_is_told_once_and_then_it_goes_on(void **state)
{
	in_loop(refused_body, NULL);
}

/* --- who waits -------------------------------------------------------------------------------- */

struct receiver {
	awl_datagram *d;
	char buf[20];
	int value, next;
};

static int receive(void *arg)
{
	struct receiver *r = arg;

	r->value = awl_datagram_recv(r->d, r->buf, sizeof r->buf - 1, NULL);
	r->next = awl_yield();
	return r->next;
}

static awl_task *receiving(struct receiver *r, awl_datagram *d)
{
	awl_task *t;

	*r = (struct receiver){ .d = d };
	assert_int_equal(awl_create_task(receive, r, &t), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_yield(), 0);
	return t;
}

static int turns_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r[2];
	awl_task *t[2] = { receiving(&r[0], a), receiving(&r[1], a) };

	put(b, "first");
	put(b, "second");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl_await(t[i]), 0);
		assert_int_equal(awl_unref(t[i]), 0);
	}
	assert_true((strcmp(r[0].buf, "first") == 0 && strcmp(r[1].buf, "second") == 0) ||
		(strcmp(r[1].buf, "first") == 0 && strcmp(r[0].buf, "second") == 0));
	end(a);
	end(b);
	return 0;
}

static void several_may_receive_and_each_datagram_goes_to_one(void **state)
{
	in_loop(turns_body, NULL);
}

static int close_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");
	int fd = awl_datagram_fd(a);
	struct receiver r[2];
	awl_task *t[2] = { receiving(&r[0], a), receiving(&r[1], a) };
	char buf[4];

	assert_int_equal(awl_datagram_is_closing(a), 0);
	assert_int_equal(awl_datagram_close(a), 0);
	assert_int_equal(awl_datagram_is_closing(a), 1);
	assert_int_equal(awl_datagram_close(a), 0);
	assert_int_equal(awl_datagram_wait_closed(a), 0);
	if (!is_sim(here()))
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl_await(t[i]), 0);
		assert_int_equal(awl_unref(t[i]), 0);
		assert_int_equal(r[i].value, AWL_EDEAD);
	}
	assert_int_equal(awl_datagram_recv(a, buf, sizeof buf, NULL), AWL_EDEAD);
	assert_int_equal(awl_datagram_send(a, buf, sizeof buf), AWL_EDEAD);
	assert_int_equal(awl_datagram_fd(a), AWL_EDEAD);
	assert_int_equal(awl_datagram_join(a, "239.1.2.3", NULL), AWL_EDEAD);
	awl_datagram_unref(a);
	return 0;
}

static void a_close_ends_who_waits_and_then_closes_the_descriptor(void **state)
{
	in_loop(close_body, NULL);
}

static int dropped_body(void *arg)
{
	struct receiver r;
	awl_datagram *a = open_at("127.0.0.1");
	awl_task *t = receiving(&r, a);

	end(a); /* while a task is in it */
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(r.value, AWL_EDEAD);
	return awl_unref(t);
}

static void who_waits_in_it_may_outlive_the_last_reference(void **state)
{
	in_loop(dropped_body, NULL);
}

static int cancel_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r;
	awl_task *t = receiving(&r, a);

	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(r.value, AWL_ECANCELED);
	assert_int_equal(awl_unref(t), 0);
	put(b, "still here");
	assert_gets(a, "still here");
	end(a);
	end(b);
	return 0;
}

static void a_cancelled_receive_takes_nothing(void **state)
{
	in_loop(cancel_body, NULL);
}

/* Sent, and then cancelled, before the loop has looked: it is received, or there for the next. */
static int race_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r;
	awl_task *t = receiving(&r, a);

	put(b, "one");
	assert_int_equal(awl_cancel(t, NULL), 1);
	put(b, "two");
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_unref(t), 0);
	assert_true(r.value == 3 || r.value == AWL_ECANCELED);
	if (r.value < 0)
		assert_gets(a, "one");
	else
		assert_int_equal(r.next, AWL_ECANCELED);
	assert_gets(a, "two");
	end(a);
	end(b);
	return 0;
}

/* A7 */
static void what_has_come_before_the_cancel_is_received_or_left(void **state)
{
	for (int seed = 0; seed < 100; seed++) {
		awl_loop_options o = { .seed = (uint64_t)seed };

		assert_int_equal(awl_run_with(&o, race_body, NULL), 0);
	}
}

/* --- to many ---------------------------------------------------------------------------------- */

static int broadcast_body(void *arg)
{
	awl_datagram *a = open_at("0.0.0.0"), *shy = open_at("127.0.0.1");
	awl_datagram *loud = open_with(&(awl_datagram_options){
		.local_host = "127.0.0.1", .flags = AWL_DATAGRAM_BROADCAST });
	struct sockaddr_storage all;
	socklen_t len;

	/* sim's loopback has no broadcast. */
	assert_int_equal(awl_address(is_sim(here()) ? "10.0.0.255" : "127.255.255.255", port_of(a),
				 &all, &len),
		0);
	assert_int_equal(awl_datagram_sendto(shy, "hey", 3, (void *)&all, len), -EACCES);
	assert_int_equal(awl_datagram_sendto(loud, "hey", 3, (void *)&all, len), 0);
	assert_gets(a, "hey");
	end(a);
	end(shy);
	end(loud);
	return 0;
}

/* P21 */
static void broadcast_has_to_be_asked_for(void **state)
{
	in_loop(broadcast_body, NULL);
}

static void group_talk(const char *any, const char *group, const char *interface)
{
	awl_datagram_options o = { .local_host = any, .flags = AWL_DATAGRAM_REUSE_ADDRESS };
	awl_datagram *a = open_with(&o), *b, *from = open_at(any);
	struct sockaddr_storage to;
	socklen_t len;

	o.local_port = port_of(a);
	b = open_with(&o);
	assert_int_equal(awl_datagram_join(a, group, interface), 0);
	assert_int_equal(awl_datagram_join(a, group, interface), -EADDRINUSE);
	assert_int_equal(awl_datagram_join(b, group, interface), 0);
	assert_int_equal(awl_datagram_set_multicast_interface(from, interface), 0);
	assert_int_equal(awl_datagram_set_multicast_hops(from, 0), 0);
	assert_int_equal(awl_address(group, o.local_port, &to, &len), 0);
	assert_int_equal(awl_datagram_sendto(from, "all", 3, (void *)&to, len), 0);
	assert_gets(a, "all");
	assert_gets(b, "all");
	assert_int_equal(awl_datagram_leave(b, group, interface), 0);
	assert_int_equal(awl_datagram_leave(b, group, interface), -EADDRNOTAVAIL);
	end(a);
	end(b);
	end(from);
}

static int multicast_body(void *arg)
{
	group_talk("0.0.0.0", "239.1.2.3", "lo");
	if (is_sim(here()))
		group_talk("::", "ff01::1234", "lo");
	return 0;
}

static void members_of_a_group_get_what_is_sent_to_it(void **state)
{
	in_loop(multicast_body, NULL);
}

static int multicast6_body(void *arg)
{
	awl_datagram *a;

	if (!has_ipv6(here()))
		return 0;
	/* No route leads to groups on a loopback: nothing can be sent there. */
	a = open_at("::");
	assert_int_equal(awl_datagram_join(a, "ff01::1234", "lo"), 0);
	assert_int_equal(awl_datagram_join(a, "ff01::1234", "lo"), -EADDRINUSE);
	assert_int_equal(awl_datagram_set_multicast_interface(a, "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_hops(a, 0), 0);
	assert_int_equal(awl_datagram_set_multicast_loop(a, 0), 0);
	assert_int_equal(awl_datagram_leave(a, "ff01::1234", "lo"), 0);
	assert_int_equal(awl_datagram_leave(a, "ff01::1234", "lo"), -EADDRNOTAVAIL);
	end(a);
	return 0;
}

static void groups_of_ipv6_are_joined_and_left(void **state)
{
	in_loop(multicast6_body, NULL);
}

static int no_loop_body(void *arg)
{
	awl_datagram *a = open_at("0.0.0.0"), *from = open_at("127.0.0.1");
	struct sockaddr_storage group, own;
	socklen_t len;

	assert_int_equal(awl_datagram_join(a, "239.1.2.3", "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_interface(from, "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_loop(from, 0), 0);
	assert_int_equal(awl_address("239.1.2.3", port_of(a), &group, &len), 0);
	assert_int_equal(awl_address("127.0.0.1", port_of(a), &own, &len), 0);
	if (is_sim(here())) /* a real loopback loops by itself */
		assert_int_equal(awl_datagram_sendto(from, "group", 5, (void *)&group, len), 0);
	assert_int_equal(awl_datagram_sendto(from, "own", 3, (void *)&own, len), 0);
	assert_gets(a, "own");
	end(a);
	end(from);
	return 0;
}

static void who_wants_no_loop_does_not_reach_this_machine(void **state)
{
	in_loop(no_loop_body, NULL);
}

static int no_group_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");
	awl_datagram *u = open_with(&(awl_datagram_options){ .family = AF_UNIX });

	assert_int_equal(awl_datagram_join(a, "ff01::1", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_join(a, "localhost", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_join(a, "239.1.2.3", "no such"), -ENODEV);
	assert_int_equal(awl_datagram_join(u, "239.1.2.3", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_hops(a, 256), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_hops(a, -1), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_loop(u, 1), -EINVAL);
	end(a);
	end(u);
	return 0;
}

static void what_is_no_group_is_refused(void **state)
{
	in_loop(no_group_body, NULL);
}

/* --- many at once ----------------------------------------------------------------------------- */

#define MANY 100

static int many_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram_message m[MANY];
	int numbers[MANY], n, sent = -1;

	for (int i = 0; i < MANY; i++) {
		numbers[i] = i;
		m[i] = (awl_datagram_message){ &numbers[i], sizeof numbers[i], NULL, 0 };
	}
	assert_int_equal(awl_datagram_send_many(b, m, MANY, &sent), 0);
	assert_int_equal(sent, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(awl_datagram_recv(a, &n, sizeof n, NULL), sizeof n);
		assert_int_equal(n, i);
	}
	assert_int_equal(awl_datagram_send_many(b, m, 0, &sent), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(awl_datagram_send_many(b, m, -1, NULL), -EINVAL);
	end(a);
	end(b);
	return 0;
}

static void many_are_sent_in_their_order(void **state)
{
	in_loop(many_body, NULL);
}

static int to_each_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_at("127.0.0.1");
	awl_datagram *from = open_at("127.0.0.1");
	struct sockaddr_storage to[2];
	socklen_t len;

	assert_int_equal(awl_address("127.0.0.1", port_of(a), &to[0], &len), 0);
	assert_int_equal(awl_address("127.0.0.1", port_of(b), &to[1], &len), 0);
	{
		const awl_datagram_message m[] = { { "a", 1, (void *)&to[0], len },
			{ "b", 1, (void *)&to[1], len }, { "A", 1, (void *)&to[0], len } };

		assert_int_equal(awl_datagram_send_many(from, m, 3, NULL), 0);
	}
	assert_gets(a, "a");
	assert_gets(a, "A");
	assert_gets(b, "b");
	end(a);
	end(b);
	end(from);
	return 0;
}

static void many_may_go_to_different_addresses(void **state)
{
	in_loop(to_each_body, NULL);
}

static int midway_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	static char big[70000];
	const awl_datagram_message m[] = { { "1", 1, NULL, 0 }, { "2", 1, NULL, 0 },
		{ big, sizeof big, NULL, 0 }, { "4", 1, NULL, 0 } };
	int sent;

	assert_int_equal(awl_datagram_send_many(b, m, 4, &sent), -EMSGSIZE);
	assert_int_equal(sent, 2);
	assert_int_equal(awl_datagram_send_many(b, m + 3, 1, &sent), 0);
	assert_gets(a, "1");
	assert_gets(a, "2");
	assert_gets(a, "4");
	end(a);
	end(b);
	return 0;
}

static void where_one_of_many_is_refused_is_told(void **state)
{
	in_loop(midway_body, NULL);
}

/* The test runs on several reactors at the same time, and such names are one for the machine. */
static const char *own_name(char letter)
{
	static char names[26][40];

	snprintf(names[letter - 'a'], sizeof *names, "@awl-test-%c-%d", letter, (int)getpid());
	return names[letter - 'a'];
}

struct flood {
	awl_datagram *to;
	const char *path; /* NULL: to whom it is connected */
	int sent, value;
};

static int flood(void *arg)
{
	awl_datagram_message m[MANY];
	struct flood *f = arg;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len = 0;

	if (f->path) {
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(f->path));
		memcpy(to.sun_path + 1, f->path + 1, strlen(f->path) - 1);
	}
	for (int i = 0; i < MANY; i++)
		m[i] = (awl_datagram_message){ "x", 1, f->path ? (void *)&to : NULL, len };
	f->value = awl_datagram_send_many(f->to, m, MANY, &f->sent);
	return f->value;
}

/* Unix datagrams are not lost: the sender waits until there is room for the next few. */
static int room_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = own_name('r') });
	struct flood f = { .to = b };
	awl_task *t;

	assert_int_equal(awl_create_task(flood, &f, &t), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
	for (int i = 0; i < MANY; i++)
		assert_gets(a, "x");
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(f.sent, MANY);
	assert_int_equal(awl_unref(t), 0);
	end(a);
	end(b);
	return 0;
}

static void who_finds_no_room_waits_for_it(void **state)
{
	in_loop(room_body, NULL);
}

/* The same where the kernel does not say whose room it is. */
static int blind_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .family = AF_UNIX });
	struct flood f = { .to = b, .path = own_name('r') };
	awl_task *t;

	assert_int_equal(awl_create_task(flood, &f, &t), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
	for (int i = 0; i < MANY; i++)
		assert_gets(a, "x");
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(f.sent, MANY);
	assert_int_equal(awl_unref(t), 0);
	end(a);
	end(b);
	return 0;
}

static void who_is_not_connected_waits_for_room_too(void **state)
{
	in_loop(blind_body, NULL);
}

static void fill_up(awl_datagram *d)
{
	awl_timeout no;

	do
		assert_int_equal(awl_timeout_enter(&no, AWL_MS), 0);
	while (awl_timeout_exit(&no, awl_datagram_send(d, "x", 1)) == 0);
}

static int send_and_close(void *arg)
{
	int r = awl_datagram_send(arg, "x", 1);

	return r < 0 ? r : awl_datagram_close(arg);
}

/* Two are told of the room for one: who takes it closes the endpoint before the other looks. */
static int beaten_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = own_name('r') });
	awl_task *t[2];
	int r[2];

	fill_up(b);
	for (int i = 0; i < 2; i++)
		assert_int_equal(awl_create_task(send_and_close, b, &t[i]), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_gets(a, "x");
	assert_int_equal(awl_datagram_wait_closed(b), 0);
	for (int i = 0; i < 2; i++) {
		r[i] = awl_await(t[i]);
		assert_int_equal(awl_unref(t[i]), 0);
	}
	assert_int_equal(r[0] < r[1] ? r[0] : r[1], AWL_EDEAD);
	assert_int_equal(r[0] < r[1] ? r[1] : r[0], 0);
	awl_datagram_unref(b);
	end(a);
	return 0;
}

static void who_finds_no_room_where_another_closes_waits_no_more(void **state)
{
	in_loop(beaten_body, NULL);
}

static int cancelled_flood_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = own_name('r') });
	struct flood f = { .to = b };
	awl_task *t;

	assert_int_equal(awl_create_task(flood, &f, &t), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(f.value, AWL_ECANCELED);
	assert_true(f.sent > 0 && f.sent < MANY);
	assert_int_equal(awl_unref(t), 0);
	for (int i = 0; i < f.sent; i++)
		assert_gets(a, "x");
	put(b, "the next");
	assert_gets(a, "the next");
	end(a);
	end(b);
	return 0;
}

static void a_cancelled_sender_knows_how_many_went(void **state)
{
	in_loop(cancelled_flood_body, NULL);
}

/* --- unix ------------------------------------------------------------------------------------- */

static int unix_body(void *arg)
{
	const char *path = arg;
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = path });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = path });
	struct sockaddr_un from;
	socklen_t len = sizeof from;
	char buf[10], text[AWL_ADDRESS_TEXT];

	put(b, "hello");
	assert_int_equal(awl_datagram_recvfrom(a, buf, 10, (void *)&from, &len, NULL), 5);
	assert_true(len <= sizeof(sa_family_t)); /* it has none */
	len = sizeof from;
	assert_int_equal(awl_datagram_getsockname(a, (void *)&from, &len), 0);
	assert_string_equal(awl_address_text((void *)&from, len, text, sizeof text), path);
	end(b);
	end(a);
	/* What was left there is no obstacle. */
	a = open_with(&(awl_datagram_options){ .local_path = path });
	b = open_with(&(awl_datagram_options){ .local_path = own_name('b'), .remote_path = path });
	put(b, "named");
	len = sizeof from;
	assert_int_equal(awl_datagram_recvfrom(a, buf, 10, (void *)&from, &len, NULL), 5);
	assert_string_equal(awl_address_text((void *)&from, len, text, sizeof text), own_name('b'));
	end(b);
	end(a);
	return 0;
}

static void unix_datagrams_go_by_path(void **state)
{
	char place[] = "/tmp/awl-test-XXXXXX", path[64];

	assert_non_null(mkdtemp(place));
	snprintf(path, sizeof path, "%s/socket", place);
	in_loop(unix_body, path);
	unlink(path);
	rmdir(place);
}

static void unix_datagrams_go_by_an_abstract_name(void **state)
{
	in_loop(unix_body, (void *)(uintptr_t)own_name('a'));
}

/* --- making ----------------------------------------------------------------------------------- */

static int refuse_body(void *arg)
{
	static const awl_datagram_options rows[] = {
		{ .family = 0 },
		{ .family = AF_NETLINK },
		{ .local_port = 7, .family = AF_INET },
		{ .local_host = "localhost" },
		{ .local_host = "127.0.0.1", .local_port = 65536 },
		{ .local_host = "127.0.0.1", .remote_host = "::1", .remote_port = 7 },
		{ .local_host = "127.0.0.1", .local_path = "/run/x" },
		{ .local_host = "127.0.0.1", .remote_path = "/run/x" },
		{ .local_path = "" },
		{ .local_host = "127.0.0.1", .flags = 1 << 20 },
	};
	awl_datagram *d = NULL;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(awl_datagram_open(&rows[i], &d), -EINVAL);
		assert_true(strlen(awl_error_detail(-EINVAL)) > 20);
	}
	assert_int_equal(awl_datagram_open(NULL, &d), -EINVAL);
	assert_null(d);
	return 0;
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
	in_loop(refuse_body, NULL);
}

static int share_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = NULL;
	awl_datagram_options o = { .local_host = "127.0.0.1", .local_port = port_of(a) };

	assert_int_equal(awl_datagram_open(&o, &b), -EADDRINUSE);
	assert_non_null(strstr(awl_error_detail(-EADDRINUSE), "127.0.0.1:"));
	assert_null(b);
	end(a);
	o.local_port = 0;
	o.flags = AWL_DATAGRAM_REUSE_PORT;
	a = open_with(&o);
	o.local_port = port_of(a);
	b = open_with(&o);
	end(a);
	end(b);
	return 0;
}

/* P21 */
static void a_port_is_shared_where_both_want_it(void **state)
{
	in_loop(share_body, NULL);
}

static int from_fd_body(void *arg)
{
	const struct awl__net *net = here()->reactor->class->net;
	struct awl__reactor *r = here()->reactor;
	awl_datagram *a, *b, *none = NULL;
	int fds[2], streams[2], pipes[2];

	assert_int_equal(net->pair(r, AF_UNIX, SOCK_DGRAM, fds), 0);
	assert_int_equal(net->pair(r, AF_UNIX, SOCK_STREAM, streams), 0);
	if (!is_sim(here()))
		assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	assert_int_equal(awl_datagram_from_fd(fds[0], &a), 0);
	assert_int_equal(awl_datagram_from_fd(fds[1], &b), 0);
	assert_int_equal(awl_datagram_fd(a), fds[0]);
	if (!is_sim(here()))
		assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	put(a, "through");
	assert_gets(b, "through");
	assert_int_equal(awl_datagram_from_fd(fds[0], &none), -EBUSY);
	assert_int_equal(awl_datagram_from_fd(streams[0], &none), -EINVAL);
	assert_int_equal(awl_datagram_from_fd(-1, &none), -EBADF);
	make_pipe(here(), pipes);
	assert_int_equal(awl_datagram_from_fd(pipes[0], &none), -ENOTSOCK);
	assert_null(none);
	close_pipe(here(), pipes);
	assert_int_equal(net->close(r, streams[0]), 0);
	assert_int_equal(net->close(r, streams[1]), 0);
	end(a);
	end(b);
	return 0;
}

static void a_socket_becomes_its_own(void **state)
{
	in_loop(from_fd_body, NULL);
}

static int forgotten_body(void *arg)
{
	awl_datagram_unref(open_at("127.0.0.1"));
	return 0;
}

static void one_that_nobody_closed_is_closed_and_told_of(void **state)
{
	struct heard h;

	listen_to_awl(&h);
	in_loop(forgotten_body, NULL);
	stop_listening();
	assert_heard(&h, "was never closed: awl_datagram_close it");
}

static awl_datagram *kept;
static int kept_fd;

static int left_body(void *arg)
{
	assert_int_equal(awl_loop_set_debug(here(), 1), 0);
	kept = open_at("127.0.0.1");
	kept_fd = awl_datagram_fd(kept);
	return 0;
}

static void one_left_open_is_closed_with_its_loop(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct heard h;

	assert_int_equal(awl_loop_run_until_complete(l, left_body, NULL), 0);
	listen_to_awl(&h);
	assert_int_equal(awl_loop_close(l), 0);
	stop_listening();
	assert_heard(&h, "still open as its loop closes");
	if (!is_sim(l))
		assert_int_equal(fcntl(kept_fd, F_GETFD), -1);
	awl_datagram_unref(kept);
	awl_loop_unref(l);
}

static int faults_body(void *arg)
{
	awl_datagram_options o = { .local_host = "127.0.0.1" };
	awl_datagram *d = NULL;
	int64_t n = 0;
	int r;

	do {
		d = NULL;
		awl_test_fail_alloc(++n);
		r = awl_datagram_open(&o, &d);
		if (r == 0)
			end(d);
		else
			assert_int_equal(r, -ENOMEM);
	} while (awl_test_fail_alloc(0) >= n);
	return 0;
}

static void without_memory_none_is_opened_and_nothing_leaks(void **state)
{
	in_loop(faults_body, NULL);
}

static int ref_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");

	assert_ptr_equal(awl_datagram_ref(a), a);
	end(a);
	assert_int_equal(awl_datagram_is_closing(a), 1);
	awl_datagram_unref(a);
	awl_datagram_unref(NULL);
	return 0;
}

static void it_lives_as_long_as_somebody_has_it(void **state)
{
	in_loop(ref_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_goes_there_and_its_answer_back),
		cmocka_unit_test(one_without_content_is_no_end),
		cmocka_unit_test(one_that_is_cut_off_is_a_failure_that_tells_how_long_it_was),
		cmocka_unit_test(one_that_is_too_long_is_not_sent),
		cmocka_unit_test(a_connected_one_hears_its_peer_alone),
		cmocka_unit_test(a_connected_one_sends_to_its_peer_alone),
		cmocka_unit_test(a_refusal_is_told_once_and_then_it_goes_on),
		cmocka_unit_test(several_may_receive_and_each_datagram_goes_to_one),
		cmocka_unit_test(a_close_ends_who_waits_and_then_closes_the_descriptor),
		cmocka_unit_test(who_waits_in_it_may_outlive_the_last_reference),
		cmocka_unit_test(a_cancelled_receive_takes_nothing),
		cmocka_unit_test(what_has_come_before_the_cancel_is_received_or_left),
		cmocka_unit_test(broadcast_has_to_be_asked_for),
		cmocka_unit_test(members_of_a_group_get_what_is_sent_to_it),
		cmocka_unit_test(groups_of_ipv6_are_joined_and_left),
		cmocka_unit_test(who_wants_no_loop_does_not_reach_this_machine),
		cmocka_unit_test(what_is_no_group_is_refused),
		cmocka_unit_test(many_are_sent_in_their_order),
		cmocka_unit_test(many_may_go_to_different_addresses),
		cmocka_unit_test(where_one_of_many_is_refused_is_told),
		cmocka_unit_test(who_finds_no_room_waits_for_it),
		cmocka_unit_test(who_is_not_connected_waits_for_room_too),
		cmocka_unit_test(who_finds_no_room_where_another_closes_waits_no_more),
		cmocka_unit_test(a_cancelled_sender_knows_how_many_went),
		cmocka_unit_test(unix_datagrams_go_by_path),
		cmocka_unit_test(unix_datagrams_go_by_an_abstract_name),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
		cmocka_unit_test(a_port_is_shared_where_both_want_it),
		cmocka_unit_test(a_socket_becomes_its_own),
		cmocka_unit_test(one_that_nobody_closed_is_closed_and_told_of),
		cmocka_unit_test(one_left_open_is_closed_with_its_loop),
		cmocka_unit_test(without_memory_none_is_opened_and_nothing_leaks),
		cmocka_unit_test(it_lives_as_long_as_somebody_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
