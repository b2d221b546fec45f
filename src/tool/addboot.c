/* addboot: add's part for what boots an image. */
#include "spool/config.h"
#include "tool/addpriv.h"
#include "tool/kernel.h"
#include "tool/runfetch.h"

/* nbdmux-fetch has the library that reads archives. */
static int
run_netboot(struct adding *a, const char *check)
{
	const char *more[] = { "--netboot", a->add->netboot, check, NULL };
	struct diag said;
	int status = runfetch(a->tool, more, a->add->name, check != NULL ?
	    NULL : &a->sub.await.signals.old, &said, &a->error);

	if (status == TOOL_OK || status == -1)
		return status;
	return diag_set(&a->error, "%s", said.text[0] != '\0' ? said.text :
	    "nbdmux-fetch gave no reason");
}

int
add_boot_look(struct adding *a)
{
	if (a->add->netboot != NULL)
		return run_netboot(a, "--check");
	return kernel_look(a->tool, &a->add->record, &a->error);
}

int
add_boot(struct adding *a)
{
	uint64_t generation = a->sub.state.generation;

	if (config_data(&a->tool->places, &a->error) == -1 ||
	    kernel_publish(a->tool, a->add->name, &a->add->record, generation,
	    &a->error) == -1)
		return -1;
	return a->add->netboot != NULL ? run_netboot(a, NULL) : 0;
}
