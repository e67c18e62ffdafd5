/* SPDX-License-Identifier: MIT */
/*
 * lookups.h - what the tests of names share: a resolver that does as it is told and stands at a
 * gate, and tasks that ask it.
 */
#ifndef TEST_LOOKUPS_H
#define TEST_LOOKUPS_H

#include "support.h"

#include "net/names.h"
#include "thread/gate.h"

/* --- a resolver that does as it is told ------------------------------------------------------- */

static struct gate gate;
static atomic_int answers;
static int error_of_names, errno_of_names;

static inline int stub(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME };

	if (error_of_names) {
		errno = errno_of_names;
		return error_of_names;
	}
	atomic_fetch_add(&answers, 1);
	return getaddrinfo("192.0.2.7", "7", &numeric, ret);
}

static inline int slow_stub(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	stand(&gate);
	return stub(host, service, hints, ret);
}

static inline int stub_back(const struct sockaddr *addr, socklen_t len, char *host,
	socklen_t host_size, char *service, socklen_t service_size, int flags)
{
	snprintf(host, host_size, "seven.example");
	snprintf(service, service_size, "echo");
	return error_of_names;
}

static inline int slow_stub_back(const struct sockaddr *addr, socklen_t len, char *host,
	socklen_t host_size, char *service, socklen_t service_size, int flags)
{
	stand(&gate);
	return stub_back(addr, len, host, host_size, service, service_size, flags);
}

static inline int with_system(void **state)
{
	gate = (struct gate)GATE;
	error_of_names = errno_of_names = 0;
	atomic_store(&answers, 0);
	awl__resolver = (struct awl__resolver){ getaddrinfo, getnameinfo };
	return 0;
}

static inline int with_stub(void **state)
{
	with_system(state);
	awl__resolver = (struct awl__resolver){ stub, stub_back };
	return 0;
}

static inline int with_slow_stub(void **state)
{
	with_system(state);
	awl__resolver = (struct awl__resolver){ slow_stub, slow_stub_back };
	return 0;
}

static inline const char *first_of(const struct addrinfo *list)
{
	static char text[AWL_ADDRESS_TEXT];

	return awl_address_text(list->ai_addr, list->ai_addrlen, text, sizeof text);
}

/* --- who asks it ------------------------------------------------------------------------------ */

struct asker {
	bool leaves, done;
	int value, next;
	int64_t took;
};

static inline int ask(void *arg)
{
	struct asker *a = arg;
	struct addrinfo *list = NULL;
	int64_t began = awl_loop_time(here());

	a->value = a->leaves ? awl_getaddrinfo_abandonable("seven.example", "7", NULL, &list)
			     : awl_getaddrinfo("seven.example", "7", NULL, &list);
	a->took = awl_loop_time(here()) - began;
	a->done = true;
	if (a->value == 0)
		awl_freeaddrinfo(list);
	a->next = awl_yield();
	return a->next;
}

static inline int ask_back(void *arg)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct asker *a = arg;
	char host[40];

	a->value = a->leaves
		? awl_getnameinfo_abandonable((void *)&addr, sizeof addr, host, 40, NULL, 0, 0)
		: awl_getnameinfo((void *)&addr, sizeof addr, host, 40, NULL, 0, 0);
	a->done = true;
	a->next = awl_yield();
	return a->next;
}

#define SYSTEM(test) cmocka_unit_test_setup(test, with_system)
#define STUB(test) cmocka_unit_test_setup(test, with_stub)
#define SLOW(test) cmocka_unit_test_setup(test, with_slow_stub)

#endif
