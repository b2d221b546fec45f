/* webaddress: addresses, taken apart and put together. */
#include <stdlib.h>
#include <string.h>

#include "fetch/webpriv.h"
#include "spool/url.h"

static char *
url_part(const char *url, const char *ref, CURLUPart part, unsigned flags)
{
	CURLU *u = curl_url();
	char *text = NULL, *copy = NULL;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    (ref == NULL || curl_url_set(u, CURLUPART_URL, ref, 0) ==
	    CURLUE_OK) && curl_url_get(u, part, &text, flags) == CURLUE_OK)
		copy = strdup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}

char *
web_resolve(const char *url, const char *ref)
{
	char *text = url_part(url, ref, CURLUPART_URL, 0);

	if (text != NULL && url_check(text, NULL) == -1) {
		free(text);
		text = NULL;
	}
	return text;
}

char *
web_basename(const char *url)
{
	char *path = url_part(url, NULL, CURLUPART_PATH, CURLU_URLDECODE);
	char *slash = path != NULL ? strrchr(path, '/') : NULL;

	if (slash != NULL)
		memmove(path, slash + 1, strlen(slash));
	return path;
}

static void
base64url(char *dst, const char *src)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0;
	int have = 0;

	for (; *src != '\0'; src++) {
		bits = bits << 8 | (unsigned char)*src;
		for (have += 8; have >= 6; have -= 6)
			*dst++ = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*dst++ = letters[bits << (6 - have) & 63];
	*dst = '\0';
}

char *
web_behind_cache(const char *cache, const char *url)
{
	size_t base = strlen(cache), size;
	char *text;

	while (base > 0 && cache[base - 1] == '/')
		base--;
	size = base + 4 + strlen(url) * 4 / 3 + 4;
	text = malloc(size);
	if (text == NULL)
		return NULL;
	memcpy(text, cache, base);
	memcpy(text + base, "/b/", 3);
	base64url(text + base + 3, url);
	return text;
}
