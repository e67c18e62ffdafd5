/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - latencies in buckets of 1/64 of their size: adding one is a shift and an increment,
 * and a quantile is right to 1.6 %.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE 64 /* buckets from one power of two to the next */
#define HISTOGRAM_SIZE (58 * HISTOGRAM_FINE)

struct histogram {
	uint64_t count, bucket[HISTOGRAM_SIZE];
};

static inline void histogram_add(struct histogram *h, int64_t ns)
{
	uint64_t v = (uint64_t)ns;
	unsigned shift = v < HISTOGRAM_FINE ? 0 : 57u - (unsigned)__builtin_clzll(v);

	h->bucket[shift * HISTOGRAM_FINE + (v >> shift)]++;
	h->count++;
}

/* The latency that a share of them, 0 to 1, does not exceed. */
static inline double histogram_quantile(const struct histogram *h, double share)
{
	uint64_t rank = (uint64_t)(share * (double)h->count), seen = 0;
	unsigned i = 0;

	while (i < HISTOGRAM_SIZE - 1 && (seen += h->bucket[i]) <= rank)
		i++;
	if (i < 2 * HISTOGRAM_FINE)
		return i;
	return (double)((uint64_t)(i % HISTOGRAM_FINE + HISTOGRAM_FINE)
		<< (i / HISTOGRAM_FINE - 1));
}

#endif
