/* SPDX-License-Identifier: MIT */
/*
 * wrong_rows.h - the rows of test_wrong_thread.c: what the loop's objects are reached by, and for
 * each function that belongs to the loop's thread a call of it and what it must answer.
 */
#ifndef TEST_WRONG_ROWS_H
#define TEST_WRONG_ROWS_H

#include "threads.h"

#include <poll.h>

#define HOUR (3600 * AWL_SEC)

/* What the loop's objects are reached by; storage that callers own is in it. */
struct scene {
	awl_loop *loop;
	awl_future *awaited; /* by everybody below */
	awl_future *loose;
	awl_future *failed; /* done; nobody has read it */
	awl_task *waiter, *joiner, *sleeper, *reader, *scoped, *child, *unbegun;
	awl_timeout *timeout; /* on the stack of `scoped`, open */
	awl_shield *shield;
	awl_task_group *group;
	awl_cfuture *pending;
	awl_handle timer, ready, hold;
	awl_done_callback stored;
	int fds[2];

	/* Each with a task that waits in it; `keeper` has what others wait for. */
	awl_runner runner;
	awl_lock lock;
	awl_event event;
	awl_condition condition;
	awl_semaphore semaphore;
	awl_limiter limiter;
	awl_barrier barrier;
	awl_queue empty, full;
	awl_watch watch;
	awl_broadcast broadcast;
	awl_subscriber *subscriber; /* on its task's stack, as is the next */
	awl_as_completed *completed;
	awl_channel *channel;
	awl_stream *streams[2];
	awl_server *server;
	awl_datagram *datagram;
	awl_test_sequencer sequencer;
	awl_interval interval;
	awl_local_token token;
	int one[1], latest, sent[4]; /* of full, watch, broadcast */
	awl_task *keeper, *waiting[20];

	int finished, callbacks, started;
	int owner_tid;
};

/* What refused calls are given, and where they would put what they make. */
static struct {
	awl_future *future;
	awl_task *task;
	awl_handle handle;
	awl_done_callback callback;
	awl_timeout timeout;
	awl_shield shield;
	awl_task_group group;
	awl_subscriber subscriber;
	awl_interval interval;
	awl_local_token token;
	awl_job jobs[1];
	awl_fn *fn;
	void *pointers[4];
	const char *text;
	awl_stream *stream, *streams[2];
	awl_datagram *datagram;
	struct addrinfo *addresses;
	char bytes[16];
	uint64_t version;
	size_t index;
	int item, fds[2];
	struct sockaddr addr;
	socklen_t len;
	struct msghdr message;
	awl_credentials credentials;
} out;

/* A refusal by enter is kept here: next tells it. */
static awl_as_completed entered;
static awl_local local = { .name = "local" };

/* --- what is called -------------------------------------------------------------------------- */

static int must_not_start(void *arg)
{
	wrong("a refused call's function was started");
	return 0;
}

static int does_nothing(void *arg)
{
	return 0;
}

static int nothing_in_workers(awl_workers *w, int index, void *arg)
{
	return 0;
}

static int on_node(const awl_call_graph_node *node, void *arg)
{
	wrong("a call graph was drawn");
	return 0;
}

static void on_done(awl_future *f, void *arg)
{
	((struct scene *)arg)->callbacks++;
}

static void on_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	wrong("an exception handler was called");
}

static const awl_exception exception = { .message = "none", .error = -EIO };

/* How a function says no: by a code, or by what is not there. */
#define CODE(call) ((int64_t)(call))
#define NOTHING(call) ((call) == NULL ? AWL_ETHREAD : 0)
#define NO_WORDS(call) (*(call) == '\0' ? AWL_ETHREAD : 0)
#define NO_TASK(call) ((call) ? 0 : awl__thread->running ? AWL_EOTHERLOOP : AWL_ETHREAD)
#define IN_SILENCE(call) ((call), AWL_ETHREAD) /* it returns nothing; the hook is told */
#define LEGAL(call) ((void)(call), 0)

static int must_not_serve(awl_stream *stream, void *arg)
{
	wrong("a connection was served");
	return 0;
}

static const awl_server_options any_server;
static const awl_datagram_options any_datagram = { .family = AF_INET };
static const awl_datagram_message one_message = { "x", 1, NULL, 0 };

static const struct iovec part = { (void *)(uintptr_t) "x", 1 };
static const awl_workers_options one_worker = { .count = 1 };

static awl_workers *begun_workers(void)
{
	awl_workers *w = NULL;

	expect(awl_workers_start(&one_worker, nothing_in_workers, NULL, &w) == 0);
	return w;
}

/* Cases lie in the caller's storage: only a task that selects looks into them. */
static awl_case *one_case(struct scene *s)
{
	static awl_case c;

	c = awl_case_future(s->awaited);
	return &c;
}

/*
 * Tag, function, how it refuses, the code, the call. AWL_ENOLOOP where no object says which loop is
 * meant: then there is nobody who owns it. 0: the call is legal and touches no other loop.
 */
