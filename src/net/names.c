/* SPDX-License-Identifier: MIT */
/*
 * names.c - the resolver as a function that waits: it runs in the pool, on copies of its own, with
 * a thread's stack and not a task's.
 */
#include "net/names.h"
#include "base/clock.h"
#include "net/literal.h"
#include "thread/executor.h"

#include <awl/names.h>

#include <string.h>

struct awl__resolver awl__resolver = { getaddrinfo, getnameinfo };

/* What is asked, of the thread that has it. */
struct question {
	int64_t slow; /* told of, if it took that long */
	int error, system; /* an EAI_ code, and the errno of EAI_SYSTEM */
};

static struct question question(const struct awl__task *t)
{
	const awl_loop *l = awl__task_loop(t);

	return (struct question){ .slow = l->debug ? awl__load(&l->slow) : AWL_FOREVER };
}

static void tell_slow(const struct question *q, int64_t took, const char *call, const char *name)
{
	if (took >= q->slow)
		awl__report(AWL_LOG_INFO, "%s of \"%s\" took %.3f s", call, name,
			(double)took / AWL_SEC);
}

static int code_of(int error, int system)
{
	switch (error) {
	case EAI_AGAIN:
	case EAI_FAIL:
		return AWL_ENAMESERVER;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_FAMILY:
		return -EAFNOSUPPORT;
	case EAI_BADFLAGS:
	case EAI_SOCKTYPE:
		return -EINVAL;
	case EAI_OVERFLOW:
		return -EOVERFLOW;
	case EAI_SYSTEM:
		return system > 0 ? -system : -EIO;
	default:
		return AWL_ENONAME;
	}
}

static int answer(const struct question *q, const char *call, const char *name)
{
	int r;

	if (!q->error)
		return 0;
	r = code_of(q->error, q->system);
	return awl__fail(r, "%s of \"%s\": %s", call, name,
		q->error == EAI_SYSTEM ? awl_strerror(r) : gai_strerror(q->error));
}

/* A name's time on sim. */
static int pass(struct awl__task *t, int64_t ns, bool leaves)
{
	int64_t until = awl__clock_after(awl__reactor_now(awl__task_loop(t)->reactor), ns);
	uint16_t shield = t->shield;
	int r = 0;

	if (ns <= 0) {
		awl__task_pause(t);
		return 0;
	}
	if (!leaves)
		t->shield = AWL__UNINTERRUPTED;
	while (r == 0 && !awl__park(t, AWL__WAITS_SLEEP, (uint64_t)until, until))
		r = awl__deliver(t);
	t->shield = shield;
	return r;
}

static int in_pool(struct awl__task *t, awl_fn *fn, void *arg, size_t size,
	void (*drop)(void *copy), bool leaves, const char *call)
{
	if (leaves)
		return awl__executor_leave(t, NULL, AWL__JOB_NAME, fn, arg, size, drop, call);
	return awl__executor_stay(t, NULL, AWL__JOB_NAME, fn, arg, call);
}

static int begin(struct awl__task **t, const char *call)
{
	int r = awl__self(t, call);

	return r < 0 ? r : awl__wait_begin(*t);
}

/* Answered without waiting: now and then it is the others' turn all the same. */
static void at_once(struct awl__task *t)
{
	if (--awl__task_loop(t)->budget <= 0)
		awl__task_pause(t);
}

/* --- from names to addresses --- */

struct forward {
	struct question q;
	const char *call;
	struct addrinfo *found; /* the system's list */
	struct addrinfo hints;
	bool has_hints, has_host, has_service;
	char host[NI_MAXHOST], service[NI_MAXSERV];
};

static const char *words_of(const struct forward *f)
{
	return f->has_host ? f->host : f->service;
}

static int look_up(void *arg)
{
	struct forward *f = arg;
	int64_t began = awl__clock_now();

	f->q.error = awl__resolver.getaddrinfo(f->has_host ? f->host : NULL,
		f->has_service ? f->service : NULL, f->has_hints ? &f->hints : NULL, &f->found);
	f->q.system = errno;
	tell_slow(&f->q, awl__clock_now() - began, f->call, words_of(f));
	return 0;
}

