/* connlog: who came and who went, as lines of the log. */
#include "loop/connlog.h"

static void
add_peer(struct log_line *l, const struct peer *p)
{
	log_str(l, "client", p->text);
	if (p->secure)
		log_str(l, "identity", p->proof != NULL ? p->proof->text :
		    "unknown");
}

static void
add_export(struct log_line *l, const struct generation *g)
{
	log_str(l, "export", g->name);
	log_num(l, "generation", g->number);
	log_str(l, "mode", mode_names[g->record.mode]);
}

void
connlog_begin(const struct peer *p, const struct generation *g,
    enum log_level level)
{
	struct log_line l;

	log_begin(&l, level, "connected");
	add_peer(&l, p);
	add_export(&l, g);
	log_end(&l);
}

void
connlog_end(const struct peer *p, const struct generation *g,
    const struct stats_counters *n, enum log_level level, const char *reason)
{
	struct log_line l;

	log_begin(&l, level, "disconnected");
	add_peer(&l, p);
	if (g != NULL)
		add_export(&l, g);
	if (n != NULL) {
		log_num(&l, "read", atomic_load(&n->bytes_read));
		log_num(&l, "written", atomic_load(&n->bytes_written));
		log_num(&l, "errors", atomic_load(&n->errors));
	}
	log_str(&l, "reason", reason);
	log_end(&l);
}