#define ROWS(X) \
	/* Future.set_result, set_exception, cancel (awaited): silent, or hung for ever */ \
	X(LOOP_THREAD, awl_future_set_result, CODE, AWL_ETHREAD, (s->awaited, 1)) \
	X(LOOP_THREAD, awl_future_set_exception, CODE, AWL_ETHREAD, (s->awaited, -EIO)) \
	X(LOOP_THREAD, awl_cancel, CODE, AWL_ETHREAD, (s->awaited, "no")) \
	/* Task.cancel (suspended): no longer cancellable */ \
	X(LOOP_THREAD, awl_cancelling, CODE, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_uncancel, CODE, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_cancel_reason, NO_WORDS, AWL_ETHREAD, (s->awaited)) \
	/* add_done_callback on pending; create_future: not detected */ \
	X(LOOP_THREAD, awl_future_add_done_callback, CODE, AWL_ETHREAD, \
		(s->awaited, on_done, s, &out.callback)) \
	X(LOOP_THREAD, awl_future_remove_done_callback, CODE, AWL_ETHREAD, \
		(s->awaited, on_done, s)) \
	X(LOOP_THREAD, awl_loop_create_future, CODE, AWL_ETHREAD, (s->loop, 8, &out.future)) \
	X(LOOP_THREAD, awl_future_payload, NOTHING, AWL_ETHREAD, (s->loose)) \
	X(LOOP_THREAD, awl_result, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_done, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_cancelled, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_ref, NOTHING, AWL_ETHREAD, (s->awaited)) \
	X(LOOP_THREAD, awl_unref, CODE, AWL_ETHREAD, (s->awaited)) \
	/* call_soon, call_later, call_at; TimerHandle.cancel: not detected */ \
	X(LOOP_THREAD, awl_loop_call_soon, CODE, AWL_ETHREAD, \
		(s->loop, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_loop_call_later, CODE, AWL_ETHREAD, \
		(s->loop, 1, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_loop_call_at, CODE, AWL_ETHREAD, \
		(s->loop, 1, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_handle_cancel, CODE, AWL_ETHREAD, (&s->timer)) \
	X(LOOP_THREAD, awl_handle_cancelled, CODE, AWL_ETHREAD, (&s->timer)) \
	X(LOOP_THREAD, awl_handle_when, CODE, AWL_ETHREAD, (&s->timer)) \
	/* set_exception_handler, call_exception_handler, set_task_factory, all_tasks */ \
	X(LOOP_THREAD, awl_loop_set_exception_handler, CODE, AWL_ETHREAD, \
		(s->loop, on_exception, s)) \
	X(LOOP_THREAD, awl_loop_call_exception_handler, CODE, AWL_ETHREAD, (s->loop, &exception)) \
	X(LOOP_THREAD, awl_loop_set_task_factory, CODE, AWL_ETHREAD, (s->loop, NULL, s)) \
	X(LOOP_THREAD, awl_all_tasks, CODE, AWL_ETHREAD, (s->loop, &out.task, 1)) \
	/* loop.stop(): not detected, late */ \
	X(LOOP_THREAD, awl_loop_stop, CODE, AWL_ETHREAD, (s->loop)) \
	/* loop.close(), run_until_complete, run_forever: detected, but not claimed */ \
	X(RUNNER, awl_loop_close, CODE, AWL_ERUNNING, (s->loop)) \
	X(RUNNER, awl_loop_run_until_complete, CODE, AWL_ERUNNING, (s->loop, must_not_start, s)) \
	X(RUNNER, awl_loop_run_until_future, CODE, AWL_ERUNNING, (s->loop, s->awaited)) \
	X(RUNNER, awl_loop_run_forever, CODE, AWL_ERUNNING, (s->loop)) \
	X(RUNNER, awl_loop_run_once, CODE, AWL_ERUNNING, (s->loop)) \
	X(LOOP_THREAD, awl_loop_fd, CODE, AWL_ETHREAD, (s->loop)) \
	X(LOOP_THREAD, awl_loop_timeout, CODE, AWL_ETHREAD, (s->loop)) \
	X(RUNNER, awl_run, CODE, 0, (does_nothing, s)) \
	X(RUNNER, awl_run_with, CODE, 0, (NULL, does_nothing, s)) \
	/* create_task, ensure_future(loop=): silent, and a half-made task is left */ \
	X(LOOP_THREAD, awl_create_task, CODE, AWL_ENOLOOP, (must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_loop_create_task, CODE, AWL_ETHREAD, \
		(s->loop, NULL, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_get_name, NO_WORDS, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_task_set_name, CODE, AWL_ETHREAD, (s->waiter, "renamed")) \
	X(LOOP_THREAD, awl_task_get_coro, CODE, AWL_ETHREAD, (s->waiter, &out.fn, out.pointers)) \
	X(LOOP_THREAD, awl_task_get_stack, CODE, AWL_ETHREAD, (s->waiter, out.pointers, 4)) \
	X(LOOP_THREAD, awl_task_print_stack, CODE, AWL_ETHREAD, (s->waiter, STDERR_FILENO)) \
	X(LOOP_THREAD, awl_task_stack_used, CODE, AWL_ETHREAD, (s->waiter)) \
	/* Timeout.reschedule: "no running event loop", but the old timer is already disarmed */ \
	X(LOOP_THREAD, awl_timeout_reschedule, CODE, AWL_ETHREAD, (s->timeout, 1)) \
	X(LOOP_THREAD, awl_timeout_expired, CODE, AWL_ETHREAD, (s->timeout)) \
	X(LOOP_THREAD, awl_timeout_when, CODE, AWL_ETHREAD, (s->timeout)) \
	X(TASK, awl_timeout_exit, CODE, AWL_ETHREAD, (s->timeout, 0)) \
	X(LOOP_THREAD, awl_timeout_enter, CODE, AWL_ENOLOOP, (s->timeout, 5)) \
	X(LOOP_THREAD, awl_timeout_enter_at, CODE, AWL_ENOLOOP, (s->timeout, 5)) \
	X(TASK, awl_wait_for, CODE, AWL_ENOLOOP, (HOUR, must_not_start, s)) \
	X(LOOP_THREAD, awl_shield_enter, CODE, AWL_ENOLOOP, (s->shield, 5)) \
	X(TASK, awl_shield_exit, CODE, AWL_ETHREAD, (s->shield, 0)) \
	X(TASK, awl_shielded, CODE, AWL_ENOLOOP, (HOUR, must_not_start, s)) \
	/* TaskGroup.create_task: silent, or a destroyed pending task */ \
	X(LOOP_THREAD, awl_task_group_create_task, CODE, AWL_ETHREAD, \
		(s->group, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_group_create_task_with, CODE, AWL_ETHREAD, \
		(s->group, NULL, must_not_start, s, &out.task)) \
	X(TASK, awl_task_group_start, CODE, AWL_ETHREAD, (s->group, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_started, CODE, AWL_ENOLOOP, (1)) \
	X(LOOP_THREAD, awl_task_group_enter, CODE, AWL_ENOLOOP, (s->group)) \
	X(LOOP_THREAD, awl_task_group_set_deadline, CODE, AWL_ETHREAD, (s->group, 1)) \
	X(LOOP_THREAD, awl_task_group_cancel, CODE, AWL_ETHREAD, (s->group, "no")) \
	X(TASK, awl_task_group_join, CODE, AWL_ETHREAD, (s->group, 0)) \
	X(TASK, awl_task_group_exit, CODE, AWL_ETHREAD, (s->group, 0)) \
	X(LOOP_THREAD, awl_task_group_failure, NOTHING, AWL_ETHREAD, (s->group, NULL)) \
	/* add_reader, remove_reader, add_writer: not detected */ \
	X(LOOP_THREAD, awl_loop_add_reader, CODE, AWL_ETHREAD, \
		(s->loop, s->fds[0], must_not_start, s)) \
	X(LOOP_THREAD, awl_loop_add_writer, CODE, AWL_ETHREAD, \
		(s->loop, s->fds[1], must_not_start, s)) \
	X(LOOP_THREAD, awl_loop_remove_reader, CODE, AWL_ETHREAD, (s->loop, s->fds[0])) \
	X(LOOP_THREAD, awl_loop_remove_writer, CODE, AWL_ETHREAD, (s->loop, s->fds[1])) \
	X(LOOP_THREAD, awl_socket, CODE, AWL_ENOLOOP, (AF_INET, SOCK_STREAM, 0)) \
	X(LOOP_THREAD, awl_socketpair, CODE, AWL_ENOLOOP, (AF_UNIX, SOCK_STREAM, out.fds)) \
	X(TASK, awl_sock_close, CODE, AWL_ENOLOOP, (s->fds[0])) \
	X(LOOP_THREAD, awl_sock_shutdown, CODE, AWL_ENOLOOP, (s->fds[0], SHUT_RD)) \
	X(LOOP_THREAD, awl_sock_bind, CODE, AWL_ENOLOOP, (s->fds[0], &out.addr, 2)) \
	X(LOOP_THREAD, awl_sock_listen, CODE, AWL_ENOLOOP, (s->fds[0], 1)) \
	X(TASK, awl_sock_accept, CODE, AWL_ENOLOOP, (s->fds[0], NULL, NULL)) \
	X(TASK, awl_sock_connect, CODE, AWL_ENOLOOP, (s->fds[0], &out.addr, 2)) \
	X(TASK, awl_sock_recv, CODE, AWL_ENOLOOP, (s->fds[0], out.bytes, 1, 0)) \
	X(TASK, awl_sock_recvfrom, CODE, AWL_ENOLOOP, (s->fds[0], out.bytes, 1, 0, NULL, NULL)) \
	X(TASK, awl_sock_recvmsg, CODE, AWL_ENOLOOP, (s->fds[0], &out.message, 0)) \
	X(TASK, awl_sock_send, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1, 0)) \
	X(TASK, awl_sock_sendall, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1, 0, NULL)) \
	X(TASK, awl_sock_sendto, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1, 0, NULL, 0)) \
	X(TASK, awl_sock_sendmsg, CODE, AWL_ENOLOOP, (s->fds[1], &out.message, 0)) \
	X(TASK, awl_sock_sendfile, CODE, AWL_ENOLOOP, (s->fds[1], 0, 0, 0, NULL)) \
	X(LOOP_THREAD, awl_sock_getsockname, CODE, AWL_ENOLOOP, (s->fds[0], &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_sock_getpeername, CODE, AWL_ENOLOOP, (s->fds[0], &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_sock_getsockopt, CODE, AWL_ENOLOOP, \
		(s->fds[0], SOL_SOCKET, SO_TYPE, out.bytes, &out.len)) \
	X(LOOP_THREAD, awl_sock_setsockopt, CODE, AWL_ENOLOOP, \
		(s->fds[0], SOL_SOCKET, SO_KEEPALIVE, out.bytes, 4)) \
	X(LOOP_THREAD, awl_sock_peer_credentials, CODE, AWL_ENOLOOP, \
		(s->fds[0], &out.credentials)) \
	X(TASK, awl_sock_send_fds, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1, NULL, 0)) \
	X(TASK, awl_sock_recv_fds, CODE, AWL_ENOLOOP, \
		(s->fds[0], out.bytes, 1, out.fds, &out.item)) \
	/* Server.close and its kin: not detected */ \
	X(TASK, awl_open_connection, CODE, AWL_ENOLOOP, \
		("127.0.0.1", 1, (awl_stream **)out.pointers)) \
	X(TASK, awl_open_connection_with, CODE, AWL_ENOLOOP, \
		(NULL, "127.0.0.1", 1, (awl_stream **)out.pointers)) \
	X(TASK, awl_open_unix_connection, CODE, AWL_ENOLOOP, ("@x", (awl_stream **)out.pointers)) \
	X(TASK, awl_start_server, CODE, AWL_ENOLOOP, \
		(must_not_serve, s, NULL, 0, (awl_server **)out.pointers)) \
	X(TASK, awl_start_server_with, CODE, AWL_ENOLOOP, \
		(&any_server, must_not_serve, s, (awl_server **)out.pointers)) \
	X(TASK, awl_start_unix_server, CODE, AWL_ENOLOOP, \
		(must_not_serve, s, "@x", (awl_server **)out.pointers)) \
	X(LOOP_THREAD, awl_server_start_serving, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_is_serving, CODE, AWL_ETHREAD, (s->server)) \
	X(TASK, awl_server_serve_forever, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_close, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_close_clients, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_abort_clients, CODE, AWL_ETHREAD, (s->server)) \
	X(TASK, awl_server_wait_closed, CODE, AWL_ETHREAD, (s->server)) \
	X(TASK, awl_server_drain, CODE, AWL_ETHREAD, (s->server, 0)) \
	X(LOOP_THREAD, awl_server_connections, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_sockets, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_getsockname, CODE, AWL_ETHREAD, \
		(s->server, 0, &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_server_port, CODE, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_ref, NOTHING, AWL_ETHREAD, (s->server)) \
	X(LOOP_THREAD, awl_server_unref, IN_SILENCE, AWL_ETHREAD, (s->server)) \
	X(TASK, awl_wait_fd, CODE, AWL_ENOLOOP, (s->fds[0], POLLIN)) \
	X(TASK, awl_fd_read, CODE, AWL_ENOLOOP, (s->fds[0], out.bytes, 1)) \
	X(TASK, awl_fd_write, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1)) \
	X(TASK, awl_sleep, CODE, AWL_ENOLOOP, (1)) \
	X(TASK, awl_sleep_until, CODE, AWL_ENOLOOP, (1)) \
	X(TASK, awl_yield, CODE, AWL_ENOLOOP, ()) \
	X(TASK, awl_checkpoint, CODE, AWL_ENOLOOP, ()) \
	X(TASK, awl_deadline, CODE, AWL_ENOLOOP, ()) \
	X(LOOP_THREAD, awl_wrap_future, CODE, AWL_ENOLOOP, (s->pending, &out.future)) \
	/* run_in_executor: not detected */ \
	X(TASK, awl_to_thread, CODE, AWL_ENOLOOP, (must_not_start, s)) \
	X(TASK, awl_executor_run, CODE, AWL_ENOLOOP, (NULL, must_not_start, s)) \
	X(TASK, awl_executor_run_abandonable, CODE, AWL_ENOLOOP, \
		(NULL, must_not_start, s, sizeof *s, NULL)) \
	X(LOOP_THREAD, awl_run_in_executor, CODE, AWL_ENOLOOP, \
		(NULL, must_not_start, s, &out.future)) \
	X(LOOP_THREAD, awl_loop_set_default_executor, CODE, AWL_ETHREAD, (s->loop, NULL)) \
	X(LOOP_THREAD, awl_stream_open, CODE, AWL_ENOLOOP, (s->fds[0], &out.stream)) \
	X(LOOP_THREAD, awl_stream_pair, CODE, AWL_ENOLOOP, (out.streams)) \
	X(TASK, awl_stream_read, CODE, AWL_ETHREAD, (s->streams[0], out.bytes, 1)) \
	X(TASK, awl_stream_readexactly, CODE, AWL_ETHREAD, (s->streams[0], out.bytes, 1, NULL)) \
	X(TASK, awl_stream_read_to_end, CODE, AWL_ETHREAD, \
		(s->streams[0], 9, out.pointers, &out.index)) \
	X(TASK, awl_stream_readline, CODE, AWL_ETHREAD, (s->streams[0], &out.text)) \
	X(TASK, awl_stream_readuntil, CODE, AWL_ETHREAD, (s->streams[0], ";", 1, &out.text)) \
	X(TASK, awl_stream_readuntil_any, CODE, AWL_ETHREAD, (s->streams[0], &part, 1, &out.text)) \
	X(TASK, awl_stream_peek, CODE, AWL_ETHREAD, (s->streams[0], (const void **)out.pointers)) \
	X(LOOP_THREAD, awl_stream_consume, CODE, AWL_ETHREAD, (s->streams[0], 0)) \
	X(LOOP_THREAD, awl_stream_at_eof, CODE, AWL_ETHREAD, (s->streams[0])) \
	/* StreamWriter.write, drain, close: not detected */ \
	X(TASK, awl_stream_write, CODE, AWL_ETHREAD, (s->streams[1], "x", 1)) \
	X(TASK, awl_stream_writev, CODE, AWL_ETHREAD, (s->streams[1], &part, 1)) \
	X(TASK, awl_stream_write_all, CODE, AWL_ETHREAD, (s->streams[1], "x", 1, NULL)) \
	X(TASK, awl_stream_writelines, CODE, AWL_ETHREAD, (s->streams[1], &part, 1, NULL)) \
	X(LOOP_THREAD, awl_stream_write_buffered, CODE, AWL_ETHREAD, (s->streams[1], "x", 1)) \
	X(TASK, awl_stream_drain, CODE, AWL_ETHREAD, (s->streams[1])) \
	X(LOOP_THREAD, awl_stream_set_write_buffer_limits, CODE, AWL_ETHREAD, \
		(s->streams[1], 2, 1)) \
	X(LOOP_THREAD, awl_stream_get_write_buffer_size, CODE, AWL_ETHREAD, (s->streams[1])) \
	X(TASK, awl_stream_write_eof, CODE, AWL_ETHREAD, (s->streams[1])) \
	X(TASK, awl_stream_sendfile, CODE, AWL_ETHREAD, (s->streams[1], 0, 0, 0, NULL)) \
	X(LOOP_THREAD, awl_stream_close, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_abort, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(TASK, awl_stream_wait_closed, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_is_closing, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_ref, NOTHING, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_unref, IN_SILENCE, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_set_limit, CODE, AWL_ETHREAD, (s->streams[0], 9)) \
	X(LOOP_THREAD, awl_stream_set_idle_timeout, CODE, AWL_ETHREAD, (s->streams[0], HOUR)) \
	X(LOOP_THREAD, awl_stream_getsockname, CODE, AWL_ETHREAD, \
		(s->streams[0], &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_stream_getpeername, CODE, AWL_ETHREAD, \
		(s->streams[0], &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_stream_fd, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(LOOP_THREAD, awl_stream_detach, CODE, AWL_ETHREAD, (s->streams[0])) \
	X(TASK, awl_copy, CODE, AWL_ETHREAD, (s->streams[0], s->streams[1], NULL)) \
	X(TASK, awl_copy_both, CODE, AWL_ETHREAD, (s->streams[0], s->streams[1], NULL, NULL)) \
	/* DatagramTransport.sendto, close: not detected */ \
	X(LOOP_THREAD, awl_datagram_open, CODE, AWL_ENOLOOP, (&any_datagram, &out.datagram)) \
	X(LOOP_THREAD, awl_datagram_from_fd, CODE, AWL_ENOLOOP, (s->fds[0], &out.datagram)) \
	X(TASK, awl_datagram_recv, CODE, AWL_ETHREAD, (s->datagram, out.bytes, 1, &out.index)) \
	X(TASK, awl_datagram_recvfrom, CODE, AWL_ETHREAD, \
		(s->datagram, out.bytes, 1, &out.addr, &out.len, &out.index)) \
	X(TASK, awl_datagram_send, CODE, AWL_ETHREAD, (s->datagram, "x", 1)) \
	X(TASK, awl_datagram_sendto, CODE, AWL_ETHREAD, (s->datagram, "x", 1, &out.addr, 2)) \
	X(TASK, awl_datagram_send_many, CODE, AWL_ETHREAD, \
		(s->datagram, &one_message, 1, &out.item)) \
	X(LOOP_THREAD, awl_datagram_join, CODE, AWL_ETHREAD, (s->datagram, "239.1.2.3", NULL)) \
	X(LOOP_THREAD, awl_datagram_leave, CODE, AWL_ETHREAD, (s->datagram, "239.1.2.3", NULL)) \
	X(LOOP_THREAD, awl_datagram_set_multicast_interface, CODE, AWL_ETHREAD, \
		(s->datagram, NULL)) \
	X(LOOP_THREAD, awl_datagram_set_multicast_hops, CODE, AWL_ETHREAD, (s->datagram, 1)) \
	X(LOOP_THREAD, awl_datagram_set_multicast_loop, CODE, AWL_ETHREAD, (s->datagram, 1)) \
	X(LOOP_THREAD, awl_datagram_close, CODE, AWL_ETHREAD, (s->datagram)) \
	X(TASK, awl_datagram_wait_closed, CODE, AWL_ETHREAD, (s->datagram)) \
	X(LOOP_THREAD, awl_datagram_is_closing, CODE, AWL_ETHREAD, (s->datagram)) \
	X(LOOP_THREAD, awl_datagram_ref, NOTHING, AWL_ETHREAD, (s->datagram)) \
	X(LOOP_THREAD, awl_datagram_unref, IN_SILENCE, AWL_ETHREAD, (s->datagram)) \
	X(LOOP_THREAD, awl_datagram_getsockname, CODE, AWL_ETHREAD, \
		(s->datagram, &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_datagram_getpeername, CODE, AWL_ETHREAD, \
		(s->datagram, &out.addr, &out.len)) \
	X(LOOP_THREAD, awl_datagram_fd, CODE, AWL_ETHREAD, (s->datagram)) \
	X(TASK, awl_getaddrinfo, CODE, AWL_ENOLOOP, ("localhost", "1", NULL, &out.addresses)) \
	X(TASK, awl_getaddrinfo_abandonable, CODE, AWL_ENOLOOP, \
		("localhost", "1", NULL, &out.addresses)) \
	X(TASK, awl_getnameinfo, CODE, AWL_ENOLOOP, \
		(&out.addr, sizeof out.addr, out.bytes, 16, NULL, 0, 0)) \
	X(TASK, awl_getnameinfo_abandonable, CODE, AWL_ENOLOOP, \
		(&out.addr, sizeof out.addr, out.bytes, 16, NULL, 0, 0)) \
	/* A channel belongs to no loop. */ \
	X(TASK, awl_channel_send, CODE, AWL_ENOLOOP, (s->channel, &out.item)) \
	X(TASK, awl_channel_recv, CODE, AWL_ENOLOOP, (s->channel, &out.item)) \
	X(TASK, awl_gather, CODE, AWL_ENOLOOP, (out.jobs, 1, AWL_CANCEL_SIBLINGS)) \
	X(TASK, awl_race, CODE, AWL_ENOLOOP, (out.jobs, 1, &out.index)) \
	X(TASK, awl_staggered_race, CODE, AWL_ENOLOOP, (out.jobs, 1, HOUR, &out.index)) \
	X(TASK, awl_as_completed_next, CODE, AWL_ETHREAD, (s->completed, &out.future)) \
	X(LOOP_THREAD, awl_as_completed_exit, CODE, AWL_ETHREAD, (s->completed, 0)) \
	X(LOOP_THREAD, awl_case_future, LEGAL, 0, (s->awaited)) \
	X(LOOP_THREAD, awl_case_after, LEGAL, 0, (HOUR)) \
	X(LOOP_THREAD, awl_interval_start, CODE, AWL_ENOLOOP, \
		(&s->interval, AWL_SEC, AWL_MISSED_SKIP)) \
	X(LOOP_THREAD, awl_interval_start_at, CODE, AWL_ENOLOOP, \
		(&s->interval, 1, AWL_SEC, AWL_MISSED_SKIP)) \
	X(TASK, awl_interval_tick, CODE, AWL_ENOLOOP, (&s->interval)) \
	X(LOOP_THREAD, awl_local_set, CODE, AWL_ENOLOOP, (&local, s, &out.token)) \
	X(LOOP_THREAD, awl_local_reset, CODE, AWL_ENOLOOP, (&s->token)) \
	X(RUNNER, awl_runner_run, CODE, AWL_ERUNNING, (&s->runner, must_not_start, s)) \
	X(LOOP_THREAD, awl_runner_get_loop, CODE, AWL_ETHREAD, \
		(&s->runner, (awl_loop **)out.pointers)) \
	X(RUNNER, awl_runner_close, CODE, AWL_ERUNNING, (&s->runner)) \
	X(RUNNER, awl_workers_run, CODE, 0, (&one_worker, nothing_in_workers, s)) \
	X(RUNNER, awl_workers_join, CODE, 0, (begun_workers())) \
	X(LOOP_THREAD, awl_loop_set_debug, CODE, AWL_ETHREAD, (s->loop, 1)) \
	X(LOOP_THREAD, awl_loop_get_debug, CODE, AWL_ETHREAD, (s->loop)) \
	X(LOOP_THREAD, awl_loop_set_slow_callback_duration, CODE, AWL_ETHREAD, (s->loop, HOUR)) \
	X(LOOP_THREAD, awl_loop_get_slow_callback_duration, CODE, AWL_ETHREAD, (s->loop)) \
	X(LOOP_THREAD, awl_capture_call_graph, CODE, AWL_ETHREAD, (s->awaited, on_node, s)) \
	X(LOOP_THREAD, awl_print_call_graph, CODE, AWL_ETHREAD, (s->awaited, STDERR_FILENO)) \
	X(RUNNER, awl_test_run, CODE, 0, (1, does_nothing, s)) \
	X(LOOP_THREAD, awl_test_advance, CODE, AWL_ENOLOOP, (1)) \
	X(TASK, awl_test_wait_blocked, CODE, AWL_ENOLOOP, ()) \
	X(TASK, awl_test_sequence, CODE, AWL_ENOLOOP, (&s->sequencer, 0)) \
	X(LOOP_THREAD, awl_test_pipe, CODE, AWL_ENOLOOP, (out.fds)) \
	X(LOOP_THREAD, awl_test_close, CODE, AWL_ENOLOOP, (s->fds[0])) \
	X(LOOP_THREAD, awl_test_set_network, CODE, AWL_ENOLOOP, (NULL)) \
	X(LOOP_THREAD, awl_test_partition, CODE, AWL_ENOLOOP, ("10.0.0.1", "10.0.0.2", 1)) \
	X(LOOP_THREAD, awl_test_host, CODE, AWL_ENOLOOP, ("10.0.0.1")) \
	X(LOOP_THREAD, awl_test_name, CODE, AWL_ENOLOOP, ("name", "10.0.0.1", 0)) \
	X(LOOP_THREAD, awl_test_name_fails, CODE, AWL_ENOLOOP, ("name", AWL_ENONAME, 0)) \
	X(LOOP_THREAD, awl_test_set_descriptors, CODE, AWL_ENOLOOP, (0))

/*
 * The same for what finds out whose thread it is in first: in another loop's task, where there is a
 * loop to act upon, AWL_EOTHERLOOP.
 */
#define ROWS_WITH_A_HOME(X) \
	/* awaiting a future of loop A inside loop B */ \
	X(TASK, awl_await, CODE, AWL_ETHREAD, (s->awaited)) \
	X(TASK, awl_join, CODE, AWL_ETHREAD, (s->awaited)) \
	X(TASK, awl_gather_futures, CODE, AWL_ETHREAD, \
		(&s->awaited, 1, NULL, AWL_RETURN_EXCEPTIONS)) \
	X(TASK, awl_wait, CODE, AWL_ETHREAD, (&s->awaited, 1, HOUR, AWL_ALL_COMPLETED)) \
	X(TASK, awl_wait_for_future, CODE, AWL_ETHREAD, (HOUR, s->awaited)) \
	X(LOOP_THREAD, awl_as_completed_enter, CODE, AWL_ETHREAD, \
		(&entered, &s->awaited, 1, HOUR)) \
	X(TASK, awl_select, CODE, AWL_ENOLOOP, (one_case(s), 1, &out.item)) \
	/* Lock.release: the state changed, the waiter hung */ \
	X(TASK, awl_lock_acquire, CODE, AWL_ETHREAD, (&s->lock)) \
	X(TASK, awl_lock_acquire_nowait, CODE, AWL_ETHREAD, (&s->lock)) \
	X(LOOP_THREAD, awl_lock_release, CODE, AWL_ETHREAD, (&s->lock)) \
	X(LOOP_THREAD, awl_lock_locked, CODE, AWL_ETHREAD, (&s->lock)) \
	X(LOOP_THREAD, awl_lock_holder, NO_TASK, AWL_ETHREAD, (&s->lock)) \
	X(TASK, awl_with_lock, CODE, AWL_ETHREAD, (&s->lock, must_not_start, s)) \
	X(LOOP_THREAD, awl_lock_destroy, CODE, AWL_ETHREAD, (&s->lock)) \
	/* Event.set: is_set() is true, the waiter hung; a second, correct set does nothing */ \
	X(LOOP_THREAD, awl_event_set, CODE, AWL_ETHREAD, (&s->event)) \
	X(LOOP_THREAD, awl_event_clear, CODE, AWL_ETHREAD, (&s->event)) \
	X(LOOP_THREAD, awl_event_is_set, CODE, AWL_ETHREAD, (&s->event)) \
	X(TASK, awl_event_wait, CODE, AWL_ETHREAD, (&s->event)) \
	X(LOOP_THREAD, awl_event_destroy, CODE, AWL_ETHREAD, (&s->event)) \
	X(TASK, awl_condition_acquire, CODE, AWL_ETHREAD, (&s->condition)) \
	X(LOOP_THREAD, awl_condition_release, CODE, AWL_ETHREAD, (&s->condition)) \
	X(LOOP_THREAD, awl_condition_locked, CODE, AWL_ETHREAD, (&s->condition)) \
	X(TASK, awl_condition_wait, CODE, AWL_ETHREAD, (&s->condition)) \
	X(TASK, awl_condition_wait_for, CODE, AWL_ETHREAD, (&s->condition, must_not_start, s)) \
	X(LOOP_THREAD, awl_condition_notify, CODE, AWL_ETHREAD, (&s->condition, 1)) \
	X(LOOP_THREAD, awl_condition_notify_all, CODE, AWL_ETHREAD, (&s->condition)) \
	X(LOOP_THREAD, awl_condition_destroy, CODE, AWL_ETHREAD, (&s->condition)) \
	/* Semaphore.release: the state changed, the waiter hung */ \
	X(TASK, awl_semaphore_acquire, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(LOOP_THREAD, awl_semaphore_acquire_nowait, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(LOOP_THREAD, awl_semaphore_release, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(LOOP_THREAD, awl_semaphore_locked, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(LOOP_THREAD, awl_semaphore_value, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(LOOP_THREAD, awl_semaphore_destroy, CODE, AWL_ETHREAD, (&s->semaphore)) \
	X(TASK, awl_limiter_acquire, CODE, AWL_ETHREAD, (&s->limiter)) \
	X(TASK, awl_limiter_acquire_nowait, CODE, AWL_ETHREAD, (&s->limiter)) \
	X(LOOP_THREAD, awl_limiter_release, CODE, AWL_ETHREAD, (&s->limiter)) \
	X(LOOP_THREAD, awl_limiter_set_total, CODE, AWL_ETHREAD, (&s->limiter, 9)) \
	X(LOOP_THREAD, awl_limiter_total, CODE, AWL_ETHREAD, (&s->limiter)) \
	X(LOOP_THREAD, awl_limiter_borrowers, CODE, AWL_ETHREAD, (&s->limiter, &out.task, 1)) \
	X(LOOP_THREAD, awl_limiter_destroy, CODE, AWL_ETHREAD, (&s->limiter)) \
	X(TASK, awl_barrier_wait, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_reset, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_abort, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_parties, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_n_waiting, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_broken, CODE, AWL_ETHREAD, (&s->barrier)) \
	X(LOOP_THREAD, awl_barrier_destroy, CODE, AWL_ETHREAD, (&s->barrier)) \
	/* Queue.put_nowait, get_nowait: the item moved, and who waited for it hung */ \
	X(TASK, awl_queue_put, CODE, AWL_ETHREAD, (&s->full, &out.item)) \
	X(TASK, awl_queue_get, CODE, AWL_ETHREAD, (&s->empty, &out.item)) \
	X(LOOP_THREAD, awl_queue_put_nowait, CODE, AWL_ETHREAD, (&s->empty, &out.item)) \
	X(LOOP_THREAD, awl_queue_get_nowait, CODE, AWL_ETHREAD, (&s->full, &out.item)) \
	X(LOOP_THREAD, awl_queue_task_done, CODE, AWL_ETHREAD, (&s->full)) \
	X(TASK, awl_queue_join, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_shutdown, CODE, AWL_ETHREAD, (&s->full, 1)) \
	X(LOOP_THREAD, awl_queue_open, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_close, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_qsize, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_maxsize, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_empty, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_full, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_queue_destroy, CODE, AWL_ETHREAD, (&s->full)) \
	X(LOOP_THREAD, awl_watch_set, CODE, AWL_ETHREAD, (&s->watch, &out.item)) \
	X(LOOP_THREAD, awl_watch_get, CODE, AWL_ETHREAD, (&s->watch, &out.item)) \
	X(TASK, awl_watch_changed, CODE, AWL_ETHREAD, (&s->watch, &out.version, &out.item)) \
	X(LOOP_THREAD, awl_watch_shutdown, CODE, AWL_ETHREAD, (&s->watch)) \
	X(LOOP_THREAD, awl_watch_destroy, CODE, AWL_ETHREAD, (&s->watch)) \
	X(LOOP_THREAD, awl_broadcast_send, CODE, AWL_ETHREAD, (&s->broadcast, &out.item)) \
	X(LOOP_THREAD, awl_broadcast_shutdown, CODE, AWL_ETHREAD, (&s->broadcast)) \
	X(LOOP_THREAD, awl_broadcast_destroy, CODE, AWL_ETHREAD, (&s->broadcast)) \
	X(LOOP_THREAD, awl_broadcast_subscribe, CODE, AWL_ETHREAD, \
		(&s->broadcast, &out.subscriber)) \
	X(TASK, awl_subscriber_get, CODE, AWL_ETHREAD, (s->subscriber, &out.item)) \
	X(LOOP_THREAD, awl_subscriber_get_nowait, CODE, AWL_ETHREAD, (s->subscriber, &out.item))

#define AS_FUNCTION(tag, function, how, code, arguments) \
	static int64_t call_##function(struct scene *s) \
	{ \
		(void)s; \
		return how(function arguments); \
	}
ROWS(AS_FUNCTION)
ROWS_WITH_A_HOME(AS_FUNCTION)

#define AS_ROW(tag, function, how, code, arguments) \
	{ "AWL_" #tag, #function, code, REFUSAL(code), call_##function },
#define AS_ROW_WITH_A_HOME(tag, function, how, code, arguments) \
	{ "AWL_" #tag, #function, code, AWL_EOTHERLOOP, call_##function },
#define REFUSAL(code) ((code) == AWL_ETHREAD || (code) == AWL_ERUNNING ? (code) : 0)
static const struct row {
	const char *tag, *function;
	int64_t code;
	int64_t in_another_loop; /* 0: there it acts upon that one */
	int64_t (*call)(struct scene *s);
} rows[] = { ROWS(AS_ROW) ROWS_WITH_A_HOME(AS_ROW_WITH_A_HOME) };

#endif
