/* The registry: what an apply changes and says. */
#include <errno.h>

#include "export_spool.h"

TEST(an_added_export_is_served_as_its_first_generation)
{
	const struct state_export *s;
	struct generation *g;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a")->description = strdup("words");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_ADDED));
	s = &said("disk")->state;
	CHECK(s->format == STATE_FORMAT && s->status == STATUS_READY);
	CHECK(s->error == NULL && !s->builtin && s->mode == MODE_RO);
	CHECK_STR(s->image, at("a"));
	CHECK_STR(s->description, "words");
	CHECK(s->size == IMAGE_SIZE && s->generation == 1 && s->since > 0);
	CHECK(s->spool_ino == versions && s->spool_mtime == versions);
	g = join("disk");
	CHECK(g->number == 1 && first_byte(g) == 'a' && g->clients == 1);
	CHECK_STR(g->name, "disk");
	registry_leave(g);
	end();
}

TEST(the_same_view_again_changes_nothing)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	serve("lost", "none");
	spoil("bad", "bad.ini:3: wrong");
	CHECK(apply() == 3);
	CHECK(apply() == 0 && apply() == 0);
	end();
}

TEST(a_new_version_of_the_same_text_is_the_same)
{
	struct generation *g;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	serve("disk", "a");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_SAME));
	CHECK(said("disk")->state.spool_ino == versions);
	CHECK(said("disk")->state.generation == 1);
	CHECK(apply() == 0);
	g = join("disk");
	CHECK(g->number == 1);
	registry_leave(g);
	end();
}

TEST(changed_text_is_the_next_generation_for_the_next_client)
{
	struct generation *old, *new;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	old = join("disk");
	serve("disk", "a")->mode = MODE_RW;
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.generation == 2);
	CHECK(said("disk")->state.mode == MODE_RW);
	new = join("disk");
	CHECK(new->number == 2 && (new->backend->caps & BACKEND_WRITE));
	CHECK(old->number == 1 && !(old->backend->caps & BACKEND_WRITE));
	CHECK(first_byte(old) == 'a');
	registry_leave(old);
	registry_leave(new);
	end();
}

TEST(a_file_renamed_over_the_image_is_the_next_generation)
{
	struct generation *old, *new;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	old = join("disk");
	image("a", 'b', IMAGE_SIZE);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.generation == 2);
	new = join("disk");
	CHECK(first_byte(old) == 'a' && first_byte(new) == 'b');
	registry_leave(old);
	registry_leave(new);
	end();
}

TEST(a_negotiation_alone_finds_the_new_file)
{
	struct generation *old, *new;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	old = join("disk");
	CHECK(idled == 0);
	image("a", 'b', 2 * IMAGE_SIZE);
	new = join("disk");
	CHECK(new->number == 2 && first_byte(new) == 'b');
	CHECK(idled == 1);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.generation == 2);
	CHECK(said("disk")->state.size == 2 * IMAGE_SIZE);
	CHECK(apply() == 0 && idled == 1);
	registry_leave(old);
	registry_leave(new);
	end();
}

TEST(a_vanished_image_is_served_on_and_said_so)
{
	struct generation *g;
	const char *error;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	CHECK(unlink(at("a")) == 0);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.status == STATUS_READY);
	error = said("disk")->state.error;
	CHECK(error != NULL && strstr(error, "is gone") != NULL);
	CHECK(strstr(error, "generation 1 is still served") != NULL);
	CHECK(apply() == 0);
	g = join("disk");
	CHECK(g->number == 1 && first_byte(g) == 'a');
	registry_leave(g);
	image("a", 'b', IMAGE_SIZE);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.error == NULL);
	CHECK(said("disk")->state.generation == 2);
	end();
}

TEST(an_error_that_went_away_is_a_change)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	CHECK(rename(at("a"), at("b")) == 0);
	CHECK(apply() == 1);
	CHECK(rename(at("b"), at("a")) == 0);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.error == NULL);
	CHECK(said("disk")->state.generation == 1);
	end();
}

TEST(bad_text_leaves_what_is_served)
{
	const struct state_export *s;
	struct generation *g;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	spoil("disk", "disk.ini:2: unknown key");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	s = &said("disk")->state;
	CHECK(s->status == STATUS_READY && s->generation == 1);
	CHECK(strstr(s->error, "disk.ini:2: unknown key") == s->error);
	CHECK(s->spool_ino == versions);
	CHECK_STR(s->image, at("a"));
	g = join("disk");
	CHECK(g->number == 1);
	registry_leave(g);
	serve("disk", "none");
	CHECK(apply() == 1);
	s = &said("disk")->state;
	CHECK(s->status == STATUS_READY && s->generation == 1);
	CHECK(strstr(s->error, at("none")) != NULL);
	CHECK_STR(s->image, at("a"));
	serve("disk", "a");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_CHANGED));
	CHECK(said("disk")->state.error == NULL);
	CHECK(said("disk")->state.generation == 1);
	end();
}