static void drop_found(void *arg)
{
	struct forward *f = arg;

	if (!f->q.error)
		freeaddrinfo(f->found);
}

static int ask_system(struct awl__task *t, struct forward *f, bool leaves, struct addrinfo **ret)
{
	int r = in_pool(t, look_up, f, sizeof *f, drop_found, leaves, f->call);

	if (r < 0 || f->q.error)
		return r;
	*ret = awl__address_list_copy(f->found);
	freeaddrinfo(f->found);
	if (!*ret)
		f->q.error = EAI_MEMORY;
	return 0;
}

static struct awl__sim_host localhost(struct sockaddr_storage a[2])
{
	*(struct sockaddr_in6 *)&a[0] =
		(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	*(struct sockaddr_in *)&a[1] = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return (struct awl__sim_host){ .count = 2, .addresses = a };
}

static int ask_sim(struct awl__task *t, struct forward *f, bool leaves, struct addrinfo **ret)
{
	const struct addrinfo *hints = f->has_hints ? &f->hints : NULL;
	struct sockaddr_storage own[2];
	struct awl__sim_host host = localhost(own);
	const struct awl__sim_host *known =
		awl__sim_lookup(awl__task_loop(t)->reactor, f->has_host ? f->host : "");
	struct addrinfo *list = NULL;
	in_port_t port;
	int r;

	if (known)
		host = *known;
	else if (!f->has_host || strcmp(f->host, "localhost") != 0)
		host = (struct awl__sim_host){ .error = EAI_NONAME };
	/* What is borrowed is used before the wait. */
	f->q.error = host.error;
	if (!f->q.error)
		f->q.error = awl__literal_port(f->has_service ? f->service : NULL, hints, &port);
	if (f->q.error == AWL__NOT_A_LITERAL)
		f->q.error = EAI_SERVICE;
	if (!f->q.error)
		f->q.error =
			awl__address_list(host.addresses, host.count, f->host, port, hints, &list);
	r = pass(t, host.delay, leaves);
	if (r < 0) {
		awl_freeaddrinfo(list);
		return r;
	}
	tell_slow(&f->q, host.delay, f->call, words_of(f));
	*ret = list;
	return 0;
}

static int copy_word(char *to, size_t size, const char *word, const char *call)
{
	size_t len = strlen(word);

	if (len >= size)
		return awl__fail(AWL_ENONAME, "%s: longer than any name: %.40s...", call, word);
	memcpy(to, word, len + 1);
	return 0;
}

static int forward_init(struct forward *f, struct awl__task *t, const char *host,
	const char *service, const struct addrinfo *hints, const char *call)
{
	int r = 0;

	/* Not the words, which are long. */
	memset(f, 0, offsetof(struct forward, host));
	f->q = question(t);
	f->call = call;
	f->has_host = host != NULL;
	f->has_service = service != NULL;
	f->has_hints = hints != NULL;
	f->host[0] = f->service[0] = '\0';
	if (hints) {
		f->hints.ai_flags = hints->ai_flags;
		f->hints.ai_family = hints->ai_family;
		f->hints.ai_socktype = hints->ai_socktype;
		f->hints.ai_protocol = hints->ai_protocol;
	}
	if (host)
		r = copy_word(f->host, sizeof f->host, host, call);
	if (r == 0 && service)
		r = copy_word(f->service, sizeof f->service, service, call);
	return r;
}

static int resolve(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret, bool leaves, const char *call)
{
	struct addrinfo *list = NULL;
	struct awl__task *t;
	struct forward f;
	int r;

	if (!ret)
		return awl__fail(-EINVAL, "%s: ret is NULL", call);
	r = begin(&t, call);
	if (r == 0)
		r = forward_init(&f, t, host, service, hints, call);
	if (r < 0)
		return r;
	f.q.error = awl__literal_list(host, service, hints, &list);
	if (f.q.error != AWL__NOT_A_LITERAL)
		at_once(t);
	else
		r = awl__task_loop(t)->virtual_time ? ask_sim(t, &f, leaves, &list)
						    : ask_system(t, &f, leaves, &list);
	if (r == 0)
		r = answer(&f.q, call, words_of(&f));
	if (r == 0)
		*ret = list;
	return r;
}

int awl_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	return resolve(host, service, hints, ret, false, __func__);
}

