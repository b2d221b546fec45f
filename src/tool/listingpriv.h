/* listingpriv: what the files of listing share. */
#ifndef TOOL_LISTINGPRIV_H
#define TOOL_LISTINGPRIV_H

#include "tool/listing.h"

/* Fills the rows' fetches, and what these mean for their errors. */
void listing_fetches(struct listing *l, struct tool *t);

#endif
