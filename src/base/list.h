/* SPDX-License-Identifier: MIT */
/*
 * list.h - a circular doubly linked list: a node can leave without knowing its list.
 */
#ifndef AWL__LIST_H
#define AWL__LIST_H

#include <awl/types.h>

#include <stdbool.h>
#include <stddef.h>

#define awl__container(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void awl__list_init(struct awl__list *l)
{
	l->next = l->prev = l;
}

static inline bool awl__list_empty(const struct awl__list *l)
{
	return l->next == l;
}

static inline void awl__list_insert_before(struct awl__list *at, struct awl__list *node)
{
	node->next = at;
	node->prev = at->prev;
	at->prev->next = node;
	at->prev = node;
}

static inline void awl__list_push(struct awl__list *l, struct awl__list *node)
{
	awl__list_insert_before(l, node);
}

static inline void awl__list_push_front(struct awl__list *l, struct awl__list *node)
{
	awl__list_insert_before(l->next, node);
}

static inline void awl__list_remove(struct awl__list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
}

/*
 * Its neighbours agree that it is in their list. They may be of a list whose storage is gone: that
 * is the question, so AddressSanitizer is not to ask it first.
 */
__attribute__((no_sanitize("address"))) static inline bool awl__list_joined(
	const struct awl__list *node)
{
	return node->prev->next == node && node->next->prev == node;
}

/* Leaves the node a list of its own, so that leaving twice does no harm. */
static inline void awl__list_take(struct awl__list *node)
{
	awl__list_remove(node);
	awl__list_init(node);
}

/* The first node, taken out of the list; NULL when empty. */
static inline struct awl__list *awl__list_pop(struct awl__list *l)
{
	struct awl__list *node = l->next;

	if (node == l)
		return NULL;
	awl__list_remove(node);
	return node;
}

/* All of `from` goes behind all of `to`. */
static inline void awl__list_splice(struct awl__list *to, struct awl__list *from)
{
	if (awl__list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	awl__list_init(from);
}

#define awl__list_each(node, list) \
	for (struct awl__list *node = (list)->next; node != (list); node = node->next)

#define awl__list_each_safe(node, list) \
	for (struct awl__list *node = (list)->next, *node##_next = node->next; node != (list); \
		node = node##_next, node##_next = node->next)

#endif
