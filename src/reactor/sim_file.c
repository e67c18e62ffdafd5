/* SPDX-License-Identifier: MIT */
/*
 * sim_file.c - what simulated descriptors name, the numbers, and whose each is. The lowest free
 * number is given, so that numbers are reused as soon as the kernel's would be.
 */
#include "base/alloc.h"
#include "reactor/sim.h"

#define FIRST_NUMBERS 64u

void awl__sim_file_init(
	struct awl__sim *s, struct awl__sim_file *f, const struct awl__sim_kind *kind)
{
	f->kind = kind;
	awl__list_init(&f->ops);
	awl__list_init(&f->touched);
	awl__list_push(&s->files, &f->all);
	f->names = 1;
	f->in_flight = 0;
}

void awl__sim_file_drop(struct awl__sim *s, struct awl__sim_file *f)
{
	if (s->ending || --f->names > 0)
		return;
	f->kind->close(s, f);
	awl__sim_touch(s, f);
}

static struct awl__sim_number *number_at(const struct awl__sim *s, int fd)
{
	uint32_t i = (uint32_t)fd - AWL__SIM_FD;

	return fd >= AWL__SIM_FD && i < s->number_count && s->numbers[i].file ? &s->numbers[i]
									      : NULL;
}

struct awl__sim_file *awl__sim_file_at(const struct awl__sim *s, int fd)
{
	struct awl__sim_number *n = number_at(s, fd);

	return n ? n->file : NULL;
}

int awl__sim_number_may(struct awl__sim *s)
{
	if (s->limit > 0 && s->used >= s->limit)
		return -EMFILE;
	return awl__sim_one_in(s, s->faults.nfile_in) ? -ENFILE : 0;
}

static int grow(struct awl__sim *s)
{
	uint32_t count = s->number_count ? 2 * s->number_count : FIRST_NUMBERS;
	struct awl__sim_number *numbers = awl__resize(s->numbers, count * sizeof *numbers);

	if (!numbers)
		return -ENOMEM;
	for (uint32_t i = s->number_count; i < count; i++)
		numbers[i] = (struct awl__sim_number){ 0 };
	s->numbers = numbers;
	s->number_count = count;
	return 0;
}

int awl__sim_number_new(struct awl__sim *s, struct awl__sim_file *f)
{
	uint32_t i = s->lowest;
	int err = awl__sim_number_may(s);

	if (err < 0)
		return err;
	while (i < s->number_count && s->numbers[i].file)
		i++;
	if (i == s->number_count && grow(s) < 0)
		return -ENOMEM;
	s->numbers[i].file = f;
	s->lowest = i + 1;
	s->used++;
	return AWL__SIM_FD + (int)i;
}

int awl__sim_number_close(struct awl__sim *s, int fd)
{
	struct awl__sim_number *n = number_at(s, fd);
	struct awl__sim_file *f = n ? n->file : NULL;

	if (!f)
		return -EBADF;
	*n = (struct awl__sim_number){ 0 };
	if ((uint32_t)(n - s->numbers) < s->lowest)
		s->lowest = (uint32_t)(n - s->numbers);
	s->used--;
	awl__sim_file_drop(s, f);
	return 0;
}

int awl__sim_own(struct awl__reactor *r, int fd, int like)
{
	struct awl__sim_number *n = number_at((struct awl__sim *)r, fd);

	(void)like;
	if (!n)
		return -EBADF;
	if (n->owned)
		return -EBUSY;
	n->owned = true;
	return 0;
}

void awl__sim_disown(struct awl__reactor *r, int fd)
{
	struct awl__sim_number *n = number_at((struct awl__sim *)r, fd);

	if (n)
		n->owned = false;
}

bool awl__sim_owned(struct awl__reactor *r, int fd)
{
	const struct awl__sim_number *n = number_at((struct awl__sim *)r, fd);

	return n && n->owned;
}
