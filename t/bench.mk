# The benchmark: make bench, make bench-quick.  Peers that are not installed
# are left out with a reason.

BENCH_PROGRAMS := nbdload nbdscale nbdcrowd
BENCH_TLS      := $(if $(filter yes,$(TLS)),tls,notls)
BENCH_nbdload  := nbdload options print load after connect flow request trace \
    reply chunk pattern client $(BENCH_TLS) stat proc snap
BENCH_nbdscale := nbdscale client $(BENCH_TLS) proc
BENCH_nbdcrowd := nbdcrowd client $(BENCH_TLS)

define bench_program
$(BUILD)/t/bench/$(1): $(BENCH_$(1):%=$(BUILD)/t/bench/%.o) $(call libs,wire base)
	$$(if $$(Q),@echo "  LINK $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ -lbsd -linih -lm $(TLS_LIBS)
endef
$(foreach p,$(BENCH_PROGRAMS),$(eval $(call bench_program,$(p))))

# headers are named from the top of the tree: "t/bench/flow.h"
$(BUILD)/t/bench/%.o: CPPFLAGS += -I.

.PHONY: bench bench-quick bench-hostile bench-programs
bench-programs: $(BENCH_PROGRAMS:%=$(BUILD)/t/bench/%)
bench: all bench-programs
	$(Q)BENCH_BIN=$(BUILD)/t/bench NBDMUX_BIN=$(BIN) t/bench/bench
bench-quick: all bench-programs
	$(Q)BENCH_BIN=$(BUILD)/t/bench NBDMUX_BIN=$(BIN) t/bench/bench --quick
# instructions per request against the stored ones; -store stores new ones,
# to be committed with the change that they come from
.PHONY: instructions instructions-store
instructions instructions-store: all bench-programs
	$(Q)t/packages instructions
	$(Q)BENCH_BIN=$(BUILD)/t/bench NBDMUX_BIN=$(BIN) CC="$(CC)" CFLAGS="$(CFLAGS)" \
	    t/bench/instructions $(if $(filter %-store,$@),--store)
# what honest clients see of ten thousand hostile ones
bench-hostile: all bench-programs $(BUILD)/t/lib/horde
	$(Q)BENCH_BIN=$(BUILD)/t/bench NBDMUX_BIN=$(BIN) t/bench/hostile
