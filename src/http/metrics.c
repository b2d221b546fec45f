/* metrics: GET /metrics, what Prometheus scrapes. */
#include "http/http.h"
#include "tool/metrics.h"

void
metrics_show(struct http *h)
{
	struct listing_source s;
	struct listing *l = http_listing(h, &s, NULL);

	if (l == NULL)
		return;
	metrics_print(l, answer_begin(&h->answer, 200, METRICS_TYPE));
	listing_free(l);
	listing_end(&s);
}
