/* SPDX-License-Identifier: MIT */
/*
 * network.c - the network of a test: its hosts, lines, names and faults, in words.
 */
#include "reactor/sim_address.h"
#include "reactor/sim_world.h"
#include "testkit/testkit.h"

#include <awl/local.h>
#include <awl/test.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#define NAME_ADDRESSES 8

/* One address of `len` characters, as an IPv6 socket names it. */
static int parse(const char *words, size_t len, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	char address[INET6_ADDRSTRLEN];

	memset(ret, 0, sizeof *ret);
	if (len >= sizeof address)
		return -EINVAL;
	memcpy(address, words, len);
	address[len] = 0;
	if (inet_pton(AF_INET, address, &in->sin_addr) == 1)
		ret->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1)
		ret->ss_family = AF_INET6;
	else
		return -EINVAL;
	return 0;
}

static int host_of(const char *address, const char *call, struct in6_addr *ret)
{
	struct sockaddr_storage ss;

	if (!address || parse(address, strlen(address), &ss) < 0)
		return awl__fail(-EINVAL, "%s: %s is no address", call, address ? address : "NULL");
	*ret = ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_addr
					: awl__sim_ipv4(((struct sockaddr_in *)&ss)->sin_addr);
	return 0;
}

/* --- lines --- */

static uint32_t one_in(int n)
{
	return n > 0 ? (uint32_t)n : 0;
}

static int set_line(struct awl__reactor *r, const awl_test_network *n)
{
	struct awl__sim_line line = {
		.latency = n->latency,
		.jitter = n->jitter,
		.bandwidth = n->bandwidth,
		.reset_in = one_in(n->reset_in),
		.loss_in = one_in(n->loss_in),
		.duplicate_in = one_in(n->duplicate_in),
		.reorder_in = one_in(n->reorder_in),
	};
	struct in6_addr from, to;
	int err = 0;

	if (n->from)
		err = host_of(n->from, "awl_test_set_network", &from);
	if (err == 0 && n->to)
		err = host_of(n->to, "awl_test_set_network", &to);
	if (err < 0)
		return err;
	return awl__sim_set_line(r, n->from ? &from : NULL, n->to ? &to : NULL, &line);
}

int awl_test_set_network(const awl_test_network *network)
{
	const awl_test_network *n = network;
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	if (!n) {
		(void)!awl__sim_set_faults(l->reactor, &(struct awl__sim_faults){ 0 });
		return awl__sim_set_line(l->reactor, NULL, NULL, NULL);
	}
	if (n->latency < 0 || n->jitter < 0 || n->bandwidth < 0 || (n->to && !n->from))
		return awl__fail(-EINVAL, "awl_test_set_network: %s",
			n->to && !n->from ? "to where, but from where?"
					  : "there is no time or rate below 0");
	r = set_line(l->reactor, n);
	if (r < 0 || n->from)
		return r;
	return awl__sim_set_faults(l->reactor,
		&(struct awl__sim_faults){
			.short_in = one_in(n->short_in),
			.again_in = one_in(n->again_in),
			.nobufs_in = one_in(n->nobufs_in),
			.nfile_in = one_in(n->nfile_in),
		});
}

int awl_test_partition(const char *a, const char *b, int on)
{
	struct in6_addr first, second;
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	r = host_of(a, __func__, &first);
	if (r == 0 && b)
		r = host_of(b, __func__, &second);
	if (r < 0)
		return r;
	return awl__sim_partition(l->reactor, &first, b ? &second : NULL, on != 0);
}

/* --- hosts --- */

static awl_local host_local = { .name = "awl_test_host", .destroy = awl__free };

static int host_of_task(struct in6_addr *ret)
{
	const struct in6_addr *host = awl_local_get(&host_local);

	if (!host)
		return 0;
	*ret = *host;
	return 1;
}

int awl_test_host(const char *address)
{
	struct in6_addr host, *kept;
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	r = host_of(address, __func__, &host);
	if (r < 0)
		return r;
	kept = awl__alloc(sizeof *kept);
	if (!kept)
		return -ENOMEM;
	*kept = host;
	r = awl_local_set(&host_local, kept, NULL);
	if (r < 0) {
		awl__free(kept);
		return r;
	}
	return awl__sim_set_host(l->reactor, host_of_task);
}

/* --- names --- */

static int set_name(const char *call, const char *name, struct awl__sim_host *host)
{
	int r = 0;
	awl_loop *l = awl__find_sim(call, &r);

	if (!l)
		return r;
	if (host->delay < 0)
		return awl__fail(-EINVAL, "%s: an answer does not come before the question", call);
	return awl__sim_set_name(l->reactor, name, host);
}

int awl_test_name(const char *name, const char *addresses, int64_t delay)
{
	struct sockaddr_storage ss[NAME_ADDRESSES];
	struct awl__sim_host host = { .delay = delay, .addresses = ss };

	AWL__NOT_NULL(name);
	AWL__NOT_NULL(addresses);
	for (const char *at = addresses; *(at += strspn(at, " "));) {
		size_t len = strcspn(at, " ");

		if (host.count == NAME_ADDRESSES || parse(at, len, &ss[host.count]) < 0)
			return awl__fail(-EINVAL, "awl_test_name: %.*s %s", (int)len, at,
				host.count == NAME_ADDRESSES ? "is one address too many"
							     : "is no address");
		host.count++;
		at += len;
	}
	return set_name(__func__, name, &host);
}

int awl_test_name_fails(const char *name, int error, int64_t delay)
{
	struct awl__sim_host host = { .delay = delay };

	AWL__NOT_NULL(name);
	if (error != AWL_ENONAME && error != AWL_ENAMESERVER)
		return awl__fail(
			-EINVAL, "awl_test_name_fails: with AWL_ENONAME or AWL_ENAMESERVER");
	host.error = error == AWL_ENONAME ? EAI_NONAME : EAI_AGAIN;
	return set_name(__func__, name, &host);
}

/* --- descriptors --- */

int awl_test_set_descriptors(int max)
{
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	if (max < 0)
		return awl__fail(-EINVAL, "awl_test_set_descriptors: %d are none", max);
	return awl__sim_set_limit(l->reactor, (uint32_t)max);
}
