/* SPDX-License-Identifier: MIT */
/*
 * pass_without_valgrind.c - what tells Valgrind of memory and stacks compiles where its headers are
 * not installed.
 *
 * @cc gcc
 * @flags -DAWL__WITHOUT_VALGRIND
 */
#include "coro/slab.c"
#include "reactor/note.c"
#include "reactor/work.c"
