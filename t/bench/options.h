/* options: nbdload's command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "t/bench/load.h"

struct options {
	struct plan plan;
	struct timing timing;
	struct trace trace;
	const char *trace_file;
	bool connect;
	bool json;
};

/* Ends the program where they are wrong, or ask for help. */
void options_parse(struct options *o, int argc, char **argv);

#endif