TEST(one_bad_export_does_not_touch_the_others)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("good", "a");
	spoil("bad", "bad.ini:1: rubbish");
	serve("lost", "none");
	serve("dir", ".");
	CHECK(apply() == 4);
	CHECK(said("good")->state.status == STATUS_READY);
	CHECK(said("bad")->state.status == STATUS_FAILED);
	CHECK_STR(said("bad")->state.error, "bad.ini:1: rubbish");
	CHECK(said("bad")->state.generation == 0);
	CHECK(said("lost")->state.status == STATUS_FAILED);
	CHECK_STR(said("lost")->state.image, at("none"));
	CHECK(strstr(said("dir")->state.error, "directory") != NULL);
	CHECK(refusal("bad", &local, true) == REFUSE_FAILED);
	CHECK(refusal("good", &local, true) == REFUSE_NOT);
	image("none", 'n', IMAGE_SIZE);
	CHECK(apply() == 1 && said_kind("lost", CHANGE_CHANGED));
	CHECK(said("lost")->state.status == STATUS_READY);
	CHECK(said("lost")->state.generation == 1);
	end();
}

TEST(a_mode_that_is_not_supported_is_a_failed_export)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a")->mode = MODE_COW;
	CHECK(apply() == 1);
	CHECK(said("disk")->state.status == STATUS_FAILED);
	CHECK(strstr(said("disk")->state.error, "cow") != NULL);
	end();
}

TEST(a_removed_export_without_clients_is_gone_at_once)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	drop("disk");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_GONE));
	CHECK(refusal("disk", &local, true) == REFUSE_UNKNOWN);
	CHECK(apply() == 0);
	end();
}

TEST(a_removed_export_drains_and_goes_with_its_last_client)
{
	struct generation *a, *b;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	a = join("disk");
	b = join("disk");
	drop("disk");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_REMOVED));
	CHECK(said("disk")->state.status == STATUS_DRAINING);
	CHECK(said("disk")->state.generation == 1);
	CHECK(said("disk")->state.spool_ino == 0);
	CHECK(refusal("disk", &local, true) == REFUSE_UNKNOWN);
	CHECK(first_byte(a) == 'a' && !a->kicked);
	CHECK(apply() == 0);
	registry_leave(a);
	CHECK(idled == 0 && apply() == 0);
	registry_leave(b);
	CHECK(idled == 1);
	CHECK(apply() == 1 && said_kind("disk", CHANGE_GONE));
	CHECK(apply() == 0);
	end();
}

TEST(a_name_that_comes_back_goes_on_counting)
{
	struct generation *old, *new;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	old = join("disk");
	drop("disk");
	apply();
	serve("disk", "a");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_ADDED));
	CHECK(said("disk")->state.generation == 2);
	CHECK(said("disk")->state.status == STATUS_READY);
	new = join("disk");
	CHECK(new->number == 2 && new->export == old->export);
	registry_leave(old);
	CHECK(idled == 0);
	registry_leave(new);
	end();
}

TEST(a_kick_ends_whom_new_clients_would_not_get)
{
	struct generation *old, *new, *other;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	serve("other", "a");
	apply();
	old = join("disk");
	other = join("other");
	kick("disk");
	apply();
	CHECK(!changes.kicked && !old->kicked);
	image("a", 'b', IMAGE_SIZE);
	apply();
	CHECK(changes.kicked && old->kicked && !other->kicked);
	apply();
	CHECK(!changes.kicked);
	new = join("disk");
	CHECK(!new->kicked);
	registry_leave(old);
	CHECK(idled == 1);
	drop("disk");
	apply();
	CHECK(changes.kicked && new->kicked);
	registry_leave(new);
	registry_leave(other);
	end();
}

TEST(the_probe_is_there_unless_the_spool_has_its_own)
{
	struct registry_options off = { .probe = false };
	struct generation *g;

	begin_with(true, NULL);
	CHECK(apply() == 1 && said_kind("probe", CHANGE_ADDED));
	CHECK(said("probe")->state.builtin);
	CHECK(said("probe")->state.size == 1024 * 1024);
	CHECK(said("probe")->state.spool_ino == 0);
	CHECK(apply() == 0);
	g = join("probe");
	CHECK(g->backend->size == 1024 * 1024 && first_byte(g) == 0);
	image("a", 'a', IMAGE_SIZE);
	serve("probe", "a");
	CHECK(apply() == 1 && said_kind("probe", CHANGE_CHANGED));
	CHECK(!said("probe")->state.builtin);
	CHECK(said("probe")->state.generation == 2);
	registry_leave(g);
	drop("probe");
	CHECK(apply() == 1 && said("probe")->state.builtin);
	CHECK(said("probe")->state.generation == 3);
	CHECK(registry_configure(reg, &off, NULL) == 0);
	CHECK(apply() == 1 && said_kind("probe", CHANGE_GONE));
	end();
}

