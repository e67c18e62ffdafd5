/* SPDX-License-Identifier: MIT */
/*
 * sim_world.c - see sim_world.h.
 */
#include "reactor/sim_world.h"
#include "base/alloc.h"
#include "reactor/sim_socket.h"

#include <string.h>

#define SECOND INT64_C(1000000000)

static struct awl__sim *world_of(struct awl__reactor *r)
{
	return r->class == &awl__sim_class ? (struct awl__sim *)r : NULL;
}

int awl__sim_set_faults(struct awl__reactor *r, const struct awl__sim_faults *faults)
{
	struct awl__sim *s = world_of(r);

	if (!s)
		return -ENOTSUP;
	s->faults = *faults;
	return 0;
}

int awl__sim_set_limit(struct awl__reactor *r, uint32_t limit)
{
	struct awl__sim *s = world_of(r);

	if (!s)
		return -ENOTSUP;
	s->limit = limit;
	return 0;
}

int awl__sim_set_host(struct awl__reactor *r, int (*host)(struct in6_addr *ret))
{
	struct awl__sim *s = world_of(r);

	if (!s)
		return -ENOTSUP;
	s->host = host;
	return 0;
}

/* --- lines --- */

/* What was said of two hosts, or of one and all others. */
struct link {
	struct awl__list link;
	struct in6_addr a, b;
	bool all; /* whatever b is */
	bool cut;
	bool is_other; /* than the common line */
	struct awl__sim_line line;
};

static bool same(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static struct link *link_at(struct awl__list *node)
{
	return awl__container(node, struct link, link);
}

static bool joins(const struct link *l, const struct in6_addr *a, const struct in6_addr *b)
{
	if (l->all)
		return same(&l->a, a) || same(&l->a, b);
	return (same(&l->a, a) && same(&l->b, b)) || (same(&l->a, b) && same(&l->b, a));
}

bool awl__sim_cut(const struct awl__sim *s, const struct in6_addr *a, const struct in6_addr *b)
{
	if (same(a, b))
		return false;
	awl__list_each (node, &s->links)
		if (link_at(node)->cut && joins(link_at(node), a, b))
			return true;
	return false;
}

const struct awl__sim_line *awl__sim_line_to(
	const struct awl__sim *s, const struct in6_addr *from, const struct in6_addr *to)
{
	const struct awl__sim_line *line = &s->line;

	awl__list_each (node, &s->links) {
		const struct link *l = link_at(node);

		if (!l->is_other || !joins(l, from, to))
			continue;
		line = &l->line;
		if (!l->all)
			break;
	}
	return line;
}

const struct awl__sim_line *awl__sim_line_of(
	const struct awl__sim *s, const struct awl__sim_socket *from)
{
	static const struct awl__sim_line none;

	return from->domain == AF_UNIX ? &none : awl__sim_line_to(s, &from->host, &from->far);
}

int64_t awl__sim_arrival(struct awl__sim *s, struct awl__sim_socket *from,
	const struct awl__sim_line *line, uint32_t bytes)
{
	int64_t now = awl__sim_now(s), left = now;

	if (line->bandwidth > 0) {
		left = (from->line_free > now ? from->line_free : now) +
			bytes * SECOND / line->bandwidth;
		from->line_free = left;
	}
	if (line->jitter > 0)
		left += (int64_t)(awl__sim_draw(s) % (uint64_t)(line->jitter + 1));
	return left + line->latency;
}

/* The link that is named just so; made where there is none. NULL: no memory. */
static struct link *get_link(struct awl__sim *s, const struct in6_addr *a, const struct in6_addr *b)
{
	struct link *l;

	awl__list_each (node, &s->links) {
		l = link_at(node);
		if (l->all ? !b && same(&l->a, a) : b && joins(l, a, b))
			return l;
	}
	l = awl__alloc(sizeof *l);
	if (!l)
		return NULL;
	*l = (struct link){ .a = *a, .b = b ? *b : *a, .all = !b };
	awl__list_push(&s->links, &l->link);
	return l;
}

static void all_perfect(struct awl__sim *s)
{
	s->line = (struct awl__sim_line){ 0 };
	awl__list_each (node, &s->links)
		link_at(node)->is_other = false;
}

int awl__sim_set_line(struct awl__reactor *r, const struct in6_addr *a, const struct in6_addr *b,
	const struct awl__sim_line *line)
{
	struct awl__sim *s = world_of(r);
	struct link *l;

	if (!s)
		return -ENOTSUP;
	if (!line) {
		all_perfect(s);
		return 0;
	}
	if (!a) {
		s->line = *line;
		return 0;
	}
	l = get_link(s, a, b);
	if (!l)
		return -ENOMEM;
	l->line = *line;
	l->is_other = true;
	return 0;
}

/* What was held up goes on. */
static void heal(struct awl__sim *s)
{
	awl__list_each (node, &s->files)
		awl__sim_stream_healed(s, awl__container(node, struct awl__sim_file, all));
	awl__sim_settle(s);
}

int awl__sim_partition(
	struct awl__reactor *r, const struct in6_addr *a, const struct in6_addr *b, bool on)
{
	struct awl__sim *s = world_of(r);
	struct link *l;

	if (!s)
		return -ENOTSUP;
	l = get_link(s, a, b);
	if (!l)
		return -ENOMEM;
	l->cut = on;
	if (!on)
		heal(s);
	return 0;
}

/* --- names --- */

struct name {
	struct awl__list link;
	struct awl__sim_host host;
	const char *words; /* behind the addresses */
	struct sockaddr_storage addresses[];
};

static struct name *find_name(const struct awl__sim *s, const char *name)
{
	awl__list_each (node, &s->names) {
		struct name *n = awl__container(node, struct name, link);

		if (strcasecmp(n->words, name) == 0)
			return n;
	}
	return NULL;
}

static struct name *name_new(const char *words, const struct awl__sim_host *host)
{
	size_t size = host->count * sizeof *host->addresses, chars = strlen(words) + 1;
	struct name *n = awl__alloc(sizeof *n + size + chars);

	if (!n)
		return NULL;
	n->host = *host;
	n->host.addresses = n->addresses;
	n->words = memcpy((char *)n->addresses + size, words, chars);
	if (size)
		memcpy(n->addresses, host->addresses, size);
	return n;
}

int awl__sim_set_name(struct awl__reactor *r, const char *name, const struct awl__sim_host *host)
{
	struct awl__sim *s = world_of(r);
	struct name *old, *n;

	if (!s)
		return -ENOTSUP;
	n = name_new(name, host);
	if (!n)
		return -ENOMEM;
	old = find_name(s, name);
	if (old) {
		awl__list_remove(&old->link);
		awl__free(old);
	}
	awl__list_push(&s->names, &n->link);
	return 0;
}

const struct awl__sim_host *awl__sim_lookup(struct awl__reactor *r, const char *name)
{
	struct awl__sim *s = world_of(r);
	struct name *n = s ? find_name(s, name) : NULL;

	return n ? &n->host : NULL;
}

void awl__sim_world_init(struct awl__sim *s)
{
	awl__list_init(&s->links);
	awl__list_init(&s->names);
}

void awl__sim_world_free(struct awl__sim *s)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&s->links)))
		awl__free(link_at(node));
	while ((node = awl__list_pop(&s->names)))
		awl__free(awl__container(node, struct name, link));
}
