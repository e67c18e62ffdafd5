#!/bin/sh
# SPDX-License-Identifier: MIT
# What is installed can be used: by pkg-config, shared and static; and the library is what it promises
# to be to a loader.
set -u
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
n=0 failed=0

case_() { # name, command...
	n=$((n + 1))
	name=$1
	shift
	if said=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		echo "$said" | sed 's/^/# /'
	fi
}

lib=$AWL_BUILD/src/libawl.so
has_soname_0() {
	readelf -d "$lib" | grep -q 'SONAME.*\[libawl\.so\.0\]'
}
needs_no_text_relocation() {
	! readelf -d "$lib" | grep TEXTREL
}
has_no_executable_stack() {
	! readelf -lW "$lib" | grep 'GNU_STACK.*E'
}
finds_its_thread_locals_by_initial_exec() {
	! readelf -rW "$lib" | grep -E 'DTPMOD|TLSDESC'
}
installs() {
	meson install -C "$AWL_BUILD" --no-rebuild --destdir "$dest"
}

case_ the_library_has_soname_0 has_soname_0
case_ the_library_needs_no_text_relocation needs_no_text_relocation
case_ the_library_has_no_executable_stack has_no_executable_stack
case_ the_library_finds_its_thread_locals_by_initial_exec finds_its_thread_locals_by_initial_exec
installs_manual_pages() {
	man=$(find "$dest" -type d -name man) && test -f "$man/man7/awl.7" &&
		test -f "$man/man3/awl_run.3" && grep -qx '.so man3/awl_run.3' "$man/man3/awl_run_with.3"
}
case_ it_installs installs
case_ it_installs_manual_pages installs_manual_pages

pc=$(find "$dest" -name awl.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$dest
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
cat >"$dest/program.c" <<-'EOF'
	#include <awl.h>
	#include <stdio.h>
	#include <string.h>
	int main(void)
	{
		char header[32];

		snprintf(header, sizeof(header), "%d.%d.%d", AWL_VERSION_MAJOR, AWL_VERSION_MINOR,
			AWL_VERSION_PATCH);
		return strcmp(header, awl_version()) != 0;
	}
EOF

# shellcheck disable=SC2046 # pkg-config's words
links_shared() {
	gcc "$dest/program.c" -o "$dest/shared" $(pkg-config --cflags --libs awl) &&
		LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$dest/shared"
}
# shellcheck disable=SC2046
links_static() {
	libs=$(pkg-config --static --libs awl | sed 's/-lawl/-l:libawl.a/')
	# shellcheck disable=SC2086
	gcc "$dest/program.c" -o "$dest/static" $(pkg-config --cflags awl) $libs && "$dest/static"
}
# shellcheck disable=SC2046
links_from_cplusplus() {
	g++ -x c++ "$dest/program.c" -o "$dest/cplusplus" $(pkg-config --cflags --libs awl) &&
		LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$dest/cplusplus"
}
version_agrees() {
	[ "$(pkg-config --modversion awl)" = "$(sed -n "s/.*version: '\([0-9.]*\)'.*/\1/p" \
		"$AWL_SOURCE/meson.build" | head -n 1)" ]
}
case_ a_program_links_the_shared_library links_shared
case_ a_program_links_the_static_library links_static
case_ a_program_of_cplusplus_links_it links_from_cplusplus
case_ pkg_config_says_the_version_of_the_build version_agrees
echo "1..$n"
exit $failed