int awl_getaddrinfo_abandonable(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	return resolve(host, service, hints, ret, true, __func__);
}

/* --- and back --- */

struct backward {
	struct question q;
	const char *call;
	struct sockaddr_storage addr;
	socklen_t len;
	int flags;
	char host[NI_MAXHOST], service[NI_MAXSERV];
};

static void call_getnameinfo(struct backward *b)
{
	b->q.error = awl__resolver.getnameinfo((struct sockaddr *)&b->addr, b->len, b->host,
		sizeof b->host, b->service, sizeof b->service, b->flags);
	b->q.system = errno;
}

static const char *address_of(const struct backward *b, char text[AWL_ADDRESS_TEXT])
{
	return awl_address_text((const struct sockaddr *)&b->addr, b->len, text, AWL_ADDRESS_TEXT);
}

static int look_back(void *arg)
{
	struct backward *b = arg;
	int64_t began = awl__clock_now();
	char text[AWL_ADDRESS_TEXT];

	call_getnameinfo(b);
	tell_slow(&b->q, awl__clock_now() - began, b->call, address_of(b, text));
	return 0;
}

/* Nothing is needed but numbers, or there is nobody who knows more. */
static bool is_numeric(const struct backward *b, const struct awl__task *t)
{
	int numbers = NI_NUMERICHOST | NI_NUMERICSERV;
	bool is_ip = b->addr.ss_family == AF_INET || b->addr.ss_family == AF_INET6;

	return awl__task_loop(t)->virtual_time || (is_ip && (b->flags & numbers) == numbers);
}

static int give(const struct backward *b, char *host, size_t host_size, char *service,
	size_t service_size, const char *call)
{
	size_t host_len = strlen(b->host) + 1, service_len = strlen(b->service) + 1;

	if ((host && host_len > host_size) || (service && service_len > service_size))
		return awl__fail(-EOVERFLOW, "%s: the name or the service does not fit", call);
	if (host)
		memcpy(host, b->host, host_len);
	if (service)
		memcpy(service, b->service, service_len);
	return 0;
}

static int name(struct awl__task *t, struct backward *b, bool leaves)
{
	char text[AWL_ADDRESS_TEXT];
	int r = 0;

	if (!is_numeric(b, t)) {
		r = in_pool(t, look_back, b, sizeof *b, NULL, leaves, b->call);
	} else {
		if (awl__task_loop(t)->virtual_time && b->flags & NI_NAMEREQD &&
			!(b->flags & NI_NUMERICHOST)) {
			b->q.error = EAI_NONAME;
		} else {
			b->flags |= NI_NUMERICHOST | NI_NUMERICSERV;
			call_getnameinfo(b);
		}
		at_once(t);
	}
	return r < 0 ? r : answer(&b->q, b->call, address_of(b, text));
}

static int reverse(const struct sockaddr *addr, socklen_t len, char *host, size_t host_size,
	char *service, size_t service_size, int flags, bool leaves, const char *call)
{
	struct backward b;
	struct awl__task *t;
	int r;

	if (!addr || len < sizeof addr->sa_family || len > sizeof b.addr)
		return awl__fail(-EINVAL, "%s: no address", call);
	r = begin(&t, call);
	if (r < 0)
		return r;
	b.q = question(t);
	b.call = call;
	memcpy(&b.addr, addr, len);
	b.len = len;
	/* Both are always asked for; what nobody wants is asked for in numbers. */
	b.flags = flags | (host ? 0 : NI_NUMERICHOST) | (service ? 0 : NI_NUMERICSERV);
	r = name(t, &b, leaves);
	return r < 0 ? r : give(&b, host, host_size, service, service_size, call);
}

int awl_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, size_t host_size,
	char *service, size_t service_size, int flags)
{
	return reverse(addr, len, host, host_size, service, service_size, flags, false, __func__);
}

int awl_getnameinfo_abandonable(const struct sockaddr *addr, socklen_t len, char *host,
	size_t host_size, char *service, size_t service_size, int flags)
{
	return reverse(addr, len, host, host_size, service, service_size, flags, true, __func__);
}
