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
sysconfdir ?= $(if $(filter /usr,$(prefix)),/etc,$(prefix)/etc)
mandir    ?= $(prefix)/share/man

CC        ?= cc
CFLAGS    ?= -O2 -g
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
             $(if $(CI),-Werror)
HARDEN    ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
PKGS      := libbsd inih
PKG       = $(shell pkg-config --cflags libbsd inih 2>/dev/null)
ALL_CPPFLAGS = -Isrc -D_GNU_SOURCE -DNBDMUX_VERSION='"$(VERSION)"' $(PKG) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARN) $(HARDEN) -pthread $(CFLAGS)
ALL_LDFLAGS  = $(HARDEN_LD) -pthread $(LDFLAGS)
LDLIBS       = -lev -lbsd -linih -lm

LAYERS    := base wire spool export session loop tool
LIBS_base    := base
LIBS_wire    := wire
LIBS_spool   := spool base
LIBS_export  := export spool base
LIBS_session := session export spool wire base
LIBS_loop    := loop session export spool wire base
LIBS_tool    := tool spool base

PROGRAMS  := $(basename $(notdir $(wildcard src/main/*.c)))
LIBS_main_nbdmuxd := $(LIBS_loop)
libs       = $(patsubst %,$(BUILD)/lib%.a,$(1))

.PHONY: all
all: $(PROGRAMS:%=$(BIN)/%)

# --- objects, libraries, programs ------------------------------------------

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC   $<")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define layer
$(BUILD)/lib$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

define program
$(BIN)/$(1): $(BUILD)/src/main/$(1).o $(call libs,$(or $(LIBS_main_$(1)),$(LIBS_tool)))
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  LINK $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# --- tests: t/unit/LAYER_what.c links LAYER and what is below it ------------

UNITS     := $(basename $(notdir $(wildcard t/unit/*.c)))
define unit
$(BUILD)/t/unit/$(1): $(BUILD)/t/unit/$(1).o $(call libs,$(LIBS_$(firstword $(subst _, ,$(1)))))
	$$(if $$(Q),@echo "  LINK $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach u,$(UNITS),$(eval $(call unit,$(u))))

.PHONY: units $(LAYERS:%=unit-%)
units: $(UNITS:%=$(BUILD)/t/unit/%)
# make unit-base: build and run the unit tests of one layer
$(LAYERS:%=unit-%): unit-%: units-of-%
units-of-%:
	$(Q)$(MAKE) --no-print-directory $(patsubst %,$(BUILD)/t/unit/%,$(filter $*_%,$(UNITS)))
	$(Q)for u in $(patsubst %,$(BUILD)/t/unit/%,$(filter $*_%,$(UNITS))); do echo "# $$u"; $$u || exit 1; done

.PHONY: clean
clean:
	$(Q)rm -rf build build-* $(PROGRAMS:%=bin/%)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