TEST(all_states_are_told_again_when_they_were_lost)
{
	struct generation *g;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	serve("drained", "a");
	serve("lost", "none");
	apply();
	g = join("drained");
	drop("drained");
	apply();
	CHECK(apply() == 0);
	registry_republish(reg);
	CHECK(apply() == 3 && said_kind("disk", CHANGE_SAME));
	CHECK(said("disk")->state.status == STATUS_READY);
	CHECK(said_kind("drained", CHANGE_REMOVED));
	CHECK(said("drained")->state.status == STATUS_DRAINING);
	CHECK(said("lost")->state.status == STATUS_FAILED);
	CHECK(apply() == 0);
	registry_leave(g);
	end();
}

TEST(image_dirs_are_taken_up_by_the_next_apply)
{
	struct registry_options o = { .image_dirs = "/nowhere" };

	begin();
	image("a", 'a', IMAGE_SIZE);
	CHECK(registry_configure(reg, &o, NULL) == 0);
	serve("disk", "a");
	CHECK(apply() == 1);
	CHECK(said("disk")->state.status == STATUS_FAILED);
	CHECK(strstr(said("disk")->state.error, "image-dirs") != NULL);
	o.image_dirs = root;
	CHECK(registry_configure(reg, &o, NULL) == 0);
	CHECK(apply() == 1);
	CHECK(said("disk")->state.status == STATUS_READY);
	end();
}

TEST(tighter_image_dirs_let_no_new_client_in)
{
	struct registry_options o = { .image_dirs = "/nowhere" };
	struct generation *old, *g = NULL;
	struct diag d;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	old = join("disk");
	CHECK(registry_configure(reg, &o, NULL) == 0);
	CHECK(registry_acquire(reg, "disk", 4, &local, true, &g, &d) ==
	    REFUSE_FAILED);
	CHECK(apply() == 1);
	CHECK(said("disk")->state.status == STATUS_FAILED);
	CHECK(strstr(said("disk")->state.error, "image-dirs") != NULL);
	CHECK(registry_acquire(reg, "disk", 4, &local, true, &g, &d) ==
	    REFUSE_FAILED);
	CHECK(apply() == 0);
	CHECK(first_byte(old) == 'a'); /* who was there stays */
	o.image_dirs = root;
	CHECK(registry_configure(reg, &o, NULL) == 0);
	CHECK(apply() == 1);
	CHECK(said("disk")->state.status == STATUS_READY);
	CHECK(said("disk")->state.generation == 2);
	registry_leave(old);
	end();
}

TEST(the_size_is_what_clients_see)
{
	begin();
	image("a", 'a', 10000);
	serve("disk", "a");
	entries[place("disk")]->record.block_min = 4096;
	CHECK(apply() == 1);
	CHECK(said("disk")->state.size == 8192);
	image("a", 'a', 4095);
	serve("disk", "a");
	entries[place("disk")]->record.block_min = 4096;
	CHECK(apply() == 1);
	CHECK(strstr(said("disk")->state.error, "less than one block") !=
	    NULL);
	end();
}

int
main(void)
{
	RUN(an_added_export_is_served_as_its_first_generation);
	RUN(the_same_view_again_changes_nothing);
	RUN(a_new_version_of_the_same_text_is_the_same);
	RUN(changed_text_is_the_next_generation_for_the_next_client);
	RUN(a_file_renamed_over_the_image_is_the_next_generation);
	RUN(a_negotiation_alone_finds_the_new_file);
	RUN(a_vanished_image_is_served_on_and_said_so);
	RUN(an_error_that_went_away_is_a_change);
	RUN(bad_text_leaves_what_is_served);
	RUN(one_bad_export_does_not_touch_the_others);
	RUN(a_mode_that_is_not_supported_is_a_failed_export);
	RUN(a_removed_export_without_clients_is_gone_at_once);
	RUN(a_removed_export_drains_and_goes_with_its_last_client);
	RUN(a_name_that_comes_back_goes_on_counting);
	RUN(a_kick_ends_whom_new_clients_would_not_get);
	RUN(the_probe_is_there_unless_the_spool_has_its_own);
	RUN(all_states_are_told_again_when_they_were_lost);
	RUN(image_dirs_are_taken_up_by_the_next_apply);
	RUN(tighter_image_dirs_let_no_new_client_in);
	RUN(the_size_is_what_clients_see);
	return DONE();
}
