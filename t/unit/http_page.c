/* page: the way back from any path. */
#include "http/page.h"

#include "unit.h"

static const char *
root(const char *path)
{
	struct http h = { .request = { .path = path } };

	return page_root(&h);
}

TEST(links_go_up_as_far_as_the_path_goes_down)
{
	CHECK_STR(root("/"), "./");
	CHECK_STR(root(""), "./");
	CHECK_STR(root("/nothing"), "./");
	CHECK_STR(root("/ui/login"), "../");
	CHECK_STR(root("/admin/delete_export/x"), "../../");
	CHECK_STR(root("/1/2/3/4/5/6/7/8"), "../../../../../../../");
	CHECK_STR(root("/1/2/3/4/5/6/7/8/9"), "../../../../../../../../");
	CHECK_STR(root("/1/2/3/4/5/6/7/8/9/10/11"), "../../../../../../../../");
}

int
main(void)
{
	RUN(links_go_up_as_far_as_the_path_goes_down);
	return DONE();
}
