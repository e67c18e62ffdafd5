/* SPDX-License-Identifier: MIT */
/*
 * eyeballs.c - the first of a name's addresses that answers (RFC 8305): families in turn, the next
 * one begun when the last has failed or seems slow; the losers are cancelled, joined and closed.
 */
#include "base/alloc.h"
#include "net/connect.h"
#include "net/literal.h"

#include <awl/combine.h>

#include <arpa/inet.h>
#include <stdio.h>

struct attempt {
	struct awl__way way;
	struct sockaddr_storage from;
};

struct attempts {
	size_t n;
	struct attempt *all;
	awl_job *jobs;
};

static int attempt(void *arg)
{
	const struct attempt *a = arg;
	struct awl__task *t;
	int r = awl__self(&t, __func__);

	if (r == 0)
		r = awl__wait_begin(t);
	return r < 0 ? r : awl__connect(t, &a->way);
}

/* --- in which order -----------------------------------------------------------------------------
 */

static const struct addrinfo *of_family(const struct addrinfo *a, int family, bool same)
{
	while (a && (a->ai_family == family) != same)
		a = a->ai_next;
	return a;
}

static void add(struct attempts *as, const struct addrinfo *to, const struct awl__eyeballs *e)
{
	struct attempt *a = &as->all[as->n];

	a->way = (struct awl__way){ .to = to->ai_addr, .to_len = to->ai_addrlen };
	a->from = *e->local;
	if (!a->from.ss_family && e->local_port) {
		a->from.ss_family = to->ai_addr->sa_family; /* any address, this port */
		awl__address_set_port(&a->from, e->local_port);
	}
	if (a->from.ss_family) {
		a->way.from = (const struct sockaddr *)&a->from;
		a->way.from_len = awl__address_len(&a->from);
	}
	as->jobs[as->n++] = (awl_job){ .fn = attempt, .arg = a };
}

/* The resolver's order, but that two families take turns, that of its first address beginning. */
static void interleave(struct attempts *as, const struct awl__eyeballs *e)
{
	int family = e->addresses->ai_family;
	const struct addrinfo *next[] = { e->addresses, of_family(e->addresses, family, false) };

	for (int turn = 0; next[0] || next[1]; turn = !turn) {
		const struct addrinfo *a = next[turn];

		if (!a)
			continue;
		add(as, a, e);
		next[turn] = of_family(a->ai_next, family, turn == 0);
	}
}

/* --- what became of them ------------------------------------------------------------------------
 */

static const char *address_words(const struct sockaddr *a, char *buf, socklen_t size)
{
	const void *ip = a->sa_family == AF_INET
		? (const void *)&((const struct sockaddr_in *)a)->sin_addr
		: (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;

	return inet_ntop(a->sa_family, ip, buf, size) ? buf : "?";
}

/* "connect to example.org:80: 10.0.0.1: Connection refused; ::1: Network is unreachable" */
static AWL__COLD int fail(
	int err, const struct attempts *as, const struct awl__eyeballs *e, const char *call)
{
	char words[sizeof(((struct awl__detail *)0)->words)], ip[INET6_ADDRSTRLEN];
	size_t len = 0;

	words[0] = 0;
	for (size_t i = 0; i < as->n && len < sizeof words; i++) {
		int result = as->jobs[i].result, n;

		if (result == AWL_EPENDING)
			continue;
		n = snprintf(words + len, sizeof words - len, "%s%s: %s", len ? "; " : "",
			address_words(as->all[i].way.to, ip, sizeof ip),
			result == AWL_EFUTURECANCELED ? "no answer" : awl_strerror(result));
		len += n > 0 ? (size_t)n : 0;
	}
	return awl__fail(err, "%s: %s:%d: %s", call, e->host, e->port, words);
}

static int race(struct attempts *as, const struct awl__eyeballs *e, struct awl__reactor *reactor)
{
	size_t winner = as->n;
	int r = awl_staggered_race(as->jobs, as->n, e->delay, &winner);

	/* Some may have been connected before the kernel heard that it was not wanted. */
	for (size_t i = 0; i < as->n; i++)
		if (i != winner && as->jobs[i].result >= 0)
			reactor->class->net->close(reactor, as->jobs[i].result);
	return r;
}

int awl__happy_eyeballs(const struct awl__eyeballs *e, const char *call)
{
	struct attempts as = { .n = 0 };
	size_t n = 0;
	int r;

	for (const struct addrinfo *a = e->addresses; a; a = a->ai_next)
		n++;
	as.jobs = awl__alloc_zero(n * (sizeof *as.jobs + sizeof *as.all));
	if (!as.jobs)
		return -ENOMEM;
	as.all = (struct attempt *)(as.jobs + n);
	interleave(&as, e);
	if (n == 1)
		r = as.jobs->result = attempt(as.all); /* and no task for it */
	else
		r = race(&as, e, awl__thread->running->reactor);
	if (r < 0 && r != AWL_ECANCELED)
		r = fail(r, &as, e, call);
	awl__free(as.jobs);
	return r;
}
