# SPDX-License-Identifier: MIT
# A front for meson: each target first sees to it that what it needs is there.
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=

# What `make demo` runs, in this order; what one sees is said at the head of each file.
DEMO = hello callbacks ten_children two_threads embedded philosophers pipeline rate_limiter \
	supervisor worker_pool retry_test network_test echo_client prober

BUILD_NEEDS = gcc libc6-dev meson ninja-build pkg-config liburing-dev python3
# What talks to the example servers.
CLIENTS = netcat-openbsd socat curl redis-tools
CHECK_NEEDS = $(BUILD_NEEDS) binutils g++ libcmocka-dev clang gdb $(CLIENTS)
CHECK_ALL_NEEDS = $(CHECK_NEEDS) libclang-rt-dev clang-format valgrind
BENCH_NEEDS = libuv1-dev golang-go rustc cargo librust-tokio-dev python3-uvloop redis-tools strace \
	valgrind

all: release

release:
	@tools/need $(BUILD_NEEDS)
	@tools/build build/release

demo: release
	@tools/demo build/release/examples $(DEMO)

check:
	@tools/need $(CHECK_NEEDS)
	@tools/check check

check-all:
	@tools/need $(CHECK_ALL_NEEDS)
	@tools/check clang asan tsan valgrind format

# The oracle's random programs; `make soak PROGRAMS=10000000` for more of them.
PROGRAMS ?= 1000000

soak:
	@tools/need $(CHECK_NEEDS)
	@PROGRAMS=$(PROGRAMS) tools/check soak

bench: release
	@tools/need --try $(BENCH_NEEDS)
	@bench/run

install:
	@tools/need $(BUILD_NEEDS)
	@tools/build build/release -Dprefix=$(abspath $(PREFIX)) -Dlibdir=$(LIBDIR)
	@meson install -C build/release --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	@test -n "$(DESTDIR)" || test "$$(id -u)" != 0 || /sbin/ldconfig

clean:
	rm -rf build

.PHONY: all release demo check check-all soak bench install clean
