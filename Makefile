# nbdmux.  make, make run, make check; make help lists the rest.
#
# A folder of src/ is a layer and becomes one library; the order in LIBS_x is
# the direction in which layers may include each other.

VERSION   := 0.1.0
BUILD     ?= build
BIN       ?= $(if $(filter build,$(BUILD)),bin,$(BUILD)/bin)
V         ?= 0
Q         := $(if $(filter 0,$(V)),@)

prefix    ?= /usr/local
sbindir   ?= $(prefix)/sbin
sysconfdir := /etc# where the programs look, whatever the prefix
mandir    ?= $(prefix)/share/man

CC        ?= cc
CFLAGS    ?= -O2 -g
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
             $(if $(CI),-Werror)
HARDEN    ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
PKG       := $(shell pkg-config --cflags libbsd inih 2>/dev/null)
ALL_CPPFLAGS = -Isrc -D_GNU_SOURCE -DNBDMUX_VERSION='"$(VERSION)"' $(PKG) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARN) $(HARDEN) -pthread $(CFLAGS)
ALL_LDFLAGS  = $(HARDEN_LD) -pthread $(LDFLAGS)
LDLIBS       = -lev -lbsd -lmd -linih -lm

# GnuTLS is taken where pkg-config finds it; TLS=no does without (in a BUILD of
# its own: objects of both do not mix).
TLS       ?= $(if $(shell pkg-config --exists 'gnutls >= 3.7' && echo yes),yes,no)
TLS_LIBS  := $(if $(filter yes,$(TLS)),$(shell pkg-config --libs gnutls))
OMIT_tls  := $(if $(filter yes,$(TLS)),src/tls/absent.c,$(filter-out src/tls/absent.c,$(wildcard src/tls/*.c)))

# So are libcurl, libarchive, nettle and jansson; FETCH=no builds no
# nbdmux-fetch.
FETCH_PKG := libcurl libarchive nettle jansson
FETCH     ?= $(if $(shell pkg-config --exists $(FETCH_PKG) && echo yes),yes,no)
FETCH_LIBS := $(if $(filter yes,$(FETCH)),$(shell pkg-config --libs $(FETCH_PKG)))
OMIT_fetch := $(if $(filter yes,$(FETCH)),,$(wildcard src/fetch/*.c))
OMITTED   := $(if $(filter yes,$(FETCH)),,nbdmux-fetch)
ifneq ($(FETCH),yes)
WITHOUT   += nbdmux-fetch: $(FETCH_PKG);
endif

# jansson and nettle are for nbdmux.cgi; HTTP=no does without.
HTTP_PKG  := jansson nettle
HTTP      ?= $(if $(shell pkg-config --exists $(HTTP_PKG) && echo yes),yes,no)
HTTP_LIBS := $(if $(filter yes,$(HTTP)),$(shell pkg-config --libs $(HTTP_PKG)))
OMIT_http := $(if $(filter yes,$(HTTP)),,$(wildcard src/http/*.c))
ifneq ($(HTTP),yes)
OMITTED   += nbdmux.cgi
WITHOUT   += nbdmux.cgi: $(HTTP_PKG);
endif

LAYERS    := base wire spool export session tls loop tool fetch http
LIBS_base    := base
LIBS_wire    := wire
LIBS_spool   := spool base
LIBS_export  := export spool base
LIBS_session := session export spool wire base
LIBS_tls     := tls base
LIBS_loop    := loop tls session export spool wire base
LIBS_tool    := tool spool base
LIBS_fetch   := fetch tool spool base
LIBS_http    := http tool spool wire base

PROGRAMS  := $(filter-out $(OMITTED),$(basename $(notdir $(wildcard src/main/*.c))))
LIBS_main_nbdmuxd := $(LIBS_loop)
LIBS_main_nbdmux-fetch := $(LIBS_fetch)
LIBS_main_nbdmux.cgi := $(LIBS_http)
libs       = $(patsubst %,$(BUILD)/lib%.a,$(1))
other_libs = $(if $(filter tls,$(1)),$(TLS_LIBS)) $(if $(filter fetch,$(1)),$(FETCH_LIBS)) $(if $(filter http,$(1)),$(HTTP_LIBS))

.PHONY: all
all: $(PROGRAMS:%=$(BIN)/%)
	$(if $(strip $(OMITTED)),@echo "  left out for want of libraries: $(WITHOUT)")

# --- objects, libraries, programs ------------------------------------------

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC   $<")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define layer
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(OMIT_$(1)),$(wildcard src/$(1)/*.c)))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

define program
$(BIN)/$(1): $(BUILD)/src/main/$(1).o $(call libs,$(or $(LIBS_main_$(1)),$(LIBS_tool)))
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  LINK $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS) $(call other_libs,$(LIBS_main_$(1)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# --- tests: t/unit/LAYER_what.c links LAYER and what is below it ------------

UNITS     := $(basename $(notdir $(wildcard t/unit/*.c)))
ifneq ($(TLS),yes)
UNITS     := $(filter-out tls_%,$(UNITS))
endif
ifneq ($(FETCH),yes)
UNITS     := $(filter-out fetch_%,$(UNITS))
endif
ifneq ($(HTTP),yes)
UNITS     := $(filter-out http_%,$(UNITS))
endif
define unit
$(BUILD)/t/unit/$(1): $(BUILD)/t/unit/$(1).o $(call libs,$(LIBS_$(firstword $(subst _, ,$(1)))))
	$$(if $$(Q),@echo "  LINK $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS) $(call other_libs,$(LIBS_$(firstword $(subst _, ,$(1)))))
endef
$(foreach u,$(UNITS),$(eval $(call unit,$(u))))

.PHONY: units $(LAYERS:%=unit-%)
units: $(UNITS:%=$(BUILD)/t/unit/%)
# make unit-base: build and run the unit tests of one layer
$(LAYERS:%=unit-%): unit-%: units-of-%
units-of-%:
	$(Q)$(MAKE) --no-print-directory $(patsubst %,$(BUILD)/t/unit/%,$(filter $*_%,$(UNITS)))
	$(Q)for u in $(patsubst %,$(BUILD)/t/unit/%,$(filter $*_%,$(UNITS))); do echo "# $$u"; $$u || exit 1; done

# t/lib/fault*.c are preloaded into the daemon, other t/lib/*.c are programs
TEST_LIBS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard t/lib/fault*.c))
TEST_PROGS := $(patsubst %.c,$(BUILD)/%,$(filter-out t/lib/fault%,$(wildcard t/lib/*.c)))
$(BUILD)/t/lib/%.so: t/lib/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK $@")
	$(Q)$(CC) -D_GNU_SOURCE $(WARN) -O1 -g -fPIC -shared -o $@ $< -ldl -pthread
$(TEST_PROGS): $(BUILD)/t/lib/%: $(BUILD)/t/lib/%.o $(call libs,wire base)
	$(if $(Q),@echo "  LINK $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lbsd -linih -lm

include t/bench.mk

# The fuzzers' targets without a fuzzer, for what they have found: t/fuzz.bats
REPLAYS := $(patsubst %.c,$(BUILD)/%,$(filter-out $(if $(filter yes,$(HTTP)),,%_http.c),$(wildcard t/fuzz/fuzz_*.c)))
$(BUILD)/t/fuzz/fuzz_http: $(call libs,http)
$(BUILD)/t/fuzz/fuzz_http: LDLIBS += $(HTTP_LIBS)
$(BUILD)/t/fuzz/fuzz_session: $(addprefix $(BUILD)/t/fuzz/,talk.o stream.o replies.o memory.o)
$(BUILD)/t/fuzz/fuzz_session: WRAP = $(shell cat t/fuzz/memory.wrap)
$(REPLAYS): %: %.o $(BUILD)/t/fuzz/replay.o $(call libs,tool $(LIBS_session))
	$(if $(Q),@echo "  LINK $@")
	$(Q)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)
# for t/fuzz/afl: the session's corpus as what clients send
$(BUILD)/t/fuzz/streams: $(addprefix $(BUILD)/t/fuzz/,streams.o stream.o talk.o) $(call libs,wire base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lbsd -linih -lm

.PHONY: test-programs
test-programs: all units $(TEST_LIBS) $(TEST_PROGS) $(REPLAYS) bench-programs

# --- the two commands -------------------------------------------------------

.PHONY: run check test
run:
	$(Q)t/packages build run
	$(Q)$(MAKE) --no-print-directory all
	$(Q)t/run $(BIN)

check:
	$(Q)t/packages build test
	$(Q)$(MAKE) --no-print-directory -j2 test-programs
	$(Q)$(MAKE) --no-print-directory test

# T="t/live.bats t/faults.bats" runs some of the tests
T ?= $(wildcard t/*.bats)
test:
	$(Q)NBDMUX_BIN=$(BIN) NBDMUX_BUILD=$(BUILD) bats $(BATSFLAGS) $(T)

# --- other builds and judges ------------------------------------------------

SANITIZE = $(MAKE) --no-print-directory HARDEN= HARDEN_LD= \
	BUILD=build-$(1) CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=$(2)" \
	LDFLAGS="-fsanitize=$(2)"

.PHONY: asan asan-test tsan tsan-test fuzz fuzz-afl lint
asan:
	$(Q)$(call SANITIZE,asan,address$(comma)undefined) -j2 test-programs
asan-test: asan
	$(Q)ASAN_OPTIONS="allocator_may_return_null=1:$(ASAN_OPTIONS)" $(call SANITIZE,asan,address$(comma)undefined) test
tsan:
	$(Q)$(call SANITIZE,tsan,thread) -j2 test-programs
tsan-test: tsan
	$(Q)TSAN_OPTIONS="allocator_may_return_null=1 suppressions=$(CURDIR)/t/lib/tsan.supp $(TSAN_OPTIONS)" \
	    $(call SANITIZE,tsan,thread) test T="$(TSAN_TESTS)"
TSAN_TESTS := t/units.bats t/live.bats t/load.bats
comma := ,

FUZZ_SECONDS ?= 60
fuzz:
	$(Q)t/packages build fuzz
	$(Q)t/fuzz/run $(FUZZ_SECONDS)

fuzz-afl:
	$(Q)t/packages build afl
	$(Q)t/fuzz/afl $(FUZZ_SECONDS)

lint:
	$(Q)t/packages build lint
	$(Q)t/lint

# The picture that README shows, made anew.
.PHONY: screenshot
screenshot: all
	$(Q)t/packages build test
	$(Q)t/screenshot $(BIN) man/dashboard.png

# --- installation -----------------------------------------------------------

# Debian's web servers look for CGI programs in /usr/lib/cgi-bin.
cgidir    ?= $(prefix)/lib/cgi-bin
wwwdir    ?= $(prefix)/share/nbdmux/www
TOOLS     := $(filter-out %.cgi,$(PROGRAMS))

.PHONY: install
install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(sysconfdir)/nbdmux
	install -m 755 $(TOOLS:%=$(BIN)/%) $(DESTDIR)$(sbindir)
ifeq ($(HTTP),yes)
	install -d $(DESTDIR)$(cgidir) $(DESTDIR)$(wwwdir) $(DESTDIR)$(prefix)/share/nbdmux/lighttpd
	install -m 755 $(BIN)/nbdmux.cgi $(DESTDIR)$(cgidir)
	install -m 644 etc/www/* $(DESTDIR)$(wwwdir)
	for conf in nbdmux nbdmux-subpath; do \
		sed -e 's|/usr/lib/cgi-bin|$(cgidir)|' -e 's|/usr/share/nbdmux/www|$(wwwdir)|' \
			etc/lighttpd/$$conf.conf >$(DESTDIR)$(prefix)/share/nbdmux/lighttpd/$$conf.conf || exit 1; \
	done
endif
	for section in 5 7 8; do \
		install -d $(DESTDIR)$(mandir)/man$$section && \
		install -m 644 man/*.$$section $(DESTDIR)$(mandir)/man$$section || exit 1; \
	done
	test -e $(DESTDIR)$(sysconfdir)/nbdmux/nbdmuxd.conf || \
		install -m 644 etc/nbdmuxd.conf $(DESTDIR)$(sysconfdir)/nbdmux
	install -d $(DESTDIR)$(prefix)/lib/systemd/system \
		$(DESTDIR)$(prefix)/lib/sysusers.d $(DESTDIR)$(prefix)/lib/tmpfiles.d
	sed 's|/usr/sbin/|$(sbindir)/|' \
		etc/systemd/nbdmuxd.service \
		>$(DESTDIR)$(prefix)/lib/systemd/system/nbdmuxd.service
	install -m 644 etc/systemd/nbdmuxd.socket \
		$(DESTDIR)$(prefix)/lib/systemd/system
	install -m 644 etc/sysusers.d/nbdmux.conf $(DESTDIR)$(prefix)/lib/sysusers.d
	install -m 644 etc/tmpfiles.d/nbdmux.conf $(DESTDIR)$(prefix)/lib/tmpfiles.d
	install -d $(DESTDIR)$(prefix)/share/bash-completion/completions
	install -m 644 etc/completion/nbdmux \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/nbdmux
	for p in $(TOOLS); do \
		ln -sf nbdmux $(DESTDIR)$(prefix)/share/bash-completion/completions/$$p || exit 1; \
	done

.PHONY: clean help
clean:
	$(Q)rm -rf build build-* $(PROGRAMS:%=bin/%)

help:
	@echo "make              build bin/"
	@echo "make run          install what is missing, build, serve a sample image"
	@echo "make check        install what tests need, build, run all tests"
	@echo "make test T=...   run some tests: t/live.bats ..."
	@echo "make unit-base    build and run one layer's unit tests"
	@echo "make asan         build with Address- and UBSanitizer; asan-test runs all"
	@echo "make tsan         build with ThreadSanitizer; tsan-test runs the load tests"
	@echo "make fuzz         fuzz for FUZZ_SECONDS each (60)"
	@echo "make fuzz-afl     AFL++ on nbdmuxd --stdio, for as long"
	@echo "make lint         clang-tidy, cppcheck, shellcheck, mandoc"
	@echo "make screenshot   make man/dashboard.png anew"
	@echo "make bench        compare with nbdkit, qemu-nbd and nbd-server: a quarter of an"
	@echo "                  hour; bench-quick: two minutes"
	@echo "make instructions  count them per request; fails at 5% more than stored"
	@echo "make TLS=no BUILD=build-plain    without GnuTLS; FETCH=no: without libcurl"
	@echo "                  HTTP=no: without jansson and nettle"
	@echo "make bench-hostile  latency among ten thousand hostile clients"
	@echo "make install      DESTDIR, prefix (/usr/local)"
	@echo "V=1 shows the commands"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
