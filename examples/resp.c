/* SPDX-License-Identifier: MIT */
/*
 * resp.c - a small server of redis' protocol, RESP2: resp PORT. GET, SET, PING, kept in memory, and
 * what redis-cli and redis-benchmark ask first. All that has come is answered by one write: who
 * sends a hundred commands at once waits once.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 8 /* of a command; there is none with more */
#define LONGEST (16 << 20) /* of a word */
#define CHAINS (1u << 16)
#define PIECE 16384

struct word {
	const char *at;
	size_t len;
};

struct buffer {
	char *data;
	size_t len, room;
};

static struct pair {
	struct pair *next;
	struct word key, value; /* memory of its own */
} * chains[CHAINS];

static void *checked(void *p)
{
	return p ? p : (perror("resp"), exit(1), NULL);
}

static char *room_for(struct buffer *b, size_t more)
{
	if (b->len + more > b->room)
		b->data = checked(realloc(b->data, b->room = (b->len + more) * 2));
	return b->data + b->len;
}

static void say(struct buffer *out, const char *words)
{
	size_t len = strlen(words);

	memcpy(room_for(out, len), words, len);
	out->len += len;
}

static void say_word(struct buffer *out, struct word w)
{
	char *at = room_for(out, w.len + 32);
	int n = sprintf(at, "$%zu\r\n", w.len);

	memcpy(at + n, w.at, w.len);
	memcpy(at + n + w.len, "\r\n", 2);
	out->len += (size_t)n + w.len + 2;
}

static struct pair **find(struct word key)
{
	uint32_t hash = 2166136261;
	struct pair **p;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.at[i]) * 16777619;
	for (p = &chains[(hash ^ hash >> 16) % CHAINS]; *p; p = &(*p)->next)
		if ((*p)->key.len == key.len && memcmp((*p)->key.at, key.at, key.len) == 0)
			break;
	return p;
}

static void copy(struct word *to, struct word from)
{
	char *own = (char *)(uintptr_t)to->at;

	if (!own || from.len > to->len)
		own = checked(realloc(own, from.len + 1));
	*to = (struct word){ memcpy(own, from.at, from.len), from.len };
}

static void set(struct pair **p, struct word key, struct word value)
{
	if (!*p) {
		*p = checked(calloc(1, sizeof **p));
		copy(&(*p)->key, key);
	}
	copy(&(*p)->value, value);
}

static void obey(struct buffer *out, const struct word *w, int words)
{
	struct pair **p;

#define IS(name, n) \
	(words == (n) && w->len == sizeof name - 1 && strncasecmp(w->at, name, w->len) == 0)
	if (IS("GET", 2)) {
		p = find(w[1]);
		if (*p)
			say_word(out, (*p)->value);
		else
			say(out, "$-1\r\n");
	} else if (IS("SET", 3)) {
		set(find(w[1]), w[1], w[2]);
		say(out, "+OK\r\n");
	} else if (IS("PING", 1)) {
		say(out, "+PONG\r\n");
	} else if (IS("PING", 2) || IS("ECHO", 2)) {
		say_word(out, w[1]);
	} else if (IS("CONFIG", 3)) { /* GET: what redis-benchmark asks for has no value */
		say(out, "*2\r\n");
		say_word(out, w[2]);
		say(out, "$0\r\n\r\n");
	} else if (IS("COMMAND", 1) || IS("COMMAND", 2)) {
		say(out, "*0\r\n");
	} else if (words && w->len == 5 && strncasecmp(w->at, "HELLO", 5) == 0) {
		say(out, "-NOPROTO unsupported protocol version\r\n");
	} else if (words) {
		say(out, "-ERR unknown command, or not so many words\r\n");
	}
}

/* "*3\r\n" or "$5\r\n": its number, and *at behind it; -EAGAIN: there is more to come. */
static long number(char kind, const char **at, const char *end)
{
	const char *line = *at, *cr = memchr(line, '\r', (size_t)(end - line));
	long n = 0;

	if (!cr || cr + 1 >= end)
		return end - line < 16 ? -EAGAIN : -EPROTO;
	if (*line != kind || cr - line > 9 || cr[1] != '\n')
		return -EPROTO;
	while (++line < cr) {
		if (*line < '0' || *line > '9')
			return -EPROTO;
		n = n * 10 + (*line - '0');
	}
	*at = cr + 2;
	return n;
}

/* As typed in a terminal: words in a line. */
static long parse_line(const char **at, const char *end, struct word *w)
{
	const char *p = *at, *lf = memchr(p, '\n', (size_t)(end - p));
	long n = 0;

	if (!lf)
		return end - p < PIECE ? -EAGAIN : -EPROTO;
	for (; p < lf; p++) {
		if (strchr(" \r", *p))
			continue;
		if (n == WORDS)
			return -EPROTO;
		w[n].at = p;
		while (p < lf && !strchr(" \r", *p))
			p++;
		w[n].len = (size_t)(p - w[n].at);
		n++;
	}
	*at = lf + 1;
	return n;
}

/* The next command: how many words, and *at behind it; -EAGAIN, -EPROTO. */
static long parse(const char **at, const char *end, struct word *w)
{
	const char *p = *at;
	long words, len;

	if (*p != '*')
		return parse_line(at, end, w);
	words = number('*', &p, end);
	if (words > WORDS)
		return -EPROTO;
	for (long i = 0; i < words; i++, p += len + 2) {
		len = p < end ? number('$', &p, end) : -EAGAIN;
		if (len < 0 || len > LONGEST)
			return len < 0 ? len : -EPROTO;
		if (end - p < len + 2)
			return -EAGAIN;
		w[i] = (struct word){ p, (size_t)len };
	}
	*at = p;
	return words;
}

/* Obeys what is whole of it, and keeps the rest. */
static int obey_all(struct buffer *in, struct buffer *out)
{
	const char *at = in->data, *end = in->data + in->len;
	struct word w[WORDS];
	long words = 0;

	while (at < end && (words = parse(&at, end, w)) >= 0)
		obey(out, w, (int)words);
	if (words == -EPROTO)
		say(out, "-ERR Protocol error\r\n");
	in->len = (size_t)(end - at);
	memmove(in->data, at, in->len);
	return words == -EPROTO ? -EPROTO : 0;
}

static int serve_client(awl_stream *s, void *arg)
{
	struct buffer in = { 0 }, out = { 0 };
	int n, r = 0;

	(void)arg;
	while (r == 0) {
		char *at = room_for(&in, PIECE);

		n = awl_stream_read(s, at, in.room - in.len);
		if (n <= 0) {
			r = n;
			break;
		}
		in.len += (size_t)n;
		r = obey_all(&in, &out);
		if (out.len && (n = awl_stream_write_all(s, out.data, out.len, NULL)) < 0)
			r = n;
		out.len = 0;
	}
	free(in.data);
	free(out.data);
	return r == -EPROTO || r == -EPIPE ? 0 : r;
}

static int serve(void *port)
{
	awl_server *server;
	int r = awl_start_server(serve_client, NULL, "127.0.0.1", atoi(port), &server);

	if (r < 0)
		return r;
	printf("listening on 127.0.0.1 %d\n", awl_server_port(server));
	fflush(stdout);
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

int main(int argc, char **argv)
{
	awl_runner runner = { .shutdown_timeout = AWL_SEC };
	int r = awl_runner_run(&runner, serve, argc > 1 ? argv[1] : "6379");

	return awl_runner_close(&runner) < 0 || (r < 0 && r != -EINTR);
}
