/* SPDX-License-Identifier: MIT */
/*
 * shrink.c - a failing program made smaller, step by step, as long as it still fails.
 */
#include "program.h"

/* Every link that leads to a statement, in turn: of bodies, of statements, of blocks. */
static int16_t *link_at(struct program *p, int i)
{
	if (i < BODIES)
		return &p->body[i];
	i -= BODIES; /* the reaper's two come first */
	i += 4;
	return i % 2 ? &p->at[i / 2].child : &p->at[i / 2].next;
}

static int links(const struct program *p)
{
	return BODIES + 2 * p->statements - 4;
}

static bool drop(struct program *p, int i)
{
	int16_t *link = link_at(p, i);

	if (*link < 0)
		return false;
	*link = p->at[*link].next;
	return true;
}

static bool drop_the_rest(struct program *p, int i)
{
	int16_t *link = link_at(p, i);
	bool more = *link >= 0;

	*link = -1;
	return more;
}

/* A block's statements take the place of the block. */
static bool unwrap(struct program *p, int i)
{
	int16_t *link = link_at(p, i);
	int16_t at = *link, last;

	if (at < 0 || p->at[at].child < 0 || p->at[at].op == OP_LATER)
		return false;
	last = *link = p->at[at].child;
	while (p->at[last].next >= 0)
		last = p->at[last].next;
	p->at[last].next = p->at[at].next;
	return true;
}

static bool do_not_mind(struct program *p, int i)
{
	int16_t at = *link_at(p, i);
	bool minds = at >= 0 && p->at[at].minds;

	if (minds)
		p->at[at].minds = false;
	return minds;
}

static bool less(struct program *p, int i)
{
	int16_t at = *link_at(p, i);

	if (at < 0 || p->at[at].b <= 100 || p->at[at].b % 100)
		return false;
	p->at[at].b -= 100;
	return true;
}

static bool fewer_cases(struct program *p, int i)
{
	int16_t at = *link_at(p, i);
	int32_t *cases;

	if (at < 0 || (p->at[at].op != OP_SELECT && p->at[at].op != OP_GATHER_FUTURES))
		return false;
	cases = &p->at[at].a;
	if (!(*cases & (*cases - 1)))
		return false; /* the only one */
	*cases &= *cases - 1;
	return true;
}

static bool fewer_tasks(struct program *p, int i)
{
	if (i > 0 || p->bodies <= 2 || p->body[p->bodies - 1] >= 0)
		return false;
	p->bodies--;
	return true;
}

void program_shrink(struct program *p, bool (*fails)(const struct program *p, void *arg), void *arg)
{
	static bool (*const ways[])(struct program * p, int i) = { drop_the_rest, drop, unwrap,
		do_not_mind, less, fewer_cases, fewer_tasks };
	bool smaller;

	do {
		smaller = false;
		for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
			for (int i = 0; i < links(p); i++) {
				struct program q = *p;

				while (ways[w](&q, i) && fails(&q, arg)) {
					*p = q;
					smaller = true;
				}
			}
	} while (smaller);
}
