/* SPDX-License-Identifier: MIT */
/*
 * datagrams.h - datagram endpoints for tests, a line each: opened, asked for their port, ended, and
 * what one sends and another gets.
 */
#ifndef TEST_DATAGRAMS_H
#define TEST_DATAGRAMS_H

#include "support.h"

#include <netinet/in.h>

static inline awl_datagram *open_with(const awl_datagram_options *o)
{
	awl_datagram *d = NULL;
	int r = awl_datagram_open(o, &d);

	if (r < 0)
		fail_msg("%s: %s", awl_error_name(r), awl_error_detail(r));
	return d;
}

static inline awl_datagram *open_at(const char *host)
{
	return open_with(&(awl_datagram_options){ .local_host = host });
}

static inline int port_of(awl_datagram *d)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;

	assert_int_equal(awl_datagram_getsockname(d, (void *)&a, &len), 0);
	return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					    : ((struct sockaddr_in6 *)&a)->sin6_port);
}

static inline awl_datagram *open_to(const char *host, awl_datagram *to)
{
	return open_with(&(awl_datagram_options){
		.local_host = host, .remote_host = host, .remote_port = port_of(to) });
}

static inline void end(awl_datagram *d)
{
	assert_int_equal(awl_datagram_close(d), 0);
	awl_datagram_unref(d);
}

static inline void assert_gets(awl_datagram *d, const char *words)
{
	char buf[100] = "";

	assert_int_equal(awl_datagram_recv(d, buf, sizeof buf, NULL), strlen(words));
	assert_string_equal(buf, words);
}

static inline void put(awl_datagram *d, const char *words)
{
	assert_int_equal(awl_datagram_send(d, words, strlen(words)), 0);
}

static inline bool has_ipv6(awl_loop *l)
{
	awl_datagram_options o = { .local_host = "::1" };
	awl_datagram *d;

	if (awl_datagram_open(&o, &d) < 0)
		return false;
	end(d);
	return true;
}

/* The test runs on several reactors at the same time, and such names are one for the machine. */
static inline const char *own_name(char letter)
{
	static char names[26][40];

	snprintf(names[letter - 'a'], sizeof *names, "@awl-test-%c-%d", letter, (int)getpid());
	return names[letter - 'a'];
}

#endif
