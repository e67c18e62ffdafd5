/* SPDX-License-Identifier: MIT */
/*
 * token.c - slots in wiped pages, one a thread, given back when the thread ends.
 */
#include "base/token.h"
#include "base/fork.h"
#include "base/alloc.h"
#include "base/base.h"
#include "base/report.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define PAGE_SLOTS (PAGE_BYTES / sizeof(struct awl__thread))

struct page {
	struct page *next;
	struct awl__thread *slots; /* slot 0 of the first page is the process's */
	unsigned used; /* slots handed out at least once */
	uint16_t free[PAGE_SLOTS]; /* those given back */
	unsigned free_count;
};

/* Never written: the slot of every thread that has none. */
static struct awl__thread nobody;
static uint64_t no_process;

_Thread_local struct awl__thread *awl__thread AWL__TLS = &nobody;
uint64_t *awl__process_slot = &no_process;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool key_made;
static struct page *pages;
static uint32_t last_number;

/* Where the kernel cannot wipe (qemu-user), the child of a fork() does; a raw clone is then not
 * seen. */
static void wipe(void)
{
	for (struct page *p = pages; p; p = p->next)
		memset(p->slots, 0, PAGE_BYTES);
}

/* A fork in the middle of another thread's critical section must not leave the child locked out. */
AWL__HELD_OVER_FORK(lock)

static struct page *page_new(void)
{
	static bool told;
	struct page *p = awl__alloc_zero(sizeof *p);
	struct awl__thread *slots = p ? awl__map(PAGE_BYTES, PROT_READ | PROT_WRITE, 0) : NULL;

	if (!slots) {
		awl__free(p);
		return NULL;
	}
	p->slots = slots;
	if (madvise(slots, PAGE_BYTES, MADV_WIPEONFORK) < 0 && !told)
		told = pthread_atfork(NULL, NULL, wipe) == 0;
	p->next = pages;
	pages = p;
	return p;
}

static void give_back(void *slot)
{
	struct awl__thread *s = slot;

	if (s->running)
		awl__report(AWL_LOG_ERROR,
			"thread %d ended while it ran loop %p, which nobody can run or close any "
			"more; end a run with awl_loop_stop, not with pthread_exit",
			gettid(), (void *)s->running);
	pthread_mutex_lock(&lock);
	for (struct page *p = pages; p; p = p->next)
		if (s >= p->slots && s < p->slots + PAGE_SLOTS)
			p->free[p->free_count++] = (uint16_t)(s - p->slots);
	*s = (struct awl__thread){ 0 };
	pthread_mutex_unlock(&lock);
	awl__thread = &nobody;
}

static struct awl__thread *take(void)
{
	struct page *p = pages;

	while (p && !p->free_count && p->used == PAGE_SLOTS)
		p = p->next;
	if (!p && !(p = page_new()))
		return NULL;
	return &p->slots[p->free_count ? p->free[--p->free_count] : p->used++];
}

/* With the lock held. */
static bool begin(void)
{
	if (!key_made) {
		if (pthread_key_create(&key, give_back) != 0)
			return false;
		pthread_atfork(before_fork, after_fork, after_fork);
		key_made = true;
	}
	if (awl__process_slot == &no_process) {
		struct awl__thread *slot = take();

		if (!slot)
			return false;
		awl__process_slot = &slot->token;
	}
	if (*awl__process_slot == 0)
		*awl__process_slot = ((uint64_t)++last_number << 32) | (uint32_t)getpid();
	return true;
}

uint64_t awl__process_make(void)
{
	uint64_t word;

	pthread_mutex_lock(&lock);
	word = begin() ? *awl__process_slot : 0;
	pthread_mutex_unlock(&lock);
	return word;
}

uint64_t awl__token_make(void)
{
	struct awl__thread *slot = awl__thread;
	uint64_t token = 0;

	if (slot->token)
		return slot->token;
	pthread_mutex_lock(&lock);
	if (begin()) {
		if (slot == &nobody && (slot = take()) && pthread_setspecific(key, slot) != 0) {
			pthread_mutex_unlock(&lock);
			give_back(slot);
			return 0;
		}
		if (slot) {
			token = ((uint64_t)++last_number << 32) | (uint32_t)gettid();
			slot->token = token;
			awl__thread = slot;
		}
	}
	pthread_mutex_unlock(&lock);
	return token;
}
