/* SPDX-License-Identifier: MIT */
/*
 * token.h - who a thread is, and whether this is still the process that we started in. Both words
 * lie in pages the kernel wipes on fork (MADV_WIPEONFORK), raw clone included: a child finds 0,
 * owns nothing and knows it.
 */
#ifndef AWL__TOKEN_H
#define AWL__TOKEN_H

#include <stdint.h>

#define AWL__TLS __attribute__((tls_model("initial-exec")))

struct awl_loop;

struct awl__thread {
	uint64_t token; /* 0: none yet (awl__token_make), or this is a fork's child */
	struct awl_loop *running; /* the loop that runs in this thread, or NULL */
};

/* Never NULL: a thread without a token shares one that is all zero and never written. */
extern _Thread_local struct awl__thread *awl__thread AWL__TLS;
extern uint64_t *awl__process_slot;

static inline uint64_t awl__token(void)
{
	return awl__thread->token;
}

/* The token, made if need be; 0 without memory. The low 32 bits are the thread's id. */
uint64_t awl__token_make(void);

/* A word that differs from process to process along a chain of forks; 0 before
 * awl__process_make. */
static inline uint64_t awl__process(void)
{
	return *awl__process_slot;
}

/* The word, made if need be; 0 without memory. */
uint64_t awl__process_make(void);

#endif
