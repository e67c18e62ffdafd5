/* SPDX-License-Identifier: MIT */
/*
 * errors.c - the table of include/awl/errors.h as names and sentences.
 */
#include <awl/errors.h>

#include <string.h>

const char *awl_strerror(int err)
{
	const char *words;

	switch (err) {
#define X(name, number, sentence) \
	case -(number): \
		return sentence;
		AWL_ERRORS(X)
#undef X
	default:
		words = err <= 0 && err > -4096 ? strerrordesc_np(-err) : NULL;
		return words ? words : "unknown error";
	}
}

const char *awl_error_name(int err)
{
	const char *name;

	switch (err) {
#define X(name, number, sentence) \
	case -(number): \
		return "AWL_" #name;
		AWL_ERRORS(X)
#undef X
	default:
		name = err < 0 && err > -4096 ? strerrorname_np(-err) : NULL;
		return name ? name : "?";
	}
}
