/* SPDX-License-Identifier: MIT */
/*
 * chat.c - rooms to talk in, by nc or telnet: chat PORT. The first line is a name and a room, each
 * later one is said to all who are in that room.
 *
 * A room is a broadcast that keeps its last lines: saying something never waits for anybody. Who
 * does not read misses lines once so many are kept, or stops taking any, and is shown out; nobody
 * else notices. Each guest is two tasks in one group, so that the end of either is that of both.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 64
#define PATIENCE AWL_SEC

struct line {
	char text[256];
};

struct room {
	struct room *next;
	char name[32];
	int guests;
	awl_broadcast said;
	struct line kept[KEPT];
};

struct guest {
	awl_stream *stream;
	struct room *room;
	awl_subscriber hears;
	char name[32];
};

static struct room *rooms;

static struct room *enter(const char *name)
{
	struct room *r;

	for (r = rooms; r; r = r->next)
		if (strcmp(r->name, name) == 0)
			break;
	if (!r && (r = calloc(1, sizeof *r))) {
		snprintf(r->name, sizeof r->name, "%s", name);
		awl_broadcast_init(&r->said, r->kept, sizeof *r->kept, KEPT);
		r->next = rooms;
		rooms = r;
	}
	if (r)
		r->guests++;
	return r;
}

static void leave(struct room *room)
{
	struct room **at = &rooms;

	if (--room->guests)
		return;
	while (*at != room)
		at = &(*at)->next;
	*at = room->next;
	awl_broadcast_destroy(&room->said);
	free(room);
}

static int say(struct guest *g, const char *verb, const char *words, int len)
{
	struct line line;

	while (len > 0 && strchr("\r\n", words[len - 1]))
		len--;
	snprintf(line.text, sizeof line.text - 1, "%s %s%.*s", g->name, verb, len, words);
	strcat(line.text, "\n");
	return awl_broadcast_send(&g->room->said, &line);
}

/* What is said to the guest, until it is too slow for that. */
static int hear(void *arg)
{
	struct guest *g = arg;
	struct line line;
	awl_timeout patience;
	int r = 0;

	while (r == 0 && (r = awl_subscriber_get(&g->hears, &line)) >= 0) {
		awl_timeout_enter(&patience, PATIENCE);
		if (r > 0) {
			r = awl_stream_write_all(g->stream, "* too slow\n", 11, NULL);
			r = r < 0 ? r : -ETIMEDOUT;
		} else {
			r = awl_stream_write_all(g->stream, line.text, strlen(line.text), NULL);
		}
		r = awl_timeout_exit(&patience, r);
	}
	return r;
}

static int talk(struct guest *g)
{
	const char *line;
	int n;

	say(g, "is here", "", 0);
	while ((n = awl_stream_readline(g->stream, &line)) > 0)
		say(g, "says: ", line, n);
	return n < 0 ? n : -EPIPE; /* the end of what it says is the end of all */
}

static int welcome(awl_stream *s, void *arg)
{
	struct guest g = { .stream = s };
	char first[80], room[32];
	const char *line;
	awl_task_group both;
	int n = awl_stream_readline(s, &line), r;

	(void)arg;
	if (n <= 0)
		return n;
	snprintf(first, sizeof first, "%.*s", n, line);
	if (sscanf(first, "%31s %31s", g.name, room) != 2)
		return awl_stream_write_all(s, "* NAME ROOM, please\n", 20, NULL);
	g.room = enter(room);
	if (!g.room)
		return -ENOMEM;
	awl_broadcast_subscribe(&g.room->said, &g.hears);
	awl_task_group_enter(&both);
	r = awl_task_group_create_task(&both, hear, &g, NULL);
	if (r == 0)
		r = talk(&g);
	r = awl_task_group_exit(&both, r);
	say(&g, "is gone", "", 0);
	leave(g.room);
	return r == -EPIPE || r == -ETIMEDOUT ? 0 : r;
}

static int serve(void *port)
{
	awl_server *server;
	int r = awl_start_server(welcome, NULL, "127.0.0.1", atoi(port), &server);

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
	int r = awl_runner_run(&runner, serve, argc > 1 ? argv[1] : "7777");

	return awl_runner_close(&runner) < 0 || (r < 0 && r != -EINTR);
}
