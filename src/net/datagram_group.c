/* SPDX-License-Identifier: MIT */
/*
 * datagram_group.c - multicast: groups and how one sends to them, the same words for IPv4 and IPv6.
 */
#include "base/alloc.h"
#include "net/datagram.h"
#include "net/literal.h"

#include <net/if.h>
#include <string.h>

static int set(awl_datagram *d, int level, int name, const void *value, socklen_t len)
{
	return awl__datagram_net(d)->setopt(d->loop->reactor, d->fd, level, name, value, len);
}

/* What both kinds of call need: an open endpoint of a family that has groups, and an interface. */
static int begin(awl_datagram *d, const char *interface, int *index, const char *call)
{
	if (d->closing)
		return awl__fail(AWL_EDEAD, "%s: the endpoint is closed", call);
	if (d->family != AF_INET && d->family != AF_INET6)
		return awl__fail(-EINVAL, "%s: the endpoint's family has no groups", call);
	*index = interface ? (int)if_nametoindex(interface) : 0;
	if (interface && !*index)
		return awl__fail(-ENODEV, "%s: there is no interface \"%s\"", call, interface);
	return 0;
}

static int membership(
	awl_datagram *d, const char *group, const char *interface, bool in, const char *call)
{
	struct sockaddr_storage a;
	int index, r = begin(d, interface, &index, call);

	if (r < 0)
		return r;
	if (!awl__literal_host(group, &a) || a.ss_family != d->family)
		return awl__fail(
			-EINVAL, "%s: \"%s\" is no address of the endpoint's family", call, group);
	if (a.ss_family == AF_INET) {
		struct ip_mreqn m = { .imr_multiaddr = ((struct sockaddr_in *)&a)->sin_addr,
			.imr_ifindex = index };

		return set(
			d, IPPROTO_IP, in ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &m, sizeof m);
	} else {
		struct ipv6_mreq m = { .ipv6mr_multiaddr = ((struct sockaddr_in6 *)&a)->sin6_addr,
			.ipv6mr_interface = (unsigned)index };

		return set(d, IPPROTO_IPV6, in ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &m, sizeof m);
	}
}

int awl_datagram_join(awl_datagram *d, const char *group, const char *interface)
{
	AWL__NOT_NULL(d);
	AWL__NOT_NULL(group);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return membership(d, group, interface, true, __func__);
}

int awl_datagram_leave(awl_datagram *d, const char *group, const char *interface)
{
	AWL__NOT_NULL(d);
	AWL__NOT_NULL(group);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return membership(d, group, interface, false, __func__);
}

int awl_datagram_set_multicast_interface(awl_datagram *d, const char *interface)
{
	struct ip_mreqn m = { 0 };
	int index, r;

	AWL__NOT_NULL(d);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	r = begin(d, interface, &index, __func__);
	if (r < 0)
		return r;
	if (d->family == AF_INET6)
		return set(d, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
	m.imr_ifindex = index;
	return set(d, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof m);
}

static int set_number(awl_datagram *d, int v4, int v6, int value, const char *call)
{
	int unused, r = begin(d, NULL, &unused, call);

	if (r < 0)
		return r;
	if (d->family == AF_INET6)
		return set(d, IPPROTO_IPV6, v6, &value, sizeof value);
	return set(d, IPPROTO_IP, v4, &value, sizeof value);
}

int awl_datagram_set_multicast_hops(awl_datagram *d, int hops)
{
	AWL__NOT_NULL(d);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	if (hops < 0 || hops > 255)
		return awl__fail(-EINVAL, "%s: hops are 0 ... 255", __func__);
	return set_number(d, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, hops, __func__);
}

int awl_datagram_set_multicast_loop(awl_datagram *d, int on)
{
	AWL__NOT_NULL(d);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return set_number(d, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, on != 0, __func__);
}
